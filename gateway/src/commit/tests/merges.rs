//! Two files of one person: what stands after any order of readings, claims, merges and undoings is
//! what the last relation alone would give, and a merge that is taken back is as if it had never been.

use std::io::Write as _;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    super::{DecideRefused, Wish},
    claims::Bench,
};
use crate::{
    domain::{Alert, AlertState, Millis, PersonId},
    store::{
        CommitSeq, ModelStore, Options, SqliteStore, Store,
        fixtures::{self, id, person},
        view::{AlertFilter, Paging, ReadingFilter, Scope},
    },
};

/// Change it to try other histories; a failure prints the shortest history that shows it.
const SEED: [u8; 32] = *b"xunzhen commit merges are undone";
const CASES: u32 = 12;

const FILES: [&str; 2] = ["P1", "P2"];

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// So many minutes after the last one, this systolic value comes under a file.
    Read(i64, i64, usize),
    /// One comes that is nobody's, and is claimed for a file.
    Claimed(i64, i64, usize),
    /// One is claimed for a file, and that is taken back.
    Unclaimed(i64, i64, usize),
    /// The file is merged into the other one, if none is merged.
    Merge(usize),
    /// The merge is taken back, if one stands.
    Unmerge,
}

/// Which merges of a history happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merges {
    /// As it says.
    All,
    /// The last one alone, if it still stands at the end, before everything else.
    LastFirst,
    /// The same, after everything else.
    LastLast,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let read = (0_i64..3000, 100_i64..215, 0_usize..2);
    let step = prop_oneof![
        6 => read.clone().prop_map(|(after, value, file)| Step::Read(after, value, file)),
        1 => read.clone().prop_map(|(after, value, file)| Step::Claimed(after, value, file)),
        1 => read.prop_map(|(after, value, file)| Step::Unclaimed(after, value, file)),
        2 => (0_usize..2).prop_map(Step::Merge),
        2 => Just(Step::Unmerge),
    ];
    vec(step, 1..14)
}

/// The merge that stands at the end of a history.
fn last(history: &[Step]) -> Option<usize> {
    history.iter().fold(None, |standing, step| match step {
        Step::Merge(file) => standing.or(Some(*file)),
        Step::Unmerge => None,
        Step::Read(..) | Step::Claimed(..) | Step::Unclaimed(..) => standing,
    })
}

struct Life<'b, 's> {
    bench: &'b mut Bench<'s>,
    number: u64,
    standing: Option<CommitSeq>,
}

impl Life<'_, '_> {
    fn merge(&mut self, file: usize) {
        if self.standing.is_none() {
            self.standing = Some(self.bench.decide(wish(file)).unwrap());
        }
    }

    fn receive(&mut self, (after, value): (i64, i64), whose: Option<usize>) -> CommitSeq {
        self.bench.now = self.bench.now.plus(Millis::minutes(after));
        self.number += 1;
        self.bench.receive(self.number, value, whose.map(|file| FILES[file]))
    }

    fn step(&mut self, step: Step, merges: bool) {
        match step {
            Step::Read(after, value, file) => drop(self.receive((after, value), Some(file))),
            Step::Claimed(after, value, file) | Step::Unclaimed(after, value, file) => {
                let item = self.receive((after, value), None);
                let claim = Wish::Claim { item, person: id(FILES[file]) };
                let decision = self.bench.decide(claim).unwrap();
                if matches!(step, Step::Unclaimed(..)) {
                    self.bench.decide(Wish::Undo { decision }).unwrap();
                }
            }
            Step::Merge(file) if merges => self.merge(file),
            Step::Unmerge if merges => {
                if let Some(merge) = self.standing.take() {
                    self.bench.decide(Wish::Unmerge { merge }).unwrap();
                }
            }
            Step::Merge(_) | Step::Unmerge => {}
        }
    }
}

fn wish(file: usize) -> Wish {
    Wish::Merge { person: id(FILES[file]), survivor: id(FILES[1 - file]) }
}

fn live(store: &mut dyn Store, history: &[Step], merges: Merges) -> Vec<String> {
    let mut bench = Bench::new(store);
    let mut life = Life { bench: &mut bench, number: 0, standing: None };
    let last = last(history);
    if let (Merges::LastFirst, Some(file)) = (merges, last) {
        life.merge(file);
    }
    for step in history {
        life.step(*step, merges == Merges::All);
    }
    if let (Merges::LastLast, Some(file)) = (merges, last) {
        life.merge(file);
    }
    told(&mut bench)
}

fn alerts(bench: &Bench<'_>) -> Vec<Alert> {
    let page = Paging { limit: 1000, after: None };
    let all = bench.store.reader().alerts(&Scope::Everything, &AlertFilter::default(), &page);
    let mut all = all.unwrap().items;
    all.sort_by_key(|alert| alert.key);
    all
}

/// Under which file each reading came and whose it counts as, and every alert that is open.
fn told(bench: &mut Bench<'_>) -> Vec<String> {
    bench.start_again();
    let reader = bench.store.reader();
    let page = Paging { limit: 1000, after: None };
    let mut told = Vec::new();
    for name in FILES {
        let person: PersonId = id(name);
        for filter in [
            ReadingFilter { person: Some(person.clone()), ..ReadingFilter::default() },
            ReadingFilter { filed: Some(person.clone()), ..ReadingFilter::default() },
        ] {
            let found = reader.readings(&Scope::Everything, &filter, &page).unwrap().items;
            let ids = found.iter().map(|(_, stored)| stored.reading.id.to_string());
            told.push(format!("{name}: {:?}", ids.collect::<Vec<_>>()));
        }
    }
    let live = alerts(bench).into_iter().filter(|alert| alert.state.is_live());
    let mut live: Vec<_> = live
        .map(|it| format!("{} {} {} {:?} {:?}", it.id, it.concept, it.person, it.level, it.state))
        .collect();
    live.sort();
    told.extend(live);
    assert_eq!(reader.recount().unwrap(), Vec::<String>::new());
    told
}

fn check(history: &[Step]) -> Result<(), TestCaseError> {
    let model = |merges| live(&mut ModelStore::new(), history, merges);
    let sqlite = |merges| {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
        live(&mut store, history, merges)
    };
    let expected = model(Merges::LastFirst);
    prop_assert_eq!(&model(Merges::LastLast), &expected);
    prop_assert_eq!(&model(Merges::All), &expected);
    prop_assert_eq!(&sqlite(Merges::All), &expected);
    Ok(())
}

/// Every alert as it stood, to the letter, after a merge and its undoing; what the merge opened is
/// withdrawn.
fn check_undone(store: &mut dyn Store, history: &[Step], file: usize) {
    let mut bench = Bench::new(store);
    let mut life = Life { bench: &mut bench, number: 0, standing: None };
    for step in history {
        life.step(*step, false);
    }
    let before = (alerts(&bench), told(&mut bench));
    let merge = bench.decide(wish(file)).unwrap();
    bench.start_again();
    bench.decide(Wish::Unmerge { merge }).unwrap();
    let after = (alerts(&bench), told(&mut bench));
    assert_eq!(after.1, before.1);
    let (stood, opened) = after.0.split_at(before.0.len());
    assert_eq!(stood, before.0);
    let withdrawn = |alert: &Alert| !alert.state.is_live();
    assert!(opened.iter().all(withdrawn), "{opened:?}");
}

fn runner() -> TestRunner {
    writeln!(std::io::stdout(), "seed {}", String::from_utf8_lossy(&SEED)).unwrap();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, rng)
}

#[test]
fn any_order_of_merges_ends_as_the_last_one_alone() {
    runner().run(&steps(), |history| check(&history)).unwrap();
}

#[test]
fn an_undone_merge_leaves_every_alert_as_it_stood() {
    let histories = (steps(), 0_usize..2);
    let run = |(history, file): (Vec<Step>, usize)| {
        check_undone(&mut ModelStore::new(), &history, file);
        Ok(())
    };
    runner().run(&histories, run).unwrap();
}

#[test]
fn an_open_alert_goes_over_and_comes_back_with_its_acts() {
    let mut store = ModelStore::new();
    let mut bench = Bench::new(&mut store);
    bench.receive(1, 190, Some("P1"));
    let before = alerts(&bench);
    let merge = bench.decide(wish(0)).unwrap();
    let during = alerts(&bench);
    assert_eq!(during.len(), before.len(), "none is opened a second time");
    for (alert, stood) in during.iter().zip(&before) {
        assert_eq!(alert.person, id("P2"));
        assert_eq!(
            (alert.key, alert.state, alert.deadline),
            (stood.key, stood.state, stood.deadline)
        );
        assert_ne!(alert.id, stood.id);
    }
    let history = bench.store.reader().alert(&Scope::Everything, &before[0].id).unwrap().unwrap();
    assert_eq!(history.alert.key, before[0].key, "the old id still leads there");
    // A day later a value of the file that counts as another's is judged there.
    bench.now = bench.now.plus(Millis::hours(30));
    bench.receive(2, 200, Some("P1"));
    assert!(alerts(&bench).iter().all(|alert| alert.person == id("P2")));
    bench.decide(Wish::Unmerge { merge }).unwrap();
    let after = alerts(&bench);
    let of_p2 = after.iter().filter(|alert| alert.person == id("P2"));
    assert!(of_p2.clone().all(|alert| alert.state == AlertState::Withdrawn), "{after:#?}");
    assert!(after.iter().any(|alert| alert.person == id("P1") && alert.state.is_live()));
}

#[test]
fn what_cannot_be_merged_is_refused_with_its_reason() {
    let mut store = ModelStore::new();
    let mut bench = Bench::new(&mut store);
    fixtures::commit(bench.store, &[person("P3", None, "North")], &[]);
    let of = |one: &str, other: &str| Wish::Merge { person: id(one), survivor: id(other) };
    assert_eq!(bench.decide(of("P1", "P1")), Err(DecideRefused::SamePerson));
    assert_eq!(bench.decide(of("P1", "P9")), Err(DecideRefused::UnknownPerson));
    assert_eq!(bench.decide(of("P9", "P1")), Err(DecideRefused::UnknownPerson));
    let merge = bench.decide(of("P1", "P2")).unwrap();
    assert_eq!(bench.decide(of("P1", "P3")), Err(DecideRefused::CountsAsAnother));
    assert_eq!(bench.decide(of("P2", "P1")), Err(DecideRefused::SurvivorCountsAsAnother));
    assert_eq!(bench.decide(of("P3", "P1")), Err(DecideRefused::SurvivorCountsAsAnother));
    assert_eq!(bench.decide(of("P2", "P3")), Err(DecideRefused::OthersCountAsTheirs));
    let second = bench.decide(of("P3", "P2")).unwrap();
    bench.decide(Wish::Unmerge { merge: second }).unwrap();
    let unknown = Wish::Unmerge { merge: CommitSeq(1) };
    assert_eq!(bench.decide(unknown), Err(DecideRefused::Unknown));
    assert_eq!(bench.decide(Wish::Unmerge { merge: second }), Err(DecideRefused::NotInForce));
    bench.decide(Wish::Unmerge { merge }).unwrap();
    bench.decide(of("P2", "P1")).unwrap();
}
