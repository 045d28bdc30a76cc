//! `xunzhen rules diff`: what two packs would make of everybody's stored past.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{
        atomic::Ordering,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

use serde_json::json;
use tokio::time::Instant;

use super::{
    super::{Common, Failure, configure, formula, pieces},
    picture::Picture,
};
use crate::{
    assess::Pack,
    domain::{Clock, Timestamp},
    store::{Reader, read_beside, sqlite},
    trial::{Changed, Counted, Opening, Question, Tally, sweep},
};

/// Threads that read and judge.
const THREADS: usize = 2;
/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// Between two lines about it where nobody sits at a terminal.
const LINE: Duration = Duration::from_secs(10);

/// Compare two packs over the stored past
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Diff {
    /// built-in, nbphs-3, guideline-2024, primary-care-2025 or a file
    a: PathBuf,
    /// The same, to compare with it
    b: PathBuf,
    /// The data folder; a running gateway is not disturbed
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Time runs to here, as 2026-03-02T00:00:00+08:00 [default: now]
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Write everybody who would change to this file, as CSV
    #[arg(long, value_name = "FILE")]
    people: Option<PathBuf>,
    /// People to list here
    #[arg(long, default_value_t = 10, value_name = "N")]
    first: usize,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// `rules diff`.
pub(super) fn run(command: &Diff, common: &Common, out: &mut dyn Write) -> Result<(), Failure> {
    let (a, b) = (draft(&command.a)?, draft(&command.b)?);
    let until = match &command.until {
        None => Clock::system().now(),
        Some(text) => Timestamp::parse(text).ok_or_else(|| {
            Failure::Usage(format!("--until {text:?}: expected 2026-03-02T00:00:00+08:00"))
        })?,
    };
    let flags = command.data_dir.as_ref().map(|dir| ("store.dir", dir.display().to_string()));
    let (config, _) = configure::read(common, flags.into_iter().collect())?;
    let mut options = sqlite::Options::new(&config.store.dir);
    options.page_cache_bytes = config.store.page_cache_bytes;
    let sealed_under = sqlite::sealed_under(&config.store.dir)?;
    options.ring = sqlite::KeyRing::find(pieces::key_file(&config)?, &sealed_under)?;
    let reader = read_beside(&options)?;
    let question = Question { packs: [&a, &b], until, threads: THREADS };
    let tally = watched(reader.as_ref(), question)?;
    if let Some(path) = &command.people {
        write_people(path, [&a, &b], &tally.changed)?;
    }
    let picture = Picture { packs: [&a, &b], tally: &tally, until, first: command.first };
    if command.json {
        writeln!(out, "{}", picture.json())?;
    } else {
        picture.draw(out)?;
    }
    Ok(())
}

/// A pack to be tried out. What would keep it out of force is said, and is no hindrance here.
fn draft(named: &Path) -> Result<Pack, Failure> {
    if named.as_os_str() == "built-in" {
        return pieces::pack(None, Pack::draft);
    }
    let pack = pieces::pack(Some(named), Pack::draft)?;
    if let Err(refusal) = Pack::laid_over(&pieces::pack_text(named)?) {
        let (named, count) = (named.display(), refusal.problems.len());
        writeln!(
            std::io::stderr(),
            "{named}: could not be put in force yet: {count} problem(s), see rules check / \
             尚不能启用，见 rules check"
        )?;
    }
    Ok(pack)
}

/// Sweeps while telling on standard error how far it is.
fn watched(reader: &dyn Reader, question: Question<'_>) -> Result<Tally, Failure> {
    let total = reader.counts().map(|counts| counts.stored.saturating_add(counts.rejected))?;
    let counted = Counted::default();
    let begun = Instant::now();
    let (done, ended) = channel::<()>();
    let swept = thread::scope(|scope| {
        let counted = &counted;
        let sweeping = scope.spawn(move || {
            let swept = sweep(reader, question, counted);
            drop(done);
            swept
        });
        let told = tell(&ended, counted, (total, begun));
        let swept = sweeping.join().map_err(|_panic| {
            Failure::Failed("judging the past broke off / 计算中断".to_owned())
        })?;
        told?;
        Ok::<_, Failure>(swept?)
    })?;
    Ok(swept)
}

fn tell(
    ended: &std::sync::mpsc::Receiver<()>,
    counted: &Counted,
    (total, begun): (u64, Instant),
) -> Result<(), Failure> {
    let mut err = std::io::stderr();
    let (terminal, mut told) = (err.is_terminal(), Instant::now());
    loop {
        let over = ended.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout);
        if over || terminal || told.elapsed() >= LINE {
            told = Instant::now();
            let readings = counted.readings.load(Ordering::Relaxed);
            let people = counted.people.load(Ordering::Relaxed);
            let line = so_far((readings, total), people, begun.elapsed());
            match (terminal, over) {
                (true, false) => write!(err, "\r{line}\x1b[K")?,
                (true, true) => writeln!(err, "\r{line}\x1b[K")?,
                (false, _) => writeln!(err, "{line}")?,
            }
        }
        if over {
            return Ok(());
        }
    }
}

/// How far it is, how fast, and how long it will take.
fn so_far((readings, total): (u64, u64), people: u64, spent: Duration) -> String {
    let millis = u64::try_from(spent.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = readings.saturating_mul(1000) / millis;
    let rest = total.saturating_sub(readings).checked_div(rate);
    let rest = rest.map_or_else(|| "?".to_owned(), |seconds| format!("{seconds} s"));
    format!(
        "{people} people, {readings} of {total} readings, {rate}/s, {} s, ETA {rest}",
        millis / 1000
    )
}

fn write_people(path: &Path, packs: [&Pack; 2], changed: &[Changed]) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_path(path).map_err(|error| Failure::of(&error))?;
    let mut write =
        |cells: [&str; 6]| formula::write(&mut writer, cells).map_err(|error| Failure::of(&error));
    write(["person", "doctor", "pack", "concept", "level", "at"])?;
    for one in changed {
        let doctor = one.doctor.as_ref().map_or("", |doctor| doctor.as_str());
        for (pack, openings) in packs.into_iter().zip([&one.a, &one.b]) {
            for Opening { concept, level, at } in openings {
                let (level, at) = (crate::notify::level_code(*level), at.to_string());
                write([one.person.as_str(), doctor, pack.title(), concept.as_str(), level, &at])?;
            }
        }
    }
    writer.flush()?;
    Ok(())
}

/// An opening as JSON.
pub(super) fn opening(it: &Opening) -> serde_json::Value {
    json!({ "concept": it.concept.as_str(), "level": crate::notify::level_code(it.level), "at": it.at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(readings: (u64, u64), spent: Duration, expected: &str) {
        assert_eq!(so_far(readings, 7, spent), expected);
    }

    #[test]
    fn the_rest_is_told_from_the_rate_so_far() {
        let (none, two) = (Duration::ZERO, Duration::from_secs(2));
        check((0, 100), none, "7 people, 0 of 100 readings, 0/s, 0 s, ETA ?");
        check((20, 100), two, "7 people, 20 of 100 readings, 10/s, 2 s, ETA 8 s");
        check((100, 100), two, "7 people, 100 of 100 readings, 50/s, 2 s, ETA 0 s");
    }
}
