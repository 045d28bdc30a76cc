//! The upper end against everything that is not what it says (ATTACKS A8).

use bytes::Bytes;
use rustls::pki_types::CertificateDer;

use crate::{
    domain::{BoxState, Millis, Neighbour, Road, Timestamp},
    enrol::{BOX_DAYS, box_of_certificate},
    store::CommitSeq,
    supervise::Supervisor,
    uplink::{
        GatewayKey,
        batch::{
            Batch, Certified, Code, Dispute, Hash, Hello, Message, Nonce, PartAsked, Point,
            ReceiptsAsked, ReceiptsSaid, Refusal, Renew, Sealed, Stated, Told, split,
        },
        fake::{Fake, lock},
        parcel::Parcel,
    },
};

struct World {
    van: Fake,
    centre: Fake,
    row: Neighbour,
    _supervisor: Supervisor,
}

impl World {
    fn new() -> Self {
        let supervisor = Supervisor::new();
        let (van, centre) = (Fake::start("van", &supervisor), Fake::start("centre", &supervisor));
        let row = centre.trust(&van);
        Self { van, centre, row, _supervisor: supervisor }
    }

    fn told(&self) -> Told {
        Told { by: self.van.name.clone(), epoch: 1, nonce: Nonce(5) }
    }

    fn batch(&self, after: Point, upto: i64) -> Batch {
        let seqs = after.upto.0 + 1..=upto;
        let line = |seq: i64| format!("{{\"v\":1,\"t\":\"x\",\"n\":{seq}}}").into_bytes();
        let parcels = seqs.map(|seq| Parcel { seq: CommitSeq(seq), line: line(seq) }).collect();
        let (told, last) = (self.told(), CommitSeq(99));
        let (upto, previous) = (CommitSeq(upto), after.hash);
        Batch { told, after: after.upto, upto, previous, last, parcels }
    }

    async fn send(&self, bytes: Vec<u8>) -> Result<Stated, Refusal> {
        let answer = self.centre.upper.answer(&self.van.name, Road::Mqtt, Bytes::from(bytes)).await;
        let parts = split(&answer).unwrap();
        let sealed = Sealed::read(parts[0]).unwrap();
        sealed.verify(&self.centre.key.public()).unwrap();
        let answer = Message::open(&sealed).unwrap();
        if let Message::Watermark(stated) = answer {
            return Ok(stated);
        }
        let Message::Refused(refusal) = answer else { panic!("{answer:?}") };
        Err(refusal)
    }

    async fn batch_sent(&self, batch: Batch) -> Result<i64, Code> {
        let sent = self.send(Message::Batch(batch).seal(&self.van.key).unwrap()).await;
        let upto = |stated: Stated| stated.holds.map_or(0, |holds| holds.upto);
        sent.map(upto).map_err(|refusal| refusal.code)
    }

    /// The one alarm that there is.
    fn alarm(&self) -> Option<(Code, u64)> {
        let alarm = self.centre.status().below().first()?.1.alarm.clone()?;
        Some((alarm.code, alarm.times))
    }
}

async fn check(world: &World, bytes: &[u8], code: Code, kept: bool) {
    let before = lock(&world.centre.taken).refused.len();
    let facts = lock(&world.centre.taken).facts.len();
    let refusal = world.send(bytes.to_vec()).await.unwrap_err();
    assert_eq!(refusal.code, code);
    assert_eq!((refusal.zh.as_str(), refusal.en.as_str()), (code.zh(), code.en()));
    let taken = lock(&world.centre.taken);
    assert_eq!(taken.facts.len(), facts, "nothing was entered");
    assert_eq!(taken.refused.len() - before, usize::from(kept), "kept for the auditor");
    if kept {
        let reason = taken.refused.last().unwrap();
        assert!(reason.starts_with(&format!("uplink_{code}: ")), "{reason}");
    }
}

#[tokio::test]
async fn batches_in_their_turn_move_the_watermark() {
    let world = World::new();
    let first = world.batch(Point::default(), 4);
    assert_eq!(world.batch_sent(first.clone()).await, Ok(4));
    let second = world.batch(first.end(), 9);
    assert_eq!(world.batch_sent(second).await, Ok(9));
    assert_eq!(lock(&world.centre.taken).facts.len(), 9);
    assert_eq!(world.alarm(), None);
}

#[tokio::test]
async fn a_batch_of_yesterday_is_a_duplicate_and_one_from_ahead_waits_for_what_it_lacks() {
    let world = World::new();
    let first = world.batch(Point::default(), 4);
    let second = world.batch(first.end(), 9);
    assert_eq!(world.batch_sent(second.clone()).await, Ok(0), "reordered: nothing is held yet");
    assert_eq!(world.batch_sent(first.clone()).await, Ok(4));
    assert_eq!(world.batch_sent(second.clone()).await, Ok(9));
    for _ in 0..3 {
        assert_eq!(world.batch_sent(first.clone()).await, Ok(9), "replayed");
        assert_eq!(world.batch_sent(second.clone()).await, Ok(9), "replayed");
    }
    let taken = lock(&world.centre.taken);
    assert_eq!((taken.facts.len(), taken.doubled, taken.refused.len()), (9, 0, 0));
    drop(taken);
    assert_eq!(world.alarm(), None);
}

#[tokio::test]
async fn two_chains_under_one_name_are_refused_and_alarm_once() {
    let world = World::new();
    let first = world.batch(Point::default(), 4);
    assert_eq!(world.batch_sent(first.clone()).await, Ok(4));
    // A clone of the box from before goes another way.
    let mut other = world.batch(Point::default(), 4);
    other.parcels[0].line = b"{\"v\":1,\"t\":\"other\"}".to_vec();
    assert_eq!(world.batch_sent(other.clone()).await, Err(Code::Chain));
    let beyond = world.batch(other.end(), 9);
    assert_eq!(world.batch_sent(beyond.clone()).await, Err(Code::Chain));
    assert_eq!(world.batch_sent(beyond).await, Err(Code::Chain));
    assert_eq!(world.alarm(), Some((Code::Chain, 3)), "one alarm");
    assert_eq!(lock(&world.centre.taken).refused.len(), 2, "each envelope once");
    // The box itself says so too.
    let dispute = Some(Dispute { upto: 4, hash: first.hash() });
    let hello = Hello { told: world.told(), last: 9, wants: None, dispute, heard: None, lag: 0 };
    let bytes = Message::Hello(hello).seal(&world.van.key).unwrap();
    check(&world, &bytes, Code::Chain, true).await;
    // What was entered stays, and its own chain goes on.
    assert_eq!(world.batch_sent(world.batch(first.end(), 9)).await, Ok(9));
}

#[tokio::test]
async fn forged_edited_and_cut_envelopes_are_kept_and_nothing_of_them_is_entered() {
    let world = World::new();
    let batch = Message::Batch(world.batch(Point::default(), 4));
    let sound = batch.seal(&world.van.key).unwrap();
    check(&world, &batch.seal(&GatewayKey::for_tests()).unwrap(), Code::Forged, true).await;
    let mut edited = sound.clone();
    let at = edited.len() - 70;
    edited[at] ^= 1;
    check(&world, &edited, Code::Forged, true).await;
    check(&world, &sound[..sound.len() - 1], Code::NotAnEnvelope, true).await;
    check(&world, &[sound.as_slice(), b"x"].concat(), Code::NotAnEnvelope, true).await;
    check(&world, b"", Code::NotAnEnvelope, true).await;
    let upward = Message::Watermark(Stated {
        told: world.told(),
        of: world.van.name.clone(),
        holds: None,
        at: None,
    });
    check(&world, &upward.seal(&world.van.key).unwrap(), Code::NotForHere, false).await;
    assert_eq!(world.alarm().map(|(code, _)| code), Some(Code::Forged), "the first cause stays");
    assert_eq!(world.batch_sent(world.batch(Point::default(), 4)).await, Ok(4));
    assert!(world.alarm().is_some(), "whoever it was may come again");
    world.centre.store.script().carried.entered_at =
        Some(Timestamp::parse("2026-03-02T09:00:00+08:00").unwrap());
    assert_eq!(world.batch_sent(world.batch(Point::default(), 4)).await, Ok(4));
    assert_eq!(world.alarm(), None, "somebody looked at it and entered the box's row anew");
}

#[tokio::test]
async fn a_flood_of_rubbish_is_counted_and_does_not_fill_the_disk() {
    let world = World::new();
    for number in 0..100_u8 {
        let refusal = world.send(vec![number; 1000]).await.unwrap_err();
        assert_eq!(refusal.code, Code::NotAnEnvelope);
    }
    assert_eq!(lock(&world.centre.taken).refused.len(), 8);
    let below = world.centre.status().below();
    assert_eq!((below[0].1.refused, world.alarm()), (100, Some((Code::NotAnEnvelope, 100))));
}

#[tokio::test]
async fn who_is_unknown_revoked_or_speaks_for_another_is_refused() {
    let world = World::new();
    let sound = Message::Batch(world.batch(Point::default(), 4)).seal(&world.van.key).unwrap();
    world.centre.enter(Neighbour { state: BoxState::Revoked, ..world.row.clone() });
    check(&world, &sound, Code::Revoked, true).await;
    world.centre.store.script().registry.clear();
    let again = Message::Batch(world.batch(Point::default(), 5)).seal(&world.van.key).unwrap();
    check(&world, &again, Code::UnknownBox, true).await;
    // Another key in its row: what the old one signed is forged.
    let key = GatewayKey::for_tests().public().to_string();
    world.centre.enter(Neighbour { key, ..world.row.clone() });
    let again = Message::Batch(world.batch(Point::default(), 6)).seal(&world.van.key).unwrap();
    check(&world, &again, Code::Forged, true).await;
    world.centre.enter(world.row.clone());
    let mut other = world.batch(Point::default(), 4);
    other.told.by = "another".parse().unwrap();
    let other = Message::Batch(other).seal(&world.van.key).unwrap();
    check(&world, &other, Code::AnotherBox, true).await;
}

#[tokio::test]
async fn another_life_of_the_log_is_taken_only_when_an_operator_says_so() {
    let world = World::new();
    assert_eq!(world.batch_sent(world.batch(Point::default(), 4)).await, Ok(4));
    let mut anew = world.batch(Point::default(), 3);
    anew.told.epoch = 2;
    assert_eq!(world.batch_sent(anew.clone()).await, Err(Code::OtherEpoch));
    let told = anew.told.clone();
    let mut hello = Hello { told, last: 3, wants: None, dispute: None, heard: None, lag: 0 };
    let bytes = Message::Hello(hello.clone()).seal(&world.van.key).unwrap();
    check(&world, &bytes, Code::OtherEpoch, true).await;
    world.centre.enter(Neighbour { epoch: Some(2), ..world.row.clone() });
    assert_eq!(world.batch_sent(anew.clone()).await, Ok(3));
    world.centre.enter(world.row.clone());
    assert_eq!(world.batch_sent(world.batch(Point::default(), 4)).await, Err(Code::OtherEpoch));
    hello.told.nonce = Nonce(6);
    let bytes = Message::Hello(hello).seal(&world.van.key).unwrap();
    let stated = world.send(bytes).await.unwrap();
    assert_eq!(stated.told.nonce, Nonce(6), "an answer repeats its question");
    assert_eq!(stated.holds.map(|holds| (holds.epoch, holds.upto)), Some((2, 3)));
}

#[tokio::test]
async fn express_copies_move_no_watermark() {
    let world = World::new();
    let batch = world.batch(Point { upto: CommitSeq(50), hash: Hash::default() }, 52);
    let bytes = Message::Express(batch).seal(&world.van.key).unwrap();
    assert_eq!(world.send(bytes).await.unwrap().holds, None);
    assert_eq!(lock(&world.centre.taken).express.len(), 2);
    assert_eq!(lock(&world.centre.taken).facts.len(), 0);
}

fn receipt(count: u64) -> crate::receipt::DayLog {
    let of = |number| crate::store::fixtures::reading(number, Some("P1"), "V1", 0);
    let entry = |number| crate::receipt::Entry {
        village: "青石村".to_owned(),
        kind: crate::receipt::Kind::Reading,
        record: crate::receipt::of_reading(&of(number)),
        person: None,
    };
    let day = crate::receipt::Day::of(crate::store::fixtures::NOON);
    crate::receipt::DayLog::new("V1".parse().unwrap(), day, (0..count).map(entry).collect())
}

impl World {
    fn asked(&self, count: u64, upto: i64) -> ReceiptsAsked {
        let days = vec![receipt(count).receipt()];
        ReceiptsAsked { told: self.told(), upto, days, parts: Vec::new(), found: Vec::new() }
    }

    async fn receipts(&self, bytes: Vec<u8>) -> Result<ReceiptsSaid, Code> {
        let answer = self.centre.upper.answer(&self.van.name, Road::Mqtt, Bytes::from(bytes)).await;
        let sealed = Sealed::read(&answer).unwrap();
        sealed.verify(&self.centre.key.public()).unwrap();
        let answer = Message::open(&sealed).unwrap();
        if let Message::Receipted(said) = answer {
            return Ok(said);
        }
        let Message::Refused(refusal) = answer else { panic!("{answer:?}") };
        Err(refusal.code)
    }

    /// How many records the box's latest word is of, by its hash.
    fn said(&self) -> Option<crate::receipt::Digest> {
        let script = self.centre.store.script();
        script.carried.said.values().next().map(|said| said.receipt.hash)
    }
}

#[tokio::test]
async fn what_a_box_says_of_its_days_is_kept_and_answered_and_what_it_said_before_comes_too_late() {
    let world = World::new();
    let held = receipt(5);
    world.centre.store.script().carried.days.insert((held.day, held.site.clone()), held.clone());
    let sealed = |asked: ReceiptsAsked| Message::Receipts(asked).seal(&world.van.key).unwrap();
    let old = sealed(world.asked(4, 7));
    let said = world.receipts(old.clone()).await.unwrap();
    assert_eq!(said.of, world.van.name);
    assert_eq!(said.days[0].receipt(&receipt(4).receipt()), Some(held.receipt()));
    assert_eq!(world.centre.status().days(|days| days.red()), 1);
    let same = world.receipts(sealed(world.asked(5, 8))).await.unwrap();
    assert_eq!(same.days[0].villages, None, "the hash alone says that it is the same");
    assert_eq!(world.centre.status().days(|days| days.red()), 0);
    // Replayed, an envelope of before changes nothing.
    world.receipts(old).await.unwrap();
    assert_eq!(world.said(), Some(held.receipt().hash));
    assert_eq!(world.centre.status().days(|days| days.red()), 0);
    assert_eq!((world.alarm(), lock(&world.centre.taken).refused.len()), (None, 0));
}

#[tokio::test]
async fn receipts_of_another_key_another_box_or_another_life_change_nothing_and_alarm() {
    let world = World::new();
    assert_eq!(world.batch_sent(world.batch(Point::default(), 4)).await, Ok(4));
    let message = |asked| Message::Receipts(asked);
    let mut other_box = world.asked(4, 7);
    other_box.told.by = "another".parse().unwrap();
    let mut other_life = world.asked(4, 7);
    other_life.told.epoch = 9;
    for (bytes, code) in [
        (message(world.asked(4, 7)).seal(&GatewayKey::for_tests()).unwrap(), Code::Forged),
        (message(other_box).seal(&world.van.key).unwrap(), Code::AnotherBox),
        (message(other_life).seal(&world.van.key).unwrap(), Code::OtherEpoch),
    ] {
        check(&world, &bytes, code, true).await;
        assert_eq!(world.said(), None);
    }
    assert_eq!(world.alarm().map(|(code, _)| code), Some(Code::Forged));
}

#[tokio::test]
async fn a_box_learns_nothing_of_days_that_are_not_its_own() {
    let world = World::new();
    let held = receipt(5);
    world.centre.store.script().carried.days.insert((held.day, held.site.clone()), held);
    world.centre.enter(Neighbour { serves: vec!["别村".to_owned()], ..world.row.clone() });
    let mut asked = world.asked(4, 7);
    let (site, day) = (asked.days[0].site.clone(), asked.days[0].day);
    asked.parts = vec![PartAsked { site, day, part: crate::receipt::Part::Day }];
    let bytes = Message::Receipts(asked).seal(&world.van.key).unwrap();
    let said = world.receipts(bytes).await.unwrap();
    assert_eq!((said.days, said.parts, world.said()), (Vec::new(), Vec::new(), None));
}

#[tokio::test]
async fn an_alarm_that_no_bad_line_makes_stands_over_a_start_until_an_operator_has_looked() {
    let world = World::new();
    let forged = Message::Batch(world.batch(Point::default(), 4)).seal(&GatewayKey::for_tests());
    check(&world, &forged.unwrap(), Code::Forged, true).await;
    let again = || {
        let (reader, inlet) = world.centre.parts();
        let (_, registered) = tokio::sync::watch::channel(CommitSeq(0));
        super::Upper::new(super::Parts {
            reader,
            inlet,
            key: std::sync::Arc::clone(&world.centre.key),
            clock: crate::domain::Clock::scripted(|| {
                Timestamp::parse("2026-03-02T10:00:00+08:00").unwrap()
            }),
            registered,
            status: std::sync::Arc::default(),
            office: None,
        })
    };
    let upper = again();
    let alarm = |upper: &super::Upper| upper.status().below().first()?.1.alarm.clone();
    assert_eq!(alarm(&upper).map(|alarm| alarm.code), Some(Code::Forged));
    // The operator enters its row anew, and the box is heard again.
    world.centre.store.script().carried.entered_at =
        Some(Timestamp::parse("2026-03-02T09:00:00+08:00").unwrap());
    let sound = Message::Batch(world.batch(Point::default(), 4)).seal(&world.van.key).unwrap();
    upper.answer(&world.van.name, Road::Http, Bytes::from(sound)).await;
    assert_eq!(alarm(&upper), None);
    assert_eq!(alarm(&again()), None, "its end is kept too");
}

/// What a box with so many days left is answered, saying that it holds the newest certificate or not:
/// whether it gets another one.
async fn renewed(days_left: i64, holds: bool) -> Result<bool, Code> {
    let world = World::new();
    let newest = world.van.enrol(&world.centre, days_left);
    let serial = if holds { newest.as_str().into() } else { "0".into() };
    world.renew(serial).await.map(|certified| {
        let certificate = CertificateDer::from(certified.certificate.as_slice());
        let of = box_of_certificate(&certificate);
        if certified.certificate.is_empty() {
            assert_eq!(certified.serial, newest);
            return false;
        }
        assert_eq!(of, Some((world.van.name.clone(), world.van.key.public())));
        assert_ne!(certified.serial, newest);
        let kept = world.centre.store.script().certificates[&world.van.name].clone();
        assert_eq!((&kept.serial, kept.until), (&certified.serial, certified.until));
        let days = certified.until.since(certified.said_at);
        assert_eq!(days, Millis::days(BOX_DAYS));
        true
    })
}

impl World {
    async fn renew(&self, serial: smol_str::SmolStr) -> Result<Certified, Code> {
        let asked =
            Message::Renew(Renew { told: self.told(), serial }).seal(&self.van.key).unwrap();
        let by = &self.van.name;
        let answer = self.centre.upper.answer(by, Road::Http, Bytes::from(asked)).await;
        let parts = split(&answer).unwrap();
        let answer = Message::open(&Sealed::read(parts[0]).unwrap()).unwrap();
        if let Message::Refused(refusal) = answer {
            return Err(refusal.code);
        }
        let Message::Certified(certified) = answer else { panic!("{answer:?}") };
        Ok(certified)
    }
}

#[tokio::test]
async fn a_certificate_is_renewed_from_ninety_days_on_or_where_the_newest_was_lost() {
    assert_eq!(renewed(91, true).await, Ok(false));
    assert_eq!(renewed(90, true).await, Ok(true));
    assert_eq!(renewed(89, true).await, Ok(true));
    assert_eq!(renewed(1, true).await, Ok(true));
    assert_eq!(renewed(179, false).await, Ok(true));
}

#[tokio::test]
async fn a_box_that_is_revoked_unknown_or_of_another_key_gets_no_certificate() {
    let world = World::new();
    assert_eq!(world.renew("0".into()).await, Err(Code::NotForHere), "it has no enrolment");
    world.van.enrol(&world.centre, 10);
    let key = GatewayKey::for_tests().public().to_string();
    let other = Neighbour { key, ..world.row.clone() };
    world.centre.enter(other);
    assert_eq!(world.renew("0".into()).await, Err(Code::Forged));
    world.centre.enter(Neighbour { state: BoxState::Revoked, ..world.row.clone() });
    assert_eq!(world.renew("0".into()).await, Err(Code::Revoked));
    world.centre.enter(world.row.clone());
    assert!(world.renew("0".into()).await.is_ok());
}

/// A greeting that says where the van's log ends and which answer it heard last, so many minutes ago.
async fn greets(world: &World, last: i64, minutes: Option<i64>, lag: u64) -> Stated {
    let heard = minutes.map(|minutes| at_centre().minus(Millis::minutes(minutes)).as_millis());
    let hello = Hello { told: world.told(), last, wants: None, dispute: None, heard, lag };
    world.send(Message::Hello(hello).seal(&world.van.key).unwrap()).await.unwrap()
}

fn at_centre() -> Timestamp {
    Timestamp::parse("2026-03-02T08:00:00+08:00").unwrap()
}

/// Minutes before the centre's time up to which the van was heard, once the writer has it.
async fn heard(world: &World) -> Option<i64> {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let script = world.centre.store.script();
    let until = script.carried.heard.get(&world.van.name).copied()?;
    Some(at_centre().since(until).whole_minutes())
}

#[tokio::test]
async fn a_van_is_heard_up_to_the_answer_that_it_repeats_once_all_of_before_is_here() {
    let world = World::new();
    let stated = greets(&world, 9, Some(60), 0).await;
    assert_eq!(stated.at, Some(at_centre().as_millis()), "the time to repeat");
    assert_eq!(heard(&world).await, None, "nine facts are not here");
    // The log grows: its earlier end is reached first.
    greets(&world, 20, Some(30), 0).await;
    let batch = world.batch(Point::default(), 9);
    let end = batch.end();
    world.send(Message::Batch(batch).seal(&world.van.key).unwrap()).await.unwrap();
    assert_eq!(heard(&world).await, Some(60));
    greets(&world, 20, Some(20), 0).await;
    let batch = world.batch(end, 20);
    world.send(Message::Batch(batch).seal(&world.van.key).unwrap()).await.unwrap();
    assert_eq!(heard(&world).await, Some(20));
    // One that was kept by somebody and comes again; one of time to come; one without a time.
    for minutes in [Some(40), Some(-5), None] {
        greets(&world, 20, minutes, 0).await;
        assert_eq!(heard(&world).await, Some(20), "{minutes:?}");
    }
    greets(&world, 20, Some(0), 12 * 60_000).await;
    assert_eq!(heard(&world).await, Some(12), "a box below the van was heard less of late");
}

#[tokio::test]
async fn a_greeting_played_again_moves_nothing_is_no_alarm_and_one_is_where_another_plays_it() {
    let world = World::new();
    let of = |last: i64, minutes: i64, lag: u64| {
        let heard = Some(at_centre().minus(Millis::minutes(minutes)).as_millis());
        let hello = Hello { told: world.told(), last, wants: None, dispute: None, heard, lag };
        Message::Hello(hello).seal(&world.van.key).unwrap()
    };
    let all = [of(0, 50, 0), of(0, 30, 600_000), of(0, 9, 0)];
    let mut before = None;
    for bytes in &all {
        world.send(bytes.clone()).await.unwrap();
        let known = heard(&world).await.unwrap();
        assert!(before.is_none_or(|before| known < before), "{known} after {before:?}");
        before = Some(known);
    }
    for bytes in all.iter().chain(&all) {
        let stated = world.send(bytes.clone()).await.unwrap();
        assert_eq!((stated.told.nonce, stated.holds), (world.told().nonce, None));
        assert_eq!(heard(&world).await, Some(9));
    }
    let kept = {
        let taken = lock(&world.centre.taken);
        (taken.refused.len(), taken.facts.len())
    };
    assert_eq!((kept, world.alarm()), ((0, 0), None));
    // Who has logged in as somebody else cannot play it at all.
    let other = "other".parse().unwrap();
    let bytes = Bytes::from(all[2].clone());
    let answer = world.centre.upper.answer(&other, Road::Mqtt, bytes).await;
    let answer = Message::open(&Sealed::read(split(&answer).unwrap()[0]).unwrap()).unwrap();
    assert!(matches!(answer, Message::Refused(it) if it.code == Code::AnotherBox));
    let alarms = world.centre.status().below();
    let alarmed = alarms.iter().find(|(of, _)| *of == other).and_then(|(_, of)| of.alarm.clone());
    assert_eq!(alarmed.map(|alarm| alarm.code), Some(Code::AnotherBox));
}

#[tokio::test]
async fn a_van_without_a_fact_is_heard_and_a_revoked_one_is_not() {
    let world = World::new();
    greets(&world, 0, Some(7), 0).await;
    assert_eq!(heard(&world).await, Some(7));
    world.centre.enter(Neighbour { state: BoxState::Revoked, ..world.row.clone() });
    let heard_at = Some(at_centre().as_millis());
    let told = world.told();
    let hello = Hello { told, last: 0, wants: None, dispute: None, heard: heard_at, lag: 0 };
    let refused = world.send(Message::Hello(hello).seal(&world.van.key).unwrap()).await;
    assert_eq!(refused.unwrap_err().code, Code::Revoked);
    assert_eq!(heard(&world).await, Some(7));
}
