//! What was told by a clock that proved wrong counts later, and is kept as it was told.

use crate::{
    domain::{Alert, Millis, OpenedBy, Timestamp},
    store::{
        AlertChange, AlertEvent, Came, CardScan, CarryChange, Change, ClockFound, ClockNote,
        CommitSeq, Fact, FactId, Landed, Store, ToldBy, ToldMoved, Unit,
        fixtures::{NOON, after_noon, alert, commit, event, happened, id, person},
        view::Scope,
    },
};

const DAYS: Millis = Millis::days(2);

/// A card that was held to a reader.
pub(super) fn scan() -> CardScan {
    CardScan {
        site: id("clinic1"),
        bench: id("B1"),
        card: "K1".to_owned(),
        person: None,
        at: after_noon(1),
        received_at: after_noon(1),
        out: false,
        opened_by: OpenedBy::Reader(None),
    }
}

fn asked<T>(store: &mut dyn Store, ask: impl FnOnce(&mut dyn Unit) -> T) -> T {
    let mut unit = store.begin(NOON).unwrap();
    ask(unit.as_mut())
}

fn set(since: CommitSeq) -> Fact {
    Fact::Clock(ClockNote { found: ClockFound::Right { since, by: DAYS }, at: NOON })
}

/// An event and a step as look-ups find them: when they count, and the alert of the step.
fn found(store: &dyn Store, alert: &Alert) -> (Timestamp, Timestamp, AlertEvent) {
    let reader = store.reader();
    let event = reader.events_of(&[id("P1")]).unwrap().remove(0).remove(0);
    assert_eq!(reader.event(&event.id).unwrap().as_ref(), Some(&event));
    let history = reader.alert(&Scope::Everything, &alert.id).unwrap().unwrap();
    (event.at, event.received_at, history.events[0].1.clone())
}

#[test]
fn what_was_told_by_our_clock_counts_later_and_is_kept_as_it_was() {
    super::check(|store| {
        commit(store, &[person("P1", None, "North")], &[]);
        let begun = store.reader().last().unwrap();
        let alert = alert(1, "P1", None, crate::domain::Level::Red);
        let told = happened(0, "P1", 5);
        let facts = [
            Fact::Event(Box::new(told.clone())),
            event(&alert, AlertChange::Acknowledged),
            Fact::CardScan(scan()),
        ];
        commit(store, &facts, &[Change::Alert(Box::new(alert.clone()))]);
        let [of_event, of_step, of_scan] = [1, 2, 3].map(|more| CommitSeq(begun.0 + more));
        let since = asked(store, |unit| unit.told(&ToldBy::Us(begun)).unwrap());
        assert_eq!(since.told, [(of_event, id("P1")), (of_step, id("P1"))]);
        let [(at, name, held)] = &since.scans[..] else { panic!("{since:?}") };
        assert_eq!((*at, held), (of_scan, &scan()));
        let moved = ToldMoved { by: DAYS, own: true, guess: false };
        let both = [of_event, of_step].map(|seq| Change::MoveTold(seq, moved));
        commit(store, &[set(begun)], &both);
        let by = asked(store, |unit| unit.clock_moved(name).unwrap());
        assert_eq!(by, DAYS);
        let later = |at: Timestamp| at.plus(DAYS);
        let (event_at, received_at, step) = found(store, &alert);
        assert_eq!((event_at, received_at), (later(told.at), later(told.received_at)));
        assert_eq!((step.at, step.alert.opened_at), (later(NOON), later(alert.opened_at)));
        let feed = store.reader().feed(begun, 3).unwrap();
        let kept: Vec<Fact> = feed.into_iter().map(|entry| entry.fact).collect();
        assert_eq!(kept, facts, "the log has what was told");
        commit(store, &[set(begun)], &both);
        assert_eq!(found(store, &alert).0, later(later(told.at)), "settings add up");
        let none = asked(store, |unit| unit.change(&[Change::MoveTold(of_scan, moved)]));
        assert!(none.is_err_and(|error| error.is_asked()));
        let had = |store: &mut dyn Store, upto| {
            let span = (after_noon(0), after_noon(2));
            asked(store, |unit| unit.had_scans((&id("clinic1"), &id("B1")), span, upto).unwrap())
        };
        assert_eq!((had(store, of_step), had(store, of_scan)), (false, true));
    });
}

#[test]
fn what_another_gateway_told_is_found_by_its_own_names() {
    super::check(|store| {
        commit(store, &[person("P1", None, "North")], &[]);
        let begun = store.reader().last().unwrap();
        let name = |seq| FactId { gateway: id("van-1"), epoch: 7, seq: CommitSeq(seq) };
        let landed = |own: i64, theirs| {
            let came = Came { id: name(theirs), by: id("van-1"), down: false };
            let landed = Landed::At(CommitSeq(begun.0 + own));
            Change::Carry(Box::new(CarryChange::Landed(landed, came)))
        };
        let told = |number| Fact::Event(Box::new(happened(number, "P1", 5)));
        // One of before the setting's session, one of it; then the setting.
        commit(store, &[told(0), told(1)], &[landed(1, 40), landed(2, 42)]);
        let whose = ToldBy::Gateway { after: CommitSeq(40), before: name(50) };
        let found = asked(store, |unit| unit.told(&whose).unwrap());
        assert_eq!(found.told, [(CommitSeq(begun.0 + 2), id("P1"))]);
        commit(store, &[set(CommitSeq(40))], &[landed(3, 50)]);
        let by =
            |store: &mut dyn Store, seq| asked(store, |unit| unit.clock_moved(&name(seq)).unwrap());
        let moved = [40, 41, 49, 51].map(|seq| by(store, seq));
        assert_eq!(moved, [Millis::ZERO, DAYS, DAYS, Millis::ZERO]);
        // It is not our clock.
        let own = asked(store, |unit| unit.told(&ToldBy::Us(begun)).unwrap());
        assert_eq!(own.told, []);
    });
}
