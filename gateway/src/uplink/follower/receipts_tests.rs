//! Receipts over a line: both ends say what they hold, find the first record that differs, and believe
//! nobody else about it.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::sleep;

use super::tests::{MINUTE, World};
use crate::{
    domain::{BoxId, PersonId},
    receipt::{Day, DayLog, Difference, Entry, Kind, Record},
    store::{
        CommitSeq, NeighbourSaid, ReceiptDiffers, ReceiptSaid, RosterHeld, Watermark,
        fixtures::{id, reading},
    },
    uplink::{
        GatewayKey,
        batch::{Code, DaySaid, Message, Nonce, ReceiptsSaid, Sealed, Told},
        fake::{Fake, Fault, lock},
        parcel::Parcel,
    },
};

/// Change it to try other days.
const SEED: u64 = 0x5eed_0022;

fn random(seed: u64, number: u64) -> u64 {
    let hash = blake3::hash(&[seed.to_be_bytes(), number.to_be_bytes()].concat());
    u64::from_be_bytes(hash.as_bytes()[..8].try_into().unwrap())
}

/// As many records of three villages and of nobody.
fn entries(seed: u64, count: u64) -> Vec<Entry> {
    let one = |number: u64| {
        let chance = random(seed, number);
        let village = ["大河村", "小河村", "南山村", ""][usize::try_from(chance % 4).unwrap()];
        let kind = Kind::ALL[usize::try_from(chance / 4 % 3).unwrap()];
        let record = crate::receipt::of_reading(&reading(chance, Some("P1"), "V03", 0));
        let person =
            (kind == Kind::Reading).then(|| id::<PersonId>("P1").as_str().parse().unwrap());
        Entry { village: village.to_owned(), kind, record, person }
    };
    (0..count).map(one).collect()
}

fn today() -> Day {
    "2024-03-02".parse().unwrap()
}

fn holds_day(of: &Fake, day: Day, entries: Vec<Entry>) {
    let log = DayLog::new(id("V03"), day, entries);
    of.store.script().carried.days.insert((day, id("V03")), log);
}

/// What is held of another's word about a day.
fn said(of: &Fake, by: &Fake, day: Day) -> Option<ReceiptSaid> {
    let name = (id("V03"), day, by.name.as_str().into());
    of.store.script().carried.said.get(&name).cloned()
}

/// Whether both have said what each holds now, and say the same.
fn green(world: &World, day: Day) -> bool {
    let hash = |of: &Fake| {
        let script = of.store.script();
        let log = script.carried.days.get(&(day, id("V03"))).cloned();
        log.unwrap_or_else(|| DayLog::new(id("V03"), day, Vec::new())).receipt().hash
    };
    let heard = |of: &Fake, by: &Fake| said(of, by, day).map(|said| said.receipt.hash);
    let (van, centre) = (&world.van, &world.centre);
    let ours = Some(hash(van));
    ours == Some(hash(centre)) && heard(van, centre) == ours && heard(centre, van) == ours
}

fn differs(of: &Fake) -> Vec<ReceiptDiffers> {
    let known = of.store.script().carried.known.clone();
    let found = |it| if let NeighbourSaid::Differs(found) = it { Some(found) } else { None };
    known.into_iter().filter_map(found).collect()
}

/// The kinds of envelopes that went up.
fn kinds(world: &World) -> Vec<u8> {
    world.wire().questions.iter().map(|it| Sealed::read(it).unwrap().kind).collect()
}

#[tokio::test(start_paused = true)]
async fn days_are_green_at_both_ends_once_each_has_said_what_it_holds() {
    let world = World::new();
    world.van.log(100, 200);
    for ago in 0..40 {
        let day = today().plus(-ago);
        let all = entries(SEED, 60);
        holds_day(&world.van, day, all.clone());
        holds_day(&world.centre, day, all);
    }
    world.follow();
    let all = |it: &World| (0..40).all(|ago| green(it, today().plus(-ago)));
    world.until("all of them are green", 2 * MINUTE, all).await;
    assert_eq!(world.van.status().days(|days| (days.red(), days.differs().len())), (0, 0));
    let said = said(&world.van, &world.centre, today()).unwrap();
    assert_eq!(said.key, world.centre.key.public().to_string());
    // Nothing is asked again until something changes, or it is night.
    let pages = |it: &World| kinds(it).iter().filter(|kind| **kind == 7).count();
    let before = pages(&world);
    assert!((3..=5).contains(&before), "{before} pages of 40 days");
    sleep(60 * MINUTE).await;
    assert_eq!(pages(&world), before);
}

#[tokio::test(start_paused = true)]
async fn a_late_record_of_an_old_day_is_told_and_the_day_is_green_again() {
    let world = World::new();
    world.van.log(10, 200);
    let day = today().plus(-60);
    let all = entries(SEED, 30);
    holds_day(&world.van, day, all.clone());
    holds_day(&world.centre, day, all[..29].to_vec());
    world.follow();
    let is_red = |it: &World| it.van.status().days(|days| days.red()) == 1;
    world.until("it is red", MINUTE, is_red).await;
    assert!(said(&world.centre, &world.van, day).is_some(), "and so it is above");
    world.until("the record is named", MINUTE, |it| !differs(&it.centre).is_empty()).await;
    holds_day(&world.centre, day, all);
    world.van.log(1, 200);
    world.until("it is green", 3 * MINUTE, |it| green(it, day)).await;
    assert_eq!(world.van.status().days(|days| days.red()), 0);
    // What was found to differ differs no more, at both ends.
    for end in [&world.van, &world.centre] {
        let found = differs(end);
        assert!(found.first().unwrap().first.is_some() && found.last().unwrap().first.is_none());
    }
}

/// What both ends say of a day while something is on its way: of the van's only so much was there when it asked.
fn on_its_way(world: &World, day: Day) -> Vec<Entry> {
    let all = entries(SEED, 30);
    holds_day(&world.van, day, all[..29].to_vec());
    holds_day(&world.centre, day, all.clone());
    all
}

fn is_red(world: &World) -> bool {
    world.van.status().days(|days| days.red()) == 1
}

#[tokio::test(start_paused = true)]
async fn what_comes_down_after_a_day_was_found_red_is_told_above_so_that_both_ends_are_green() {
    let world = World::new();
    world.van.log(10, 200);
    let all = on_its_way(&world, today());
    world.follow();
    world.until("it is red", MINUTE, is_red).await;
    // Now it is what the centre said; there it is red still, by what the van said.
    holds_day(&world.van, today(), all);
    world.van.log(1, 200);
    world.until("it is green at both ends", 2 * MINUTE, |it| green(it, today())).await;
    assert!(!is_red(&world));
}

#[tokio::test(start_paused = true)]
async fn a_red_day_is_asked_about_again_though_nothing_changes_here_and_ever_less_often() {
    let world = World::new();
    world.van.log(10, 200);
    let day = today().plus(-60);
    let all = on_its_way(&world, day);
    holds_day(&world.van, day, all.clone());
    holds_day(&world.centre, day, all[..29].to_vec());
    world.follow();
    world.until("it is red", MINUTE, is_red).await;
    world.until("it is compared", MINUTE, |it| !differs(&it.centre).is_empty()).await;
    let pages = |it: &World| kinds(it).iter().filter(|kind| **kind == 7).count();
    let before = pages(&world);
    sleep(60 * MINUTE).await;
    let asked = pages(&world) - before;
    assert!((5..=8).contains(&asked), "{asked} times within an hour");
    // It is mended above alone.
    holds_day(&world.centre, day, all);
    world.until("it is green", 70 * MINUTE, |it| green(it, day)).await;
    assert!(!is_red(&world));
    let before = pages(&world);
    sleep(60 * MINUTE).await;
    assert_eq!(pages(&world), before, "and is not asked about again");
}

/// The first of what two days do not hold alike, found by looking at everything.
fn first_of(ours: &[Entry], theirs: &[Entry]) -> Option<Difference> {
    let name = |it: &Entry| (it.village.clone(), it.kind, it.record);
    let (own, told): (BTreeSet<_>, BTreeSet<_>) =
        (ours.iter().map(name).collect(), theirs.iter().map(name).collect());
    let (village, kind, Record { key, .. }) = own.symmetric_difference(&told).next()?.clone();
    let under = |of: &BTreeSet<(String, Kind, Record)>, other: &BTreeSet<_>| {
        let mut all = of.iter().filter(|it| !other.contains(*it));
        let found = all.find(|it| it.0 == village && it.1 == kind && it.2.key == key);
        found.map(|it| it.2.digest)
    };
    let (ours, theirs) = (under(&own, &told), under(&told, &own));
    Some(Difference { village, kind, key, ours, theirs })
}

#[tokio::test(start_paused = true)]
async fn the_first_record_that_differs_is_named_at_both_ends_whatever_the_days_hold() {
    for round in 0..24 {
        let seed = SEED + round;
        let count = random(seed, 1 << 40) % 700;
        let mut ours = entries(seed, count);
        ours.dedup();
        let mut theirs = ours.clone();
        for change in 0..=random(seed, 1 << 41) % 4 {
            let chance = random(seed, (1 << 42) + change);
            let at = usize::try_from(chance).unwrap_or(0) % theirs.len().max(1);
            match chance % 3 {
                0 if !theirs.is_empty() => drop(theirs.remove(at)),
                1 if !theirs.is_empty() => {
                    theirs[at].record.digest = entries(chance, 1)[0].record.digest;
                }
                _ => theirs.extend(entries(chance, 1)),
            }
        }
        let world = World::new();
        world.van.log(3, 200);
        holds_day(&world.van, today(), ours.clone());
        holds_day(&world.centre, today(), theirs.clone());
        world.follow();
        let what = format!("it is found, seed {seed}, {count} records");
        world.until(&what, 3 * MINUTE, |it| !differs(&it.centre).is_empty()).await;
        let expected = first_of(&ours, &theirs);
        assert!(expected.is_some(), "seed {seed}");
        assert_eq!(differs(&world.van)[0].first, expected, "seed {seed}");
        let swapped = expected.map(|it| Difference { ours: it.theirs, theirs: it.ours, ..it });
        assert_eq!(differs(&world.centre)[0].first, swapped, "seed {seed}");
        assert_eq!(world.centre.status().days(|days| days.differs().len()), 1);
        let asked = kinds(&world).iter().filter(|kind| **kind == 7).count();
        assert!(asked <= 9, "{asked} questions, seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_above_that_says_no_receipts_is_no_trouble() {
    let world = World::new();
    world.van.log(50, 200);
    holds_day(&world.van, today(), entries(SEED, 10));
    world.wire().unknown = Some((7, std::sync::Arc::clone(&world.centre.key)));
    world.follow();
    world.until("everything is there", MINUTE, World::is_green).await;
    let without = |it: &World| it.van.status().up().unwrap().without_receipts;
    world.until("it is known", MINUTE, without).await;
    world.van.log(50, 200);
    world.until("everything is there", MINUTE, World::is_green).await;
    let up = world.van.status().up().unwrap();
    assert_eq!((up.alarm, up.failures), (None, 0));
    assert_eq!(kinds(&world).iter().filter(|kind| **kind == 7).count(), 1, "once an hour");
    // It is upgraded.
    world.wire().unknown = None;
    holds_day(&world.centre, today(), entries(SEED, 10));
    world.until("it is green", 90 * MINUTE, |it| green(it, today())).await;
    assert!(!world.van.status().up().unwrap().without_receipts);
}

fn lie(world: &World, key: &GatewayKey, (of, nonce): (&str, Nonce)) -> Fault {
    let receipt = world.van.store.script().carried.days[&(today(), id("V03"))].receipt();
    let told = Told { by: world.centre.name.clone(), epoch: 1, nonce };
    let days = vec![DaySaid::of(&receipt, &receipt)];
    let said = ReceiptsSaid { told, of: of.parse().unwrap(), upto: 99, days, parts: Vec::new() };
    Fault::Answer(Message::Receipted(said).seal(key).unwrap())
}

#[tokio::test(start_paused = true)]
async fn nobody_in_between_says_what_the_far_end_holds() {
    let world = World::new();
    world.van.log(5, 200);
    holds_day(&world.van, today(), entries(SEED, 10));
    world.follow();
    world
        .until("the far end said so", MINUTE, |it| said(&it.van, &it.centre, today()).is_some())
        .await;
    let before = said(&world.van, &world.centre, today());
    let stranger = GatewayKey::for_tests();
    // Of another key, of an old question, and to another box.
    let lies = [
        lie(&world, &stranger, ("van", Nonce(1))),
        lie(&world, &world.centre.key, ("van", Nonce(1))),
        lie(&world, &world.centre.key, ("another", Nonce(1))),
        Fault::Stale,
    ];
    let mut alarmed = false;
    world.wire().faults.extend(lies);
    while !world.wire().faults.is_empty() {
        sleep(Duration::from_millis(50)).await;
        let up = world.van.status().up().unwrap();
        alarmed |= up.alarm.is_some_and(|alarm| alarm.code == Code::Forged);
        assert_eq!(said(&world.van, &world.centre, today()), before);
    }
    assert!(alarmed, "somebody else's key is an alarm");
    assert_eq!(world.van.status().days(|days| days.red()), 1, "and still red");
}

#[tokio::test(start_paused = true)]
async fn a_parent_that_began_anew_is_asked_before_the_gap_is_filled_and_gets_back_what_it_sent() {
    let world = World::new();
    world.van.log(100, 200);
    let all = entries(SEED, 40);
    holds_day(&world.van, today(), all.clone());
    holds_day(&world.centre, today(), all.clone());
    world.centre.log(30, 200);
    let down = world.centre.store.script().carried.lines.split_off(10);
    world.centre.store.script().carried.down = down;
    world.follow();
    world.until("it is green", MINUTE, |it| green(it, today())).await;
    let there = |it: &World| it.van.holds(&it.centre) == it.centre.last();
    world.until("what comes down is there", MINUTE, there).await;
    // The centre comes back from a copy of before that day, in a new life.
    let acts: Vec<Parcel> = (7..10)
        .map(|seq| Parcel { seq: CommitSeq(seq), line: format!("{{\"n\":{seq}}}").into_bytes() })
        .collect();
    world.van.store.script().carried.back = acts;
    {
        let mut script = world.centre.store.script();
        script.carried.name.1 = 2;
        script.carried.days.clear();
        script.carried.marks.clear();
    }
    lock(&world.centre.taken).facts.clear();
    let asked = world.wire().questions.len();
    let is_red = |it: &World| it.van.status().days(|days| days.red()) == 1;
    world.until("it is red", MINUTE, is_red).await;
    let whole = |it: &World| it.centre.holds(&it.van) == it.van.last();
    world.until("the gap is filled", MINUTE, whole).await;
    let since = kinds(&world).split_off(asked);
    let first = |kind| since.iter().position(|it| *it == kind).unwrap();
    assert!(first(7) < first(2), "what it holds was asked before the gap was filled: {since:?}");
    assert!(first(3) < first(2), "what it sent goes back before: {since:?}");
    holds_day(&world.centre, today(), all);
    world.van.log(1, 200);
    world.until("it is green", 3 * MINUTE, |it| green(it, today())).await;
    let express: Vec<i64> = lock(&world.centre.taken).express.iter().map(|(_, seq)| *seq).collect();
    assert_eq!(express, [7, 8, 9], "each once");
    let anew = |it: &World| {
        let mark = it.van.store.script().carried.marks[&it.centre.name];
        (mark.epoch, mark.upto) == (2, it.centre.last())
    };
    world.until("the new life is followed", MINUTE, anew).await;
}

#[tokio::test(start_paused = true)]
async fn the_log_above_is_read_again_when_other_places_are_served_and_goes_on_after_a_cut() {
    let world = World::new();
    world.van.log(5, 200);
    world.centre.log(2000, 200);
    let lines = world.centre.store.script().carried.lines.clone();
    let (old, new): (Vec<_>, Vec<_>) = lines.into_iter().partition(|it| it.seq.0 % 2 == 0);
    world.centre.store.script().carried.down = new.clone();
    let held = |villages: &str| RosterHeld {
        issuer: "centre".into(),
        epoch: 1,
        villages: villages.to_owned(),
        upto: CommitSeq(1),
    };
    world.follow();
    let there = |it: &World| it.van.holds(&it.centre) == it.centre.last();
    world.until("what comes down is there", 5 * MINUTE, there).await;
    let mark = world.van.store.script().carried.marks[&world.centre.name];
    // Another village is served now: what happened there before did not come down.
    let mut both = [old.clone(), new].concat();
    both.sort_by_key(|parcel| parcel.seq);
    world.centre.store.script().carried.down = both;
    world.van.store.script().carried.roster = Some(held("b"));
    world.wire().faults.extend([Fault::None, Fault::AnswerLost, Fault::QuestionLost]);
    let name: BoxId = world.centre.name.clone();
    let has = |it: &World| {
        let taken = lock(&it.van.taken);
        let again: BTreeSet<_> = taken.express.iter().cloned().collect();
        old.iter().all(|parcel| again.contains(&(name.clone(), parcel.seq.0)))
    };
    world.until("what passed it by is there", 5 * MINUTE, has).await;
    let after: Watermark = world.van.store.script().carried.marks[&world.centre.name];
    assert_eq!(after, mark, "the watermark did not move back");
    let done = |it: &World| {
        it.van.store.script().cursors.get("uplink-again/b") == Some(&CommitSeq(i64::MAX))
    };
    world.until("it is done", MINUTE, done).await;
    let before = lock(&world.van.taken).express.len();
    world.centre.log(3, 200);
    world.until("it goes on in its turn", MINUTE, there).await;
    assert_eq!(lock(&world.van.taken).express.len(), before, "once");
}
