//! The upper end against everything that is not what it says (ATTACKS A8).

use bytes::Bytes;

use crate::{
    domain::{BoxState, Millis, Neighbour, Road, Timestamp},
    store::CommitSeq,
    supervise::Supervisor,
    uplink::{
        GatewayKey,
        batch::{
            Batch, Code, Dispute, Hash, Hello, Message, Nonce, Point, Refusal, Sealed, Stated,
            Told, split,
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
