//! Simulated days at the benches of a van: nobody's value is ever somebody else's, and whatever may
//! be two people's waits (issue 4, figures).

use std::{
    collections::{BTreeMap, HashMap},
    io::Write as _,
    sync::Arc,
};

use simulators::benches::{Day, Event, Frame, Settings};

use super::super::{Pace, desk::Desk, group::Group, people::People};
use crate::{
    admit::{Source, cut_frame},
    assess::{Pack, Packs},
    domain::{Millis, OpenedBy, ReadingId, Registered, Road, Timestamp},
    intake::Item,
    store::{
        CardScan, Change, Fact, ModelStore, Options, SqliteStore, Store,
        fixtures::{NOON, card, commit, id, person, registration},
        view::{HeldState, Paging, ReadingFilter, Scope},
    },
};

/// Days of a usual run; a failure names its seed.
const SEEDS: std::ops::Range<u64> = 0..8;
/// Days of a long run, where [`SEEDS_ASKED`] names no others.
const SEEDS_LONG: std::ops::Range<u64> = 0..1000;
/// Names the days of a long run, as `200..300`; one in ten of them is lived with 120 people an hour too.
const SEEDS_ASKED: &str = "XUNZHEN_TESTS_SEEDS";
/// Share of the readings of people with a known card that must be attributed, in thousandths.
const ATTRIBUTED_PER_MILLE: u64 = 970;

/// The same at 120 people an hour.
const STRESS_PER_MILLE: u64 = 970;

/// What became of the readings of some days.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Tally {
    readings: u64,
    /// Of people whose card the registry knows.
    of_known: u64,
    attributed: u64,
    wrong: u64,
    waits: BTreeMap<&'static str, u64>,
    /// Whose each reading is in the end.
    whose: BTreeMap<ReadingId, Option<String>>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.readings += other.readings;
        self.of_known += other.of_known;
        self.attributed += other.attributed;
        self.wrong += other.wrong;
        for (reason, count) in other.waits {
            *self.waits.entry(reason).or_default() += count;
        }
    }

    fn per_mille(&self) -> u64 {
        self.attributed * 1000 / self.of_known.max(1)
    }

    fn print(&self, what: &str) {
        let Self { readings, of_known, attributed, wrong, waits, .. } = self;
        let share = self.per_mille();
        let line = format!(
            "{what}: {readings} readings, {of_known} of people with a known card, {attributed} \
             attributed ({share} in a thousand of those), {wrong} to a wrong person, waiting {waits:?}"
        );
        writeln!(std::io::stdout(), "{line}").unwrap();
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn frame(frame: &Frame) -> Item {
    let format = firmware_protocols::format(frame.format).unwrap();
    let (site, device) = (id("van1"), id(&frame.device));
    let source = Source {
        road: Road::Serial,
        site: &site,
        device: &device,
        bench: None,
        model: None,
        received_at: at(frame.received_at),
        live: true,
    };
    cut_frame(format, &frame.bytes, &source).unwrap()
}

fn item(event: &Event) -> Item {
    match event {
        Event::Frame(it) => frame(it),
        Event::Scan(scan) => Item::Card(CardScan {
            site: id("van1"),
            bench: id(&format!("B{}", scan.bench)),
            card: scan.card.clone(),
            person: None,
            at: at(scan.at),
            received_at: at(scan.received_at),
            out: scan.out,
            opened_by: OpenedBy::Reader(None),
        }),
    }
}

/// The registry: who is known by which card, and what stands at which bench.
fn registry(day: &Day) -> Vec<Fact> {
    let mut rows = Vec::new();
    for visitor in day.visitors.iter().filter(|visitor| visitor.registered) {
        rows.push(person(&visitor.person, None, "North"));
        rows.extend(visitor.card.iter().map(|number| card(number, &visitor.person)));
    }
    for event in &day.events {
        let Event::Frame(frame) = event else { continue };
        let device = crate::domain::Device {
            device: id(&frame.device),
            model: String::new(),
            site: Some(id("van1")),
            bench: Some(id(&format!("B{}", frame.bench))),
            owner: None,
            epoch: None,
            slots: Vec::new(),
            attributes: BTreeMap::new(),
        };
        rows.push(registration(Registered::Device(device)));
    }
    rows.dedup();
    rows
}

/// Takes everything that came, so many items a group. The lines judge nobody here.
fn live(store: &mut dyn Store, day: &Day, together: usize) {
    live_at((store, Pace::REAL), day, together);
}

fn live_at((store, pace): (&mut dyn Store, Pace), day: &Day, together: usize) {
    commit(store, &registry(day), &[]);
    let packs = Packs::new(Arc::new(Pack::built_in().unwrap()));
    let gateway = ("G1".to_owned(), 1);
    let mut desk = Desk::new(People::new(100));
    desk.pace = pace;
    let items: Vec<Item> = day.events.iter().map(item).collect();
    for items in items.chunks(together) {
        let now = NOON.plus(Millis::days(1));
        let mut unit = store.begin(now).unwrap();
        let mut group = Group::new(unit.as_mut(), &mut desk, &packs, &gateway, now);
        group.cards(items.iter()).unwrap();
        group.receive(&items.iter().collect::<Vec<_>>()).unwrap();
        group.keep_touched();
        group.flush().unwrap();
        group.attribute_stretches().unwrap();
        group.changes.push(Change::Count(group.counts));
        group.flush().unwrap();
        drop(group);
        unit.commit().unwrap();
    }
}

/// Compares what the store holds with the truth.
fn compare(store: &dyn Store, day: &Day) -> Tally {
    let mut truth = HashMap::new();
    for event in &day.events {
        if let Event::Frame(it) = event {
            let Item::Reading(reading) = frame(it) else { panic!("a frame is a reading") };
            truth.insert(reading.id, it.of);
        }
    }
    let (reader, all) = (store.reader(), &Scope::Everything);
    let mut waits = HashMap::new();
    let mut page = Paging { limit: Paging::LIMIT_MAX, after: None };
    loop {
        let found = reader.quarantine(all, HeldState::Waiting, &page).unwrap();
        for held in &found.items {
            let inside = held.reading.as_ref().map(|inside| inside.reading.id);
            waits.extend(inside.map(|id| (id, held.reason.as_str())));
        }
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    let mut tally = Tally::default();
    loop {
        let found = reader.readings(all, &ReadingFilter::default(), &page).unwrap();
        for (_, stored) in &found.items {
            let visitor = &day.visitors[truth[&stored.reading.id]];
            let known = visitor.registered && visitor.card.is_some();
            tally.readings += 1;
            tally.of_known += u64::from(known);
            let whose = stored.attribution.as_ref().map(|whose| whose.person.to_string());
            match &whose {
                Some(person) => {
                    tally.attributed += 1;
                    tally.wrong += u64::from(!known || *person != visitor.person);
                }
                None => *tally.waits.entry(waits[&stored.reading.id]).or_default() += 1,
            }
            tally.whose.insert(stored.reading.id, whose);
        }
        page.after = found.next;
        if page.after.is_none() {
            return tally;
        }
    }
}

fn day(settings: &Settings, seed: u64) -> Day {
    let mut day = Day::new(settings, NOON.as_millis(), seed);
    // Every second day comes in any order, as from a box that was offline.
    if seed % 2 == 1 {
        day.shuffle(seed);
    }
    day
}

/// The only place where a day is lived.
#[track_caller]
fn check(what: &str, settings: &Settings, seeds: std::ops::Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds.clone() {
        let (mut store, day) = (ModelStore::new(), day(settings, seed));
        live(&mut store, &day, 1 + usize::try_from(seed % 7).unwrap());
        let one = compare(&store, &day);
        if one.wrong > 0 {
            one.print(&format!("{what}, seed {seed}"));
        }
        tally.add(one);
    }
    tally.print(&format!("{what}, seeds {seeds:?}"));
    tally
}

#[track_caller]
fn check_figures(what: &str, settings: &Settings, (seeds, least): (std::ops::Range<u64>, u64)) {
    let tally = check(what, settings, seeds);
    assert_eq!(tally.wrong, 0, "{what}: readings on a wrong person");
    assert!(tally.per_mille() >= least, "{what}: {}", tally.per_mille());
}

#[test]
fn no_reading_of_a_simulated_day_is_on_a_wrong_person() {
    check_figures("days", &Settings::DAY, (SEEDS, ATTRIBUTED_PER_MILLE));
}

#[test]
fn nor_with_120_people_an_hour() {
    let seeds = SEEDS.start..SEEDS.start + 6;
    check_figures("stress", &Settings::STRESS, (seeds, STRESS_PER_MILLE));
}

#[test]
fn soak_a_thousand_simulated_days() {
    if std::env::var_os("XUNZHEN_TESTS_LONG").is_none() {
        writeln!(std::io::stdout(), "skipped: {SEEDS_LONG:?} only in a long run").unwrap();
        return;
    }
    let seeds = std::env::var(SEEDS_ASKED).map_or(SEEDS_LONG, |asked| {
        let (from, to) = asked.split_once("..").expect("as 200..300");
        from.parse().unwrap()..to.parse().unwrap()
    });
    let stressed = seeds.start..seeds.start + (seeds.end - seeds.start) / 10;
    check_figures("days", &Settings::DAY, (seeds, ATTRIBUTED_PER_MILLE));
    check_figures("stress", &Settings::STRESS, (stressed, STRESS_PER_MILLE));
}

#[test]
fn a_day_ends_alike_in_any_order_and_in_every_store() {
    for seed in 40..42 {
        let mut day = Day::new(&Settings { minutes: 40, ..Settings::DAY }, NOON.as_millis(), seed);
        let mut store = ModelStore::new();
        live(&mut store, &day, 1);
        let expected = compare(&store, &day);
        day.shuffle(seed);
        let mut store = ModelStore::new();
        live(&mut store, &day, 5);
        assert_eq!(compare(&store, &day).whose, expected.whose, "seed {seed}, another order");
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
        live(&mut store, &day, 50);
        assert_eq!(compare(&store, &day).whose, expected.whose, "seed {seed}, on disk");
    }
}

#[test]
fn whoever_sits_down_unseen_where_a_card_was_left_cannot_be_told_from_its_owner() {
    // Pinned, not wished: no gateway can know. The remedy is a shorter `session_minutes`, and the
    // staff's eyes.
    let unseen = Settings { unseen: 1000, without_card: 100, forgotten: 1000, ..Settings::DAY };
    assert!(check("unseen", &unseen, 0..2).wrong > 0);
}

#[test]
fn without_the_time_that_measurements_take_readings_go_to_the_next_person() {
    // What the figures above are made of: the same days catch an attribution that knows no time.
    let mut tally = Tally::default();
    for seed in 0..3 {
        let (mut store, day) = (ModelStore::new(), day(&Settings::DAY, seed));
        live_at((&mut store, Pace::COMPRESSED), &day, 1);
        tally.add(compare(&store, &day));
    }
    tally.print("hasty, seeds 0..3");
    assert!(tally.wrong > 0);
}
