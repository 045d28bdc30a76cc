//! The writer's groups, on every store: what a group does once, however often it is asked.

use std::{future::Future, pin::pin, sync::Arc, task::Context};

use tokio::sync::{mpsc, oneshot};

use super::super::{
    AccessAsked, AccessDone, Act, ActRefused, Deed, Registering, Work,
    desk::Desk,
    group::{Group, Reply},
    people::People,
};
use crate::domain::CareLevel;
use crate::{
    admit,
    assess::{Pack, Packs},
    domain::{AlertId, ContentDigest, Timestamp},
    intake::{Inlet, Item, KeyReused},
    store::{
        AccessChange, AlertChange, BrokenGlass, CommitSeq, Counts, Done, Fact, ModelStore, Options,
        Outcome, Request, Role, SqliteStore, Status, Store,
        fixtures::{doctor, household, person, site},
        view::{HeldState, Paging, Scope},
    },
};

const NOW: &str = "2026-03-02T12:00:00+08:00";

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

/// A writer's desk before a store, without its thread: a test says what a group is.
struct Bench<'s> {
    store: &'s mut dyn Store,
    desk: Desk,
    pack: Arc<Pack>,
    gateway: (String, u64),
    inlet: Inlet,
    queue: mpsc::Receiver<Work>,
}

/// Runs a case against each store, with one person who has a village and a township doctor.
#[track_caller]
fn check(case: impl Fn(&mut Bench<'_>)) {
    let folder = tempfile::tempdir().unwrap();
    let mut sqlite = SqliteStore::open(Options::new(folder.path())).unwrap();
    for store in [&mut ModelStore::new() as &mut dyn Store, &mut sqlite] {
        let (work, queue) = mpsc::channel(64);
        let mut bench = Bench {
            store,
            desk: Desk::new(People::new(10)),
            pack: Arc::new(Pack::built_in().unwrap()),
            gateway: ("gw-1".to_owned(), 1),
            inlet: Inlet::new(work),
            queue,
        };
        bench.register();
        case(&mut bench);
    }
    assert_eq!(sqlite.reader().recount().unwrap(), Vec::<String>::new(), "recount of SQLite");
}

impl Bench<'_> {
    fn register(&mut self) {
        let facts = [
            site("clinic1", "North", "Qingshi", "Yun"),
            doctor("DR1", CareLevel::Village, "North"),
            doctor("T1", CareLevel::Township, "Qingshi"),
            household("H1", "North", Some("DR1")),
            person("P1", Some("H1"), ""),
        ];
        let row = |fact| if let Fact::Registration(row) = fact { row.row } else { panic!() };
        let (reply, _told) = oneshot::channel();
        let rows = facts.into_iter().map(row).collect();
        self.group([Work::Register(Registering { rows, author: "test".into(), reply })]);
    }

    /// Commits a group; says what each piece of work is told.
    fn group<const N: usize>(&mut self, works: [Work; N]) -> Vec<Reply> {
        let works = Vec::from(works);
        self.try_group(&works, true)
    }

    /// A group that is cut off before its commit, unless it is to be committed.
    fn try_group(&mut self, works: &[Work], commit: bool) -> Vec<Reply> {
        let mut unit = self.store.begin(now()).unwrap();
        let packs = Packs::new(Arc::clone(&self.pack));
        let group = Group::new(unit.as_mut(), &mut self.desk, &packs, &self.gateway, now());
        let (replies, _dirty) = group.apply(works).unwrap();
        if commit {
            unit.commit().unwrap();
        } else {
            drop(unit);
            self.desk.forget();
        }
        replies
    }

    /// A delivery as HTTP hands it over; nobody waits for it.
    fn posted(&mut self, key: Option<&str>, body: &str) -> Work {
        let items = admit::posted(body.as_bytes(), now(), key);
        self.delivery(key.map(|key| request(key, body)), items)
    }

    fn delivery(&mut self, request: Option<Request>, items: Vec<Item>) -> Work {
        let waker = std::task::Waker::noop();
        let mut context = Context::from_waker(waker);
        let inlet = self.inlet.clone();
        match request {
            Some(request) => {
                assert!(
                    pin!(inlet.deliver_once(request, items, 1)).poll(&mut context).is_pending()
                );
            }
            None => assert!(pin!(inlet.deliver(items, 1)).poll(&mut context).is_ready()),
        }
        self.queue.try_recv().unwrap()
    }

    /// Opens an alert about the person.
    fn alert(&mut self) -> AlertId {
        let reading = self.posted(None, &numbered(1, 200));
        self.group([reading]);
        self.steps().first().unwrap().0
    }

    /// Every step of the life of every alert: which, what, and its note.
    fn steps(&self) -> Vec<(AlertId, AlertChange, Option<String>)> {
        let fed = self.store.reader().feed(CommitSeq(0), 10_000).unwrap();
        let step = |fact| {
            let Fact::Alert(event) = fact else { return None };
            Some((event.alert.id, event.change, event.note))
        };
        fed.into_iter().filter_map(|entry| step(entry.fact)).collect()
    }

    fn count_of(&self, change: AlertChange) -> usize {
        self.steps().iter().filter(|step| step.1 == change).count()
    }

    fn counts(&self) -> Counts {
        self.store.reader().counts().unwrap()
    }
}

fn request(key: &str, body: &str) -> Request {
    let mut digest = [0; 16];
    blake3::Hasher::new().update(body.as_bytes()).finalize_xof().fill(&mut digest);
    Request { key: key.to_owned(), digest: ContentDigest::from_bytes(digest) }
}

fn numbered(seq: u64, systolic: u64) -> String {
    format!(
        r#"{{"kind":"blood_pressure","seq":{seq},"epoch":1,"measured_at":"{NOW}",
        "systolic":{systolic},"diastolic":90,"unit":"mmHg","person":"P1","device":"cuff",
        "site":"clinic1"}}"#
    )
}

fn act(alert: AlertId, deed: Deed, key: Option<&str>, note: &str) -> Work {
    let (reply, _told) = oneshot::channel();
    Work::Act(Act {
        alert,
        deed,
        note: Some(note.to_owned()),
        by: "DR1".into(),
        claimed_at: None,
        request: key.map(|key| request(key, note)),
        reply,
    })
}

#[track_caller]
fn outcomes(replies: &[Reply]) -> Vec<Vec<Outcome>> {
    let told = |reply: &Reply| {
        let Reply::Outcomes(outcomes) = reply else { panic!("{reply:?}") };
        outcomes.clone()
    };
    replies.iter().map(told).collect()
}

#[track_caller]
fn step(reply: &Reply) -> Result<CommitSeq, ActRefused> {
    let Reply::Act(result) = reply else { panic!("{reply:?}") };
    result.clone()
}

#[test]
fn a_delivery_that_comes_again_is_told_the_same_and_taken_once() {
    check(|bench| {
        let body = format!("[{},{{}}]", numbered(1, 130));
        let works = [bench.posted(Some("k"), &body), bench.posted(Some("k"), &body)];
        let told = outcomes(&bench.group(works));
        assert_eq!(
            told[0].iter().map(|one| one.status).collect::<Vec<_>>(),
            [Status::Stored, Status::Refused]
        );
        assert_eq!(told[0], told[1], "in one group");
        let counted = bench.counts();
        assert_eq!((counted.received, counted.refused), (2, 1));
        let again = [bench.posted(Some("k"), &body)];
        assert_eq!(outcomes(&bench.group(again))[0], told[0], "in a later group");
        assert_eq!(bench.counts(), counted);
        let other = numbered(2, 130);
        let works = [bench.posted(Some("k"), &other), bench.posted(Some("n"), &other)];
        let replies = bench.group(works);
        assert!(matches!(replies[0], Reply::KeyReused), "{replies:?}");
        assert_eq!(bench.counts().received, 3);
        let works = [bench.posted(Some("m"), &body), bench.posted(Some("m"), &other)];
        let replies = bench.group(works);
        assert!(matches!(replies[1], Reply::KeyReused), "{replies:?}");
    });
}

#[test]
fn what_waits_without_number_and_time_is_kept_as_often_as_it_comes() {
    check(|bench| {
        let kind = r#""kind":"weight","device":"scale","site":"clinic1""#;
        let unit = r#""kind":"glucose","unit":"stone","value":5,"device":"meter","site":"clinic1""#;
        let nobody = r#""kind":"glucose","unit":"mmol/L","value":5,"person":7,"device":"meter","site":"clinic1""#;
        for what in [kind, unit, nobody] {
            let before = bench.counts();
            let alike = format!("[{{{what}}},{{{what}}}]");
            let works = [bench.posted(None, &alike), bench.posted(None, &alike)];
            bench.group(works);
            let works = [bench.posted(None, &alike)];
            let told = outcomes(&bench.group(works));
            assert!(told[0].iter().all(|one| one.status == Status::Quarantined), "{told:?}");
            let after = bench.counts();
            assert_eq!(after.quarantined - before.quarantined, 6, "{what}");
            assert_eq!(after.duplicate, before.duplicate);
            let numbered = format!("{{{what},\"seq\":9}}");
            let works = [bench.posted(None, &numbered), bench.posted(None, &numbered)];
            bench.group(works);
            let works = [bench.posted(None, &numbered)];
            assert_eq!(outcomes(&bench.group(works))[0][0].status, Status::Duplicate);
            let last = bench.counts();
            assert_eq!(last.quarantined - after.quarantined, 1, "{what}");
            assert_eq!(last.duplicate - after.duplicate, 2, "{what}");
        }
        let waiting = bench.store.reader().quarantine(
            &Scope::Everything,
            HeldState::Waiting,
            &Paging::default(),
        );
        let mut ids: Vec<_> = waiting
            .unwrap()
            .items
            .iter()
            .filter_map(|held| Some(held.reading.as_ref()?.reading.id))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 7, "each has an id of its own");
    });
}

#[test]
fn an_act_that_comes_again_is_told_the_same_step_and_done_once() {
    for (deed, change) in [
        (Deed::Note, AlertChange::Noted),
        (Deed::Forward(None), AlertChange::Forwarded),
        (Deed::Acknowledge, AlertChange::Acknowledged),
    ] {
        check(|bench| {
            let alert = bench.alert();
            let ask = |key| act(alert, deed.clone(), key, "x");
            let replies = bench.group([ask(Some("k")), ask(Some("k"))]);
            let first = step(&replies[0]).unwrap();
            assert_eq!(step(&replies[1]), Ok(first), "in one group");
            assert_eq!(step(&bench.group([ask(Some("k"))])[0]), Ok(first), "in a later group");
            assert_eq!(bench.count_of(change), 1, "{deed:?}");
            let fed = bench.store.reader().feed(CommitSeq(first.0 - 1), 1).unwrap();
            let Fact::Alert(event) = &fed[0].fact else { panic!("{fed:?}") };
            assert_eq!((event.change, event.note.as_deref()), (change, Some("x")));
            let other = act(alert, deed.clone(), Some("k"), "y");
            assert_eq!(step(&bench.group([other])[0]), Err(ActRefused::KeyReused));
            assert_eq!(bench.count_of(change), 1, "{deed:?}");
        });
    }
}

#[test]
fn without_a_key_two_equal_notes_are_two() {
    check(|bench| {
        let alert = bench.alert();
        let ask = || act(alert, Deed::Note, None, "x");
        bench.group([ask(), ask()]);
        assert_eq!(bench.count_of(AlertChange::Noted), 2);
    });
}

#[test]
fn what_is_cut_off_before_its_commit_is_done_when_it_comes_again() {
    check(|bench| {
        let alert = bench.alert();
        let ask = || act(alert, Deed::Forward(None), Some("k"), "x");
        let body = numbered(2, 130);
        let works = [ask(), bench.posted(Some("r"), &body)];
        bench.try_group(&works, false);
        assert_eq!((bench.count_of(AlertChange::Forwarded), bench.counts().received), (0, 1));
        let works = [ask(), bench.posted(Some("r"), &body)];
        let replies = bench.group(works);
        assert!(step(&replies[0]).is_ok());
        assert_eq!((bench.count_of(AlertChange::Forwarded), bench.counts().received), (1, 2));
    });
}

#[test]
fn a_refused_act_is_no_answer_and_may_succeed_later() {
    check(|bench| {
        let nobody = AlertId::from_bytes([1; 16]);
        let asked = bench.group([act(nobody, Deed::Note, Some("k"), "x")]);
        assert_eq!(step(&asked[0]), Err(ActRefused::Unknown));
        let alert = bench.alert();
        assert!(step(&bench.group([act(alert, Deed::Note, Some("k"), "x")])[0]).is_ok());
        let found = bench.store.reader().alert(&Scope::Everything, &alert).unwrap().unwrap();
        assert_eq!(found.events.last().unwrap().1.note.as_deref(), Some("x"));
        let answer = bench.store.begin(now()).unwrap().answer("k").unwrap().unwrap();
        assert!(matches!(answer.done, Done::Acted(_)));
    });
}

/// A row about access, asked for under a key, with what is told of it.
fn glass(key: &str, body: &str, told: Option<&str>) -> Work {
    let broken = BrokenGlass {
        at: now(),
        until: now(),
        by: "DR1".into(),
        role: Role::Doctor,
        reason: body.to_owned(),
    };
    let change = told.is_some().then_some(AccessChange::Glass(broken));
    let asked = Some(AccessAsked { request: request(key, body), told: told.map(str::to_owned) });
    Work::Access { change, asked, reply: oneshot::channel().0 }
}

#[test]
fn a_change_of_access_is_made_once_for_its_key_and_told_alike_ever_after() {
    check(|bench| {
        let entered = |reply: &Reply| {
            let Reply::Access(entered) = reply else { panic!("{reply:?}") };
            entered.clone()
        };
        let before = |told: &str| Ok(AccessDone::Before(told.to_owned()));
        let looked = bench.group([glass("k", "a", None)]);
        assert_eq!(entered(&looked[0]), Ok(AccessDone::Now), "nothing is kept of a look");
        // The same, and another under the same key, in one group and in the next.
        let works = || {
            [
                glass("k", "a", Some("{\"n\":1}")),
                glass("k", "a", Some("{\"n\":2}")),
                glass("k", "b", Some("{}")),
            ]
        };
        let replies = bench.group(works());
        assert_eq!(entered(&replies[0]), Ok(AccessDone::Now));
        assert_eq!(entered(&replies[1]), before("{\"n\":1}"));
        assert_eq!(entered(&replies[2]), Err(KeyReused));
        let replies = bench.group(works());
        assert_eq!(entered(&replies[0]), before("{\"n\":1}"));
        assert_eq!(entered(&bench.group([glass("k", "a", None)])[0]), before("{\"n\":1}"));
        let kept = bench.store.reader().broken_glass(&Paging::default()).unwrap();
        assert_eq!(kept.items.len(), 1);
    });
}
