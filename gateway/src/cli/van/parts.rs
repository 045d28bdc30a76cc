//! The parts of the page that live: what both gateways say, in words, numbers, shapes and colours.

use askama::Template;
use serde_json::{Value, json};
use simulators::world::van::{BENCH, Moment, SITE};
use tokio::time::Instant;

use super::{
    ask::{Receipt, Seen, Told, Warned},
    round::only_in,
    side::{Run, Which},
    stage::Stage,
};

/// Alerts that are shown; the others are counted.
const SHOWN: usize = 6;

/// Signs of a hash that tell one from another.
const HASH: usize = 8;

/// The five steps.
#[derive(Template)]
#[template(path = "demo_van_steps.html")]
pub(super) struct StepsPart {
    done: [bool; 5],
    /// The first that is not done.
    next: usize,
    /// Seconds from the plug to green.
    took: Option<String>,
    /// Seconds since the plug.
    waits: Option<u64>,
    warned: usize,
    lost: u64,
}

impl StepsPart {
    pub(super) fn of(stage: &Stage) -> Self {
        let round = stage.round();
        Self {
            done: round.done,
            next: round.done.iter().position(|done| !done).unwrap_or(round.done.len()),
            took: round.took.map(|took| format!("{:.1}", took.as_secs_f64())),
            waits: round.waiting_for(Instant::now()).map(|waits| waits.as_secs()),
            warned: round.warned.len(),
            lost: stage.lost(),
        }
    }

    fn class(&self, number: usize) -> &'static str {
        match (self.done.get(number), self.next == number) {
            (Some(true), _) => "done",
            (_, true) => "next",
            _ => "",
        }
    }
}

/// Who sits at the bench.
struct Sitting {
    name: String,
    person: String,
    /// How far it is, in both languages.
    zh: &'static str,
    en: &'static str,
}

/// The cable and the bench.
#[derive(Template)]
#[template(path = "demo_van_cable.html")]
pub(super) struct CablePart {
    plugged: bool,
    green: bool,
    /// Facts on the van that wait.
    waiting: Option<u64>,
    carried_kib: u64,
    now: Option<Sitting>,
    last: Option<(String, String)>,
    visits: u32,
    queued: usize,
    open: bool,
}

impl CablePart {
    pub(super) fn of(stage: &Stage) -> Self {
        let bench = stage.bench();
        let now = bench.now.map(|(visit, moment)| {
            let (zh, en) = match moment {
                None => ("等待车载网关", "waits for the van"),
                Some(Moment::Card) => ("已刷卡，正在测血压", "card read, the cuff measures"),
                Some(Moment::Cuff) => ("血压已测，正在测血糖", "cuff done, the meter measures"),
                Some(Moment::Meter) => ("已测完，正在落盘", "measured, being saved"),
            };
            Sitting { name: visit.name, person: visit.person, zh, en }
        });
        let last = bench.last.map(|visit| {
            let (pressure, tenths) = (visit.pressure, visit.glucose_tenths);
            let [whole, rest] = [tenths / 10, tenths % 10];
            let value = format!("{}/{} · {whole}.{rest}", pressure.systolic, pressure.diastolic);
            (visit.name, value)
        });
        Self {
            plugged: stage.cable.is_plugged(),
            green: stage.is_green(),
            waiting: stage.seen(Which::Van).waiting,
            carried_kib: stage.cable.carried() / 1024,
            now,
            last,
            visits: bench.visits,
            queued: stage.queued(),
            open: stage.is_open(),
        }
    }
}

/// An alert as it is shown.
struct AlertLine {
    level: String,
    /// Shape and number, so that nobody needs the colour.
    sign: &'static str,
    level_zh: &'static str,
    level_en: &'static str,
    of: Warned,
    name: String,
    /// It stands at the other gateway under the same id.
    both: bool,
}

/// A reading as it is shown.
struct ReadingLine {
    of: Told,
    name: String,
}

/// One of the two gateways.
#[derive(Template)]
#[template(path = "demo_van_side.html")]
pub(super) struct SidePart {
    is_van: bool,
    run: Run,
    fresh: bool,
    /// Seconds since its last answer.
    silent: u64,
    green: bool,
    waiting: Option<u64>,
    /// When the other end was last heard; 0: not since its start.
    contact: u64,
    peopled: bool,
    receipt: Receipt,
    same: bool,
    alerts: Vec<AlertLine>,
    more: usize,
    readings: Vec<ReadingLine>,
}

impl SidePart {
    pub(super) fn of(stage: &Stage, which: Which) -> Self {
        let other = if which == Which::Van { Which::Centre } else { Which::Van };
        let (seen, there) = (stage.seen(which), stage.seen(other));
        let run = stage.side(which).run();
        let silent = seen.at.unwrap_or(stage.begun).elapsed().as_secs();
        let name = |person: &str| stage.names.get(person).cloned().unwrap_or_default();
        let alone = only_in(&seen, &there);
        let line = |of: &Warned| AlertLine {
            sign: level(&of.level).0,
            level_zh: level(&of.level).1,
            level_en: level(&of.level).2,
            level: of.level.clone(),
            name: name(&of.person),
            both: !alone.contains(&of.id),
            of: of.clone(),
        };
        Self {
            is_van: which == Which::Van,
            fresh: seen.is_fresh() && run.pid.is_some(),
            silent,
            green: stage.is_green(),
            waiting: seen.waiting,
            contact: seen.contact,
            peopled: seen.peopled,
            same: seen.receipt == there.receipt,
            alerts: seen.alerts.iter().take(SHOWN).map(line).collect(),
            more: seen.alerts.len().saturating_sub(SHOWN),
            readings: seen
                .readings
                .iter()
                .map(|of| ReadingLine { name: name(&of.person), of: of.clone() })
                .collect(),
            receipt: Receipt {
                hash: seen.receipt.hash.chars().take(HASH).collect(),
                ..seen.receipt.clone()
            },
            run,
        }
    }

    const fn slug(&self) -> &'static str {
        if self.is_van { "van" } else { "centre" }
    }

    fn bench() -> String {
        format!("{SITE}/{BENCH}")
    }
}

/// Shape, number and words of a level.
fn level(name: &str) -> (&'static str, &'static str, &'static str) {
    match name {
        "red" => ("⬡1", "红", "red"),
        "orange" => ("▲2", "橙", "orange"),
        "yellow" => ("◆3", "黄", "yellow"),
        _ => ("●4", "蓝", "blue"),
    }
}

/// Everything in figures.
pub(super) fn figures(stage: &Stage) -> Value {
    let side = |which: Which| {
        let (run, seen): (Run, Seen) = (stage.side(which).run(), stage.seen(which));
        let alerts: Vec<Value> =
            seen.alerts.iter().map(|of| json!({"id": of.id, "level": of.level})).collect();
        json!({
            "pid": run.pid, "http": run.http.map(|http| http.to_string()), "starts": run.starts,
            "fresh": seen.is_fresh(), "waiting": seen.waiting, "confirmed": seen.confirmed,
            "position": seen.position, "stored": seen.stored, "alerts": alerts,
            "receipt": {"people": seen.receipt.people, "readings": seen.receipt.readings,
                "alerts": seen.receipt.alerts, "quarantined": seen.receipt.quarantined,
                "hash": seen.receipt.hash},
        })
    };
    let (round, bench) = (stage.round(), stage.bench());
    json!({
        "plugged": stage.cable.is_plugged(), "green": stage.is_green(), "open": stage.is_open(),
        "visits": bench.visits, "queued": stage.queued(), "lost": stage.lost(),
        "steps": round.done, "warned": round.warned,
        "seconds_to_green": round.took.map(|took| took.as_secs_f64()),
        "van": side(Which::Van), "centre": side(Which::Centre),
    })
}
