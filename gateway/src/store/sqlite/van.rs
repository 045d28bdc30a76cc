//! How many bytes a van's days take on disk (issue 5, part 3), and stores of earlier days that must
//! open for ever.

use std::{io::Write as _, os::unix::fs::PermissionsExt as _, path::Path};

use super::{FORMAT_VERSION, Options, SqliteStore, files, make_folder};
use crate::{
    domain::{Level, Millis, OpenedBy, Timestamp},
    receipt::{Day, Verdict, answer, compare},
    store::{
        AlertChange, BenchSession, CardScan, Change, CommitSeq, Fact, KeptState, Store,
        fixtures::{
            NOON, alert, commit, crossing, event, household, id, key, person, quarantined, reading,
            refused, site,
        },
    },
};

/// What a van must hold (DESIGN section 7, issue 5 part 3).
const DAYS: u64 = 90;
const PEOPLE_A_DAY: u64 = 60;
/// Five readings in two visits: two and a half each.
const READINGS_OF_TWO: u64 = 5;

/// People of the villages that a van serves.
const PEOPLE: u64 = 1500;

/// At most so many bytes for the 90 days, roster included: what the operator's page says.
const BYTES_MAX: u64 = 48 * 1024 * 1024;

/// Of 100 visits so many cross a line: more than any township has.
const CROSSINGS: u64 = 20;

fn person_of(number: u64) -> String {
    format!("P{:06}", number % PEOPLE)
}

fn at(visit: u64) -> Timestamp {
    let day = i64::try_from(visit / PEOPLE_A_DAY).unwrap();
    let minute = i64::try_from(visit % PEOPLE_A_DAY).unwrap() * 8;
    NOON.plus(Millis::days(day)).plus(Millis::minutes(minute - 240))
}

fn register(store: &mut dyn Store) {
    let mut facts = vec![site("V03", "North", "Qingshi", "Yun")];
    for number in 0..PEOPLE {
        let home = format!("H{:05}", number / 3);
        if number % 3 == 0 {
            facts.push(household(&home, &format!("V{}", number % 12), Some("DR1")));
        }
        facts.push(person(&person_of(number), Some(&home), ""));
    }
    commit(store, &facts, &[]);
}

/// What one visit leaves: the card in and out, the session, two or three readings with their frames, what the
/// lines remember, and for one in five an alert with its steps.
fn visit(number: u64, facts: &mut Vec<Fact>, changes: &mut Vec<Change>) {
    let (who, from) = (person_of(number * 7), at(number));
    let scan = |out, minutes| {
        let at = from.plus(Millis::minutes(minutes));
        let (site, bench, person) = (id("V03"), id("B1"), Some(id(&who)));
        let card = format!("K{number:08}");
        Fact::CardScan(CardScan {
            site,
            bench,
            card,
            person,
            at,
            received_at: at,
            out,
            opened_by: OpenedBy::Reader(None),
        })
    };
    facts.push(scan(false, 0));
    let (count, first) = match number % 2 {
        0 => (READINGS_OF_TWO / 2, number / 2 * READINGS_OF_TWO),
        _ => (READINGS_OF_TWO.div_ceil(2), number / 2 * READINGS_OF_TWO + READINGS_OF_TWO / 2),
    };
    for number in first..first + count {
        let mut stored = reading(number, Some(&who), "V03", 0);
        stored.reading.bench = Some(id("B1"));
        stored.reading.received_at = from.plus(Millis::minutes(1));
        stored.reading.measured.at = from.plus(Millis::minutes(1));
        stored.server_at = from;
        stored.reading.raw = Some(vec![0x5a; 30]);
        facts.push(Fact::Reading(Box::new(stored)));
    }
    facts.push(scan(true, 6));
    let (site, bench, person) = (id("V03"), id("B1"), id(&who));
    let until = from.plus(Millis::minutes(6));
    changes.push(Change::Session(BenchSession {
        site,
        bench,
        person,
        from,
        until,
        opened_by: OpenedBy::Reader(None),
    }));
    let (person, judged_with, state) = (id(&who), [1; 16], vec![7; 600]);
    changes.push(Change::KeepState(Box::new(KeptState { person, judged_with, state })));
    changes.push(Change::Watch(id(&who), Some(from.plus(Millis::days(30)))));
    if number % 100 < CROSSINGS {
        let raised = alert(i64::try_from(number).unwrap() + 1, &who, Some("DR1"), Level::Orange);
        facts.push(crossing(key(first), &raised));
        for change in [AlertChange::Opened, AlertChange::Acknowledged, AlertChange::Closed] {
            facts.push(event(&raised, change));
        }
        changes.push(Change::Alert(Box::new(raised)));
    }
    if number.is_multiple_of(50) {
        facts.push(refused(Some("V03")));
        facts.push(quarantined(number + (1 << 30), None, "V03"));
    }
}

fn size(folder: &Path) -> u64 {
    let bytes = |name: &str| folder.join(name).metadata().map_or(0, |found| found.len());
    bytes(files::DATABASE) + bytes(files::WRITE_AHEAD)
}

#[test]
fn ninety_days_of_a_van_fit_in_the_bytes_that_the_operator_s_page_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
    register(&mut store);
    store.checkpoint().unwrap();
    let roster = size(folder.path());
    let visits = DAYS * PEOPLE_A_DAY;
    for block in 0..visits / PEOPLE_A_DAY {
        let (mut facts, mut changes) = (Vec::new(), Vec::new());
        for number in block * PEOPLE_A_DAY..(block + 1) * PEOPLE_A_DAY {
            visit(number, &mut facts, &mut changes);
        }
        commit(&mut store, &facts, &changes);
    }
    while store.roll_up(5000).unwrap() < store.reader().last().unwrap() {}
    store.checkpoint().unwrap();
    store.reopen().unwrap();
    let (all, readings) = (size(folder.path()), visits * READINGS_OF_TWO / 2);
    let line = format!(
        "{readings} readings of {DAYS} days: {all} bytes with a roster of {PEOPLE} people ({roster}); \
         {} bytes a reading with everything around it",
        (all - roster) / readings
    );
    writeln!(std::io::stdout(), "{line}").unwrap();
    assert!(all <= BYTES_MAX, "{line}");
    // A month of receipts is counted from the index, whatever else is stored.
    let began = tokio::time::Instant::now();
    let reader = store.reader();
    let mut counted = 0;
    for day in 0..31 {
        let log = reader.day_log(&id("V03"), Day::of(NOON).plus(day)).unwrap();
        counted += log.receipt().whole().readings;
    }
    let took = began.elapsed();
    writeln!(std::io::stdout(), "31 days of receipts, {counted} readings: {took:?}").unwrap();
    assert_eq!(counted, 31 * PEOPLE_A_DAY * READINGS_OF_TWO / 2);
    // Not a figure, which other work on the machine lengthens, but no walk through the whole store.
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
}

/// Stores that earlier formats wrote, with the receipt of their day: `format-N.db`. They are never made anew. To add
/// the present one: `XUNZHEN_SAMPLE=1 cargo test the_stores_of_earlier`.
#[test]
fn the_stores_of_earlier_formats_open_with_everything_in_them_and_take_more() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples");
    if std::env::var_os("XUNZHEN_SAMPLE").is_some() {
        write_sample(&samples.join(format!("format-{FORMAT_VERSION}.db")));
    }
    let mut opened = 0;
    for entry in std::fs::read_dir(&samples).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(format) = name.strip_prefix("format-").and_then(|rest| rest.strip_suffix(".db"))
        else {
            continue;
        };
        assert!(format.parse::<i64>().unwrap() <= FORMAT_VERSION, "{name} is of the future");
        check_sample(&path, &name);
        opened += 1;
    }
    assert!(opened > 0, "no sample in {}", samples.display());
}

/// Visits in a sample.
const SAMPLE_VISITS: u64 = 12;

fn sample() -> (Vec<Fact>, Vec<Change>) {
    let mut facts = vec![site("V03", "North", "Qingshi", "Yun")];
    facts.push(household("H00000", "North", Some("DR1")));
    facts.extend((0..4).map(|number| person(&person_of(number), Some("H00000"), "")));
    let mut changes = Vec::new();
    for number in 0..SAMPLE_VISITS {
        visit(number, &mut facts, &mut changes);
    }
    (facts, changes)
}

fn write_sample(to: &Path) {
    assert!(!to.try_exists().unwrap(), "{} is there: samples are never made anew", to.display());
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
    let (facts, changes) = sample();
    commit(&mut store, &facts, &changes);
    store.reader().back_up(to).unwrap();
}

#[track_caller]
fn check_sample(sample_file: &Path, name: &str) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("store");
    make_folder(&folder).unwrap();
    let copy = folder.join(files::DATABASE);
    std::fs::copy(sample_file, &copy).unwrap();
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut store = SqliteStore::open(Options::new(&folder)).unwrap();
    let (facts, changes) = sample();
    assert_eq!(store.reader().recount().unwrap(), Vec::<String>::new(), "{name}");
    assert_eq!(store.reader().last().unwrap(), CommitSeq(i64::try_from(facts.len()).unwrap()));
    let fed: Vec<_> = store.reader().feed(CommitSeq(0), 10_000).unwrap();
    assert_eq!(fed.into_iter().map(|entry| entry.fact).collect::<Vec<_>>(), facts, "{name}");
    // The backlog is what a store of today would hold, and the next visit joins it.
    let (today, other) = (Day::of(NOON), tempfile::tempdir().unwrap());
    let mut fresh = SqliteStore::open(Options::new(other.path())).unwrap();
    commit(&mut fresh, &facts, &changes);
    let log = |store: &SqliteStore| store.reader().day_log(&id("V03"), today).unwrap();
    assert_eq!(log(&store).receipt(), log(&fresh).receipt(), "{name}");
    let (mut more, mut changed) = (Vec::new(), Vec::new());
    visit(SAMPLE_VISITS, &mut more, &mut changed);
    commit(&mut store, &more, &changed);
    let part = crate::receipt::Part::Day;
    assert_ne!(compare(&log(&fresh), &answer(&log(&store), &part)), Verdict::Equal, "{name}");
    assert_eq!(store.reader().recount().unwrap(), Vec::<String>::new(), "{name}");
}
