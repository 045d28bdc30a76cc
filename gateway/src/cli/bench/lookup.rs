//! `xunzhen bench lookup`: a registry imported as `registry import` does it, twice, and people of it
//! looked up as the page does it, beside a scan by LIKE over the same names.

use std::{fs::File, io::BufWriter, io::Write, path::Path, sync::Arc};

use serde_json::Value;
use simulators::census::{Census, KINDS, Resident};
use tokio::time::Instant;

use super::{
    SEED,
    figure::{Figure, Times, rate, ratio},
    place::Place,
    usage::{machine_load, resident},
    world::Random,
};
use crate::{
    cli::{
        Common, Failure, LogFormat,
        admin::Admin,
        import::{self, Asked},
        table::Kind,
    },
    domain::{DoctorId, initials, surname_letters},
    store::{
        Reader, Store,
        sqlite::BareNames,
        view::{Paging, Scope},
    },
};

/// People on one page of the list.
const LISTED: usize = 50;

/// A registry imported twice, and people of it looked up
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Lookup {
    /// A folder that is kept; else a temporary one
    #[arg(long, value_name = "DIR")]
    dir: Option<std::path::PathBuf>,
    /// People of the registry
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    people: u32,
    /// Questions of each kind
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    questions: u32,
    /// The seed of everything random
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

/// `bench lookup`.
pub(super) fn run(command: &Lookup, out: &mut dyn Write) -> Result<(), Failure> {
    let place = command.dir.as_deref().map_or_else(Place::temporary, Place::of_folder)?;
    let census = Census { seed: command.seed, people: command.people };
    let mut figure = Figure::new("lookup", command.seed);
    figure.add("people", command.people);
    figure.add("villages", census.villages());
    import_all(&place, census, &mut figure)?;
    look_up(&place, census, command, &mut figure)?;
    figure.add("machine_load", machine_load());
    figure.tell(out)?;
    Ok(())
}

/// Imports every kind, and people once more.
fn import_all(place: &Place, census: Census, figure: &mut Figure) -> Result<(), Failure> {
    let mut spent = std::time::Duration::ZERO;
    for kind in KINDS {
        let path = place.dir().join(format!("{kind}.csv"));
        let mut file = BufWriter::new(File::create(&path)?);
        census.write(kind, &mut file)?;
        file.flush()?;
        drop(file);
        let begin = Instant::now();
        import_file(place, kind, &path)?;
        spent = begin.elapsed();
    }
    figure.add("import_seconds", spent.as_secs());
    figure.add("import_rows_per_second", rate(u64::from(census.people), spent));
    let begin = Instant::now();
    let again = import_file(place, "people", &place.dir().join("people.csv"))?;
    figure.add("second_import_rows_per_second", rate(u64::from(census.people), begin.elapsed()));
    figure.add("second_import_entered", again.get("entered").cloned().unwrap_or_default());
    figure.add("peak_resident_kib", resident(std::process::id())?.1);
    let bytes = std::fs::metadata(place.store().join("xunzhen.db"))?.len();
    figure.add("store_bytes_per_person", bytes / u64::from(census.people).max(1));
    Ok(())
}

/// What the import said at its end.
fn import_file(place: &Place, kind: &str, path: &Path) -> Result<Value, Failure> {
    let kind = match kind {
        "sites" => Kind::Sites,
        "doctors" => Kind::Doctors,
        "households" => Kind::Households,
        _ => Kind::People,
    };
    let common = Common { config: None, log_format: LogFormat::Auto };
    let admin = Admin::connect(&common, Some(&place.store()))?;
    let asked = Asked { file: path, dry_run: false, rejects: None, author: "bench" };
    let mut told = Vec::new();
    import::rows(admin, kind, &asked, &mut told)?;
    serde_json::from_slice(&told).map_err(|error| Failure::of(&error))
}

/// A kind of question: how it is made of somebody, and its two figures.
type Question = (fn(&Resident) -> String, [&'static str; 2]);

const QUESTIONS: [Question; 7] = [
    (|who| who.name.clone(), ["name_p50_us", "name_p99_us"]),
    (|who| who.name.chars().take(1).collect(), ["surname_p50_us", "surname_p99_us"]),
    (given, ["given_name_p50_us", "given_name_p99_us"]),
    (spelled, ["initials_p50_us", "initials_p99_us"]),
    (|who| spelled(who).chars().take(2).collect(), ["two_initials_p50_us", "two_initials_p99_us"]),
    (|who| who.card.clone(), ["card_p50_us", "card_p99_us"]),
    (|who| who.village.clone(), ["village_p50_us", "village_p99_us"]),
];

fn given(who: &Resident) -> String {
    who.name.chars().skip(surname_letters(&who.name)).collect()
}

fn spelled(who: &Resident) -> String {
    initials(&who.name).into_iter().next().unwrap_or_default()
}

fn look_up(
    place: &Place,
    census: Census,
    command: &Lookup,
    figure: &mut Figure,
) -> Result<(), Failure> {
    let store = place.open()?;
    let reader: Arc<dyn Reader> = store.reader();
    let mut random = Random::new(command.seed);
    let (mut missed, mut by_name) = (0_u64, None);
    for (question, keys) in QUESTIONS {
        let mut times = Times::default();
        for _ in 0..command.questions {
            let who = census.resident(random.below(census.people));
            let (asked, page) = (question(&who), Paging { limit: LISTED, after: None });
            let begin = Instant::now();
            let found = reader.people(&Scope::Everything, &asked, &page)?;
            times.add(begin.elapsed());
            let seen = found.items.iter().any(|person| person.person.as_str() == who.id);
            missed = missed.saturating_add(u64::from(!seen && found.next.is_none()));
        }
        by_name.get_or_insert(times.percentile(50));
        figure.add_times(keys, &mut times);
    }
    figure.add("not_found", missed);
    within_scopes(&*reader, census, command, figure)?;
    let scan = scan(place, census, command, figure)?;
    figure.add("like_scan_of_name", ratio(scan, by_name.unwrap_or_default()));
    Ok(())
}

/// Two initials, within a township and within a doctor's own people.
fn within_scopes(
    reader: &dyn Reader,
    census: Census,
    command: &Lookup,
    figure: &mut Figure,
) -> Result<(), Failure> {
    let mut random = Random::new(command.seed);
    let (mut township, mut doctor) = (Times::default(), Times::default());
    for _ in 0..command.questions {
        let who = census.resident(random.below(census.people));
        let asked: String = spelled(&who).chars().take(2).collect();
        let number = random.below(census.villages());
        let own = DoctorId::new(&format!("DR{number}")).map_err(|error| Failure::of(&error))?;
        let scopes = [Scope::Place("第0镇".to_owned()), Scope::Doctor(own)];
        for (scope, times) in scopes.iter().zip([&mut township, &mut doctor]) {
            let begin = Instant::now();
            reader.people(scope, &asked, &Paging { limit: LISTED, after: None })?;
            times.add(begin.elapsed());
        }
    }
    figure.add_times(["in_township_p50_us", "in_township_p99_us"], &mut township);
    figure.add_times(["of_doctor_p50_us", "of_doctor_p99_us"], &mut doctor);
    Ok(())
}

/// The yardstick: the same names in a table of their own, and LIKE. Returns the time of the middle.
fn scan(
    place: &Place,
    census: Census,
    command: &Lookup,
    figure: &mut Figure,
) -> Result<u64, Failure> {
    let file = place.dir().join("bare-names.db");
    if file.try_exists()? {
        std::fs::remove_file(&file)?;
    }
    let people = (0..census.people).map(|number| {
        let who = census.resident(number);
        let initials = spelled(&who);
        [who.id, who.name, initials]
    });
    let bare = BareNames::fill(&file, people)?;
    let mut random = Random::new(command.seed);
    let mut times = Times::default();
    for _ in 0..command.questions.div_ceil(20) {
        let who = census.resident(random.below(census.people));
        let begin = Instant::now();
        bare.like(&who.name, u32::try_from(LISTED).unwrap_or(u32::MAX))?;
        times.add(begin.elapsed());
    }
    let scan = times.percentile(50);
    figure.add_times(["like_scan_p50_us", "like_scan_p99_us"], &mut times);
    Ok(scan)
}
