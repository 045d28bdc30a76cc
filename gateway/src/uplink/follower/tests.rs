//! The follower against a gateway above, over a line that fails in every way.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{
    domain::Millis,
    enrol::BOX_DAYS,
    store::{CommitSeq, Watermark},
    supervise::Supervisor,
    uplink::{
        batch::{Code, Hash, Holds, Message, Nonce, Sealed, Stated, Told},
        fake::{Direct, Fake, Fault, Wire, lock},
        parcel::Parcel,
    },
};

/// Change it to try other histories.
const SEED: u64 = 20_261_122;

/// A van, its centre, and the line between them.
pub(super) struct World {
    pub(super) van: Fake,
    pub(super) centre: Fake,
    wire: Arc<Mutex<Wire>>,
    supervisor: Supervisor,
}

impl World {
    pub(super) fn new() -> Self {
        let supervisor = Supervisor::new();
        let (van, centre) = (Fake::start("van", &supervisor), Fake::start("centre", &supervisor));
        centre.trust(&van);
        Self { van, centre, wire: Arc::default(), supervisor }
    }

    fn line(&self) -> Direct {
        let (to, by) = (Arc::clone(&self.centre.upper), self.van.name.clone());
        Direct { to, by, wire: Arc::clone(&self.wire) }
    }

    pub(super) fn follow(&self) {
        self.van.follow(&self.centre, self.line(), &self.supervisor);
    }

    pub(super) fn wire(&self) -> std::sync::MutexGuard<'_, Wire> {
        lock(&self.wire)
    }

    /// Waits until it is so, at most so long.
    pub(super) async fn until(
        &self,
        what: &str,
        patience: Duration,
        so: impl Fn(&Self) -> bool,
    ) -> Duration {
        let began = Instant::now();
        while !so(self) {
            assert!(began.elapsed() < patience, "{what}: {:?}", self.van.status());
            sleep(Duration::from_millis(100)).await;
        }
        began.elapsed()
    }

    pub(super) fn is_green(&self) -> bool {
        let last = self.van.last();
        self.van.status().up().is_some_and(|up| up.is_green(last))
    }

    /// Everything of the van is there, as it is, and nothing was entered twice.
    #[track_caller]
    fn check_equal(&self) {
        let lines = self.van.store.script().carried.lines.clone();
        let taken = lock(&self.centre.taken);
        assert_eq!(taken.facts.len(), lines.len());
        for Parcel { seq, line } in lines {
            assert_eq!(taken.facts.get(&(self.van.name.clone(), seq.0)), Some(&line), "{seq:?}");
        }
        assert_eq!(taken.doubled, 0);
        assert_eq!(self.centre.holds(&self.van), self.van.last());
    }
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_backlog_goes_up_whole_and_is_green_only_then() {
    let world = World::new();
    world.van.log(5000, 300);
    world.wire().speed = 1_000_000;
    world.follow();
    world.until("some of it is there", MINUTE, |it| it.centre.holds(&it.van).0 > 0).await;
    assert!(!world.is_green());
    world.until("it is green", MINUTE, World::is_green).await;
    world.check_equal();
    // What comes later follows within seconds, without a greeting.
    world.van.log(1, 300);
    assert!(!world.is_green());
    let took = world.until("it is green again", MINUTE, World::is_green).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    world.check_equal();
    assert_eq!(world.centre.status().below()[0].1.upto, world.van.last());
    assert_eq!(lock(&world.centre.taken).refused, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_loses_repeats_and_mixes_costs_only_time() {
    let mut seed = SEED;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..20 {
        let world = World::new();
        world.van.log(600, 200);
        let faults = (0..40).map(|_| match next(10) {
            0 | 1 => Fault::QuestionLost,
            2 | 3 => Fault::AnswerLost,
            4 => Fault::Twice,
            5 => Fault::Stale,
            _ => Fault::None,
        });
        world.wire().faults = faults.collect();
        world.follow();
        for _ in 0..10 {
            sleep(Duration::from_secs(next(40))).await;
            world.van.log(usize::try_from(next(50)).unwrap(), 200);
        }
        let what = format!("it is green, seed {SEED}, round {round}");
        world.until(&what, 60 * MINUTE, World::is_green).await;
        world.check_equal();
        assert_eq!(lock(&world.centre.taken).refused, [""; 0], "a bad line is no attack");
    }
}

#[tokio::test(start_paused = true)]
async fn a_parent_brought_back_from_yesterday_is_offered_the_gap_without_anybody_asking() {
    let world = World::new();
    world.van.log(500, 200);
    world.follow();
    world.until("it is green", MINUTE, World::is_green).await;
    let yesterday = world.centre.store.script().carried.marks.clone();
    let facts = lock(&world.centre.taken).facts.clone();
    world.van.log(700, 200);
    world.until("it is green", MINUTE, World::is_green).await;
    world.centre.store.script().carried.marks = yesterday;
    lock(&world.centre.taken).facts = facts;
    let whole = |it: &World| it.centre.holds(&it.van) == it.van.last();
    world.until("the gap is filled", MINUTE, whole).await;
    world.until("it is green again", MINUTE, World::is_green).await;
    world.check_equal();
    // And one that lost everything.
    world.centre.store.script().carried.marks.clear();
    lock(&world.centre.taken).facts.clear();
    world.until("all of it is there", MINUTE, whole).await;
    world.until("it is green again", MINUTE, World::is_green).await;
    world.check_equal();
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_where_the_parent_is() {
    let mut world = World::new();
    world.van.log(3000, 200);
    world.follow();
    world.until("half of it", MINUTE, |it| it.centre.holds(&it.van).0 > 500).await;
    // The process ends; another one opens the same folder.
    let ended = world.supervisor.clone();
    let facts = lock(&world.centre.taken).facts.clone();
    let marks = world.centre.store.script().carried.marks.clone();
    ended.stop();
    drop(ended);
    world.supervisor = Supervisor::new();
    let centre = Fake::start("centre", &world.supervisor);
    centre.trust(&world.van);
    lock(&centre.taken).facts = facts;
    centre.store.script().carried.marks = marks;
    world.centre = centre;
    world.follow();
    world.until("it is green", MINUTE, World::is_green).await;
    world.check_equal();
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_is_not_ours_stops_the_upload_and_alarms_at_both_ends_once() {
    let world = World::new();
    world.van.log(300, 200);
    world.follow();
    world.until("it is green", MINUTE, World::is_green).await;
    let ours = world.centre.store.script().carried.marks[&world.van.name];
    // A clone of the box went on under its name.
    let foreign = Watermark { upto: CommitSeq(310), hash: [7; 32], ..ours };
    world.centre.store.script().carried.marks.insert(world.van.name.clone(), foreign);
    world.van.log(100, 200);
    let alarmed = |it: &World| it.van.status().up().is_some_and(|up| up.alarm.is_some());
    world.until("the van alarms", MINUTE, alarmed).await;
    let told = |it: &World| it.centre.status().below()[0].1.alarm.is_some();
    world.until("the centre alarms", 5 * MINUTE, told).await;
    sleep(30 * MINUTE).await;
    assert_eq!(lock(&world.centre.taken).facts.len(), 300, "nothing went up");
    let alarm = |alarm: Option<crate::uplink::Alarm>| alarm.map(|alarm| alarm.code);
    assert_eq!(alarm(world.van.status().up().unwrap().alarm), Some(Code::Chain));
    assert_eq!(alarm(world.centre.status().below()[0].1.alarm.clone()), Some(Code::Chain));
    let refused = lock(&world.centre.taken).refused.clone();
    assert!(refused.iter().all(|reason| reason.starts_with("uplink_chain")), "{refused:?}");
    assert!((1..=8).contains(&refused.len()), "kept, and no more than an hour's share");
    // The centre is mended: it states what was ours, and the rest follows.
    world.centre.store.script().carried.marks.insert(world.van.name.clone(), ours);
    world.until("it is green", 10 * MINUTE, World::is_green).await;
    world.check_equal();
}

/// A watermark that says everything is there.
fn lie(world: &World, key: &crate::uplink::GatewayKey, nonce: Nonce) -> Vec<u8> {
    let told = Told { by: world.centre.name.clone(), epoch: 1, nonce };
    let of = world.van.name.clone();
    let holds = Some(Holds { epoch: 1, upto: world.van.last().0, hash: Hash([1; 32]) });
    Message::Watermark(Stated { told, of, holds, at: None }).seal(key).unwrap()
}

#[tokio::test(start_paused = true)]
async fn nobody_in_between_makes_it_green() {
    let world = World::new();
    world.van.log(300, 200);
    world.follow();
    world.until("it is green", MINUTE, World::is_green).await;
    world.van.log(300, 200);
    // The answer of before, one of another key, and one to no question of ours.
    let stranger = crate::uplink::GatewayKey::for_tests();
    let lies = [
        Fault::Stale,
        Fault::Answer(lie(&world, &stranger, Nonce(1))),
        Fault::Answer(lie(&world, &world.centre.key, Nonce(1))),
        Fault::Answer(b"<html>welcome to the hotel</html>".to_vec()),
        Fault::Answer(Vec::new()),
    ];
    let before = world.wire().questions.len();
    world.wire().faults.extend(lies);
    while !world.wire().faults.is_empty() {
        assert!(!world.is_green());
        sleep(Duration::from_millis(50)).await;
    }
    assert!(world.wire().questions.len() > before);
    world.until("it is green", 10 * MINUTE, World::is_green).await;
    world.check_equal();
    assert_eq!(world.van.status().up().unwrap().alarm, None);
}

#[tokio::test(start_paused = true)]
async fn alerts_overtake_the_backlog() {
    let world = World::new();
    world.van.log(4000, 400);
    world.van.store.script().carried.urgent = vec![3990, 3991];
    world.wire().speed = 64_000;
    world.follow();
    let overtaken = |it: &World| lock(&it.centre.taken).express.len() == 2;
    world.until("they are there", MINUTE, overtaken).await;
    assert!(world.centre.holds(&world.van).0 < 1000, "long before their turn");
    world.until("it is green", 60 * MINUTE, World::is_green).await;
    world.check_equal();
    let express = lock(&world.centre.taken).express.clone();
    assert_eq!(express.len(), 2, "once: {express:?}");
}

#[tokio::test(start_paused = true)]
async fn at_64_kbit_a_cut_costs_some_ten_seconds() {
    let world = World::new();
    world.van.log(3000, 400);
    world.wire().speed = 64_000;
    world.follow();
    world.until("it is green", 60 * MINUTE, World::is_green).await;
    world.check_equal();
    let slowest = world.wire().took.iter().max().copied().unwrap();
    // 64 KiB of noise pack to about half; doubled from there until it takes more than 3 s.
    assert!(slowest < Duration::from_secs(15), "{slowest:?}");
    let sent = world.wire().questions.iter().map(Vec::len).max().unwrap();
    assert!(sent <= 192 * 1024, "{sent}");
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_down_for_days_is_asked_at_a_bounded_pace_and_then_goes_on() {
    let world = World::new();
    world.van.log(100, 200);
    world.wire().down = true;
    world.follow();
    sleep(24 * 60 * MINUTE).await;
    let asked = world.wire().questions.len();
    // Full jitter up to a minute: every half a minute in the mean.
    assert!((1400..6000).contains(&asked), "{asked} in a day");
    world.wire().down = false;
    world.until("it is green", 2 * MINUTE, World::is_green).await;
    world.check_equal();
}

#[tokio::test(start_paused = true)]
async fn what_concerns_the_vans_people_comes_down_with_the_answers() {
    let world = World::new();
    world.van.log(10, 200);
    world.centre.log(2000, 200);
    let down = world.centre.store.script().carried.lines.split_off(1300);
    world.centre.store.script().carried.down = down.clone();
    world.follow();
    let there = |it: &World| it.van.holds(&it.centre) == it.centre.last();
    world.until("all of it is there", 5 * MINUTE, there).await;
    let taken = lock(&world.van.taken);
    assert_eq!(taken.facts.len(), down.len());
    for Parcel { seq, line } in down {
        assert_eq!(taken.facts.get(&(world.centre.name.clone(), seq.0)), Some(&line));
    }
    assert_eq!(taken.doubled, 0);
}

#[tokio::test(start_paused = true)]
async fn what_leaves_is_one_envelope_signed_by_this_gateway() {
    let world = World::new();
    world.van.log(3, 200);
    world.follow();
    world.until("it is green", MINUTE, World::is_green).await;
    for question in &world.wire().questions {
        let sealed = Sealed::read(question).unwrap();
        sealed.verify(&world.van.key.public()).unwrap();
        assert_eq!(Message::open(&sealed).unwrap().told().by, world.van.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_box_whose_clock_is_years_off_gets_another_certificate_in_time_and_only_then() {
    let world = World::new();
    let first = world.van.enrol(&world.centre, 89);
    world.van.log(10, 300);
    world.follow();
    world
        .until("it has another certificate", MINUTE, |it| it.van.enrolment().serial != first)
        .await;
    let held = world.van.enrolment();
    assert_eq!(held.token.expose(), "xzt_token");
    assert_eq!(held.until.since(held.said_at), Millis::days(BOX_DAYS));
    world.until("it is green", MINUTE, World::is_green).await;
    world.check_equal();
}

#[tokio::test(start_paused = true)]
async fn a_question_about_a_certificate_that_comes_to_nothing_keeps_nothing_back() {
    let world = World::new();
    let first = world.van.enrol(&world.centre, 10);
    // The gateway above has lost its word about the box.
    world.centre.store.script().certificates.clear();
    world.van.log(500, 300);
    world.follow();
    world.until("it is green", MINUTE, World::is_green).await;
    assert_eq!(world.van.enrolment().serial, first);
    let name = world.van.name.clone();
    assert_eq!(world.van.status().up().unwrap().alarm, None);
    // Word again: it is asked again within ten minutes.
    let again = world.van.enrol(&world.centre, 10);
    assert!(world.centre.store.script().certificates.contains_key(&name));
    let soon = Duration::from_secs(660);
    world.until("it has another one", soon, |it| it.van.enrolment().serial != again).await;
    world.check_equal();
}
