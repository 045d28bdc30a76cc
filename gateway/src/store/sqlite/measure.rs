//! How fast the store is, where somebody asks: `XUNZHEN_MEASURE=1000000 cargo test --release
//! measure -- --nocapture` fills a store in a temporary folder and prints rates.

use std::{fmt::Write as _, io::Write as _, time::Duration};

use tokio::time::Instant;

use super::{Options, SqliteStore};
use crate::{
    domain::{Millis, Timestamp},
    store::{
        Change, Fact, RegistryKey, Store,
        fixtures::{NOON, commit, counted, household, id, person, reading, site},
        view::{Paging, ReadingFilter, Scope},
    },
};

/// How many readings to store.
const ASKED: &str = "XUNZHEN_MEASURE";
/// The township of the design's figures (DESIGN section 10).
const PEOPLE: u64 = 121_300;
const SITES: u64 = 40;
const DEVICES: u64 = 2000;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % end
    }
}

fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").unwrap();
}

fn register(store: &mut dyn Store) {
    let sites: Vec<_> =
        (0..SITES).map(|n| site(&format!("S{n}"), &format!("V{n}"), "T1", "C1")).collect();
    commit(store, &sites, &[]);
    for start in (0..PEOPLE).step_by(5000) {
        let some = start..(start + 5000).min(PEOPLE);
        let homes = some
            .clone()
            .filter(|n| n % 3 == 0)
            .map(|n| household(&format!("H{}", n / 3), &format!("V{}", n % SITES), Some("DR1")));
        let mut facts: Vec<_> = homes.collect();
        facts.extend(some.map(|n| person(&format!("P{n:06}"), Some(&format!("H{}", n / 3)), "")));
        commit(store, &facts, &[]);
    }
}

/// Ten thousand readings a day.
fn time_of(number: u64) -> Timestamp {
    NOON.plus(Millis::minutes(i64::try_from(number / 7).unwrap()))
}

/// Processor time of this thread, which other work on the machine does not lengthen.
fn processor() -> Duration {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(line.split(' ').next().and_then(|text| text.parse().ok()).unwrap())
}

fn random_reading(number: u64, random: &mut Random) -> Fact {
    let who = format!("P{:06}", random.below(PEOPLE));
    let at = format!("S{}", random.below(SITES));
    let mut stored = reading(number, Some(&who), &at, 0);
    stored.reading.device = id(&format!("cuff{:05}", random.below(DEVICES)));
    stored.reading.measured.at = time_of(number);
    Fact::Reading(Box::new(stored))
}

/// What commit does with a batch, without the assessment.
fn unit(store: &mut dyn Store, facts: &[Fact], now: Timestamp) {
    let readings = || {
        facts.iter().filter_map(|fact| if let Fact::Reading(r) = fact { Some(&**r) } else { None })
    };
    let people = || {
        readings()
            .filter_map(|stored| stored.attribution.as_ref().map(|whose| whose.person.clone()))
    };
    let ids: Vec<_> = readings().map(|stored| stored.reading.id).collect();
    let since = now.minus(Millis::days(30));
    let mut unit = store.begin(NOON).unwrap();
    assert!(unit.held(&ids).unwrap().iter().all(Option::is_none));
    let keys: Vec<_> = people().map(RegistryKey::Person).collect();
    assert!(unit.registered(&keys).unwrap().iter().all(Option::is_some));
    let asked: Vec<_> = people().map(|person| (person, since)).collect();
    assert_eq!(unit.readings(&asked).unwrap().len(), facts.len());
    unit.alerts(&people().collect::<Vec<_>>()).unwrap();
    unit.append(facts).unwrap();
    unit.change(&[Change::Count(counted(facts))]).unwrap();
    unit.commit().unwrap();
}

fn rate(readings: u64, since: Instant) -> u64 {
    let micros = since.elapsed().as_micros().max(1);
    u64::try_from(u128::from(readings) * 1_000_000 / micros).unwrap()
}

#[test]
fn measure_where_asked() {
    let Some(asked) = std::env::var_os(ASKED) else { return };
    let total: u64 = asked.to_str().and_then(|text| text.parse().ok()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
    let start = Instant::now();
    register(&mut store);
    say(&format!("registered {PEOPLE} people in {:?}", start.elapsed()));
    let mut random = Random(1);
    let mut number = 0;
    let block = (total / 10).max(20_000);
    while number < total {
        let mut line = format!("{number:>9} stored:");
        for batch in [500, 2000, 5000] {
            let (start, busy) = (Instant::now(), processor());
            let before = number;
            while number - before < block / 3 {
                let facts: Vec<_> =
                    (number..number + batch).map(|n| random_reading(n, &mut random)).collect();
                number += batch;
                unit(&mut store, &facts, time_of(number));
            }
            let cpu = (processor() - busy).as_micros() / u128::from(number - before);
            write!(line, "  b={batch} {}/s {cpu} us", rate(number - before, start)).unwrap();
        }
        let (start, before) = (Instant::now(), store.reader().cursor("rollup").unwrap());
        while store.roll_up(5000).unwrap() < store.reader().last().unwrap() {}
        let rolled = store.reader().last().unwrap().0 - before.0;
        write!(line, "  roll-up {}/s", rate(rolled.cast_unsigned(), start)).unwrap();
        let start = Instant::now();
        store.checkpoint().unwrap();
        write!(line, "  checkpoint {:?}", start.elapsed()).unwrap();
        say(&line);
    }
    questions(&store, number, &mut random);
    let bytes = std::fs::metadata(folder.path().join(super::files::DATABASE)).unwrap().len();
    say(&format!("{} bytes a reading", bytes / number));
    let start = Instant::now();
    assert_eq!(store.reader().recount().unwrap(), Vec::<String>::new());
    say(&format!("recount in {:?}", start.elapsed()));
}

fn questions(store: &SqliteStore, stored: u64, random: &mut Random) {
    let reader = store.reader();
    let now = time_of(stored);
    let page = Paging { limit: 40, after: None };
    let place = Scope::Place("T1".to_owned());
    let any = ReadingFilter::default();
    let mut time = |what: &str, ask: &mut dyn FnMut(&mut Random)| {
        let mut times: Vec<_> = (0..200)
            .map(|_| {
                let busy = processor();
                ask(random);
                processor() - busy
            })
            .collect();
        times.sort();
        say(&format!("{what}: p50 {:?} p99 {:?}", times[100], times[197]));
    };
    time("a person's 40 newest", &mut |random| {
        let person = Some(id(&format!("P{:06}", random.below(PEOPLE))));
        let filter = ReadingFilter { person, ..ReadingFilter::default() };
        reader.readings(&place, &filter, &page).unwrap();
    });
    time("a device's 40 newest", &mut |random| {
        let device = Some(id(&format!("cuff{:05}", random.below(DEVICES))));
        let filter = ReadingFilter { device, ..ReadingFilter::default() };
        reader.readings(&place, &filter, &page).unwrap();
    });
    time("a township's 40 newest", &mut |_| {
        reader.readings(&place, &any, &page).unwrap();
    });
    time("a village's 40 newest", &mut |_| {
        reader.readings(&Scope::Place("V7".to_owned()), &any, &page).unwrap();
    });
    time("the board of the township", &mut |_| {
        reader.board(&place, None, now).unwrap();
    });
    time("a page of 100 of the feed", &mut |random| {
        let after = crate::store::CommitSeq(random.below(stored).cast_signed());
        reader.feed(after, 100).unwrap();
    });
    time("a lookup by id", &mut |random| {
        let person = RegistryKey::Person(id(&format!("P{:06}", random.below(PEOPLE))));
        reader.registered(&place, &person).unwrap();
    });
}
