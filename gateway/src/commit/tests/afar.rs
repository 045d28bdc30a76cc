//! What was decided, visited and measured while a van was away: it comes to the same at both ends.

use std::collections::BTreeMap;

use super::{
    super::{Deed, Wish},
    carry::{ALL, Gateway, Trip, measured},
};
use crate::{
    domain::{
        Alert, AlertState, Assigned, Grade, Household, Level, Millis, Registered, Span, Timestamp,
        Visit, VisitRejected,
    },
    store::{
        CommitSeq, Options, SqliteStore, Toward,
        fixtures::{NOON, id},
        view::{HeldState, Paging, ReadingFilter, Scope},
    },
};

pub(super) fn minute(minutes: i64) -> Timestamp {
    NOON.plus(Millis::minutes(minutes))
}

impl Gateway {
    /// Every alert, and those of its steps that no decision caused.
    fn stands(&self, whose: &str) -> Vec<String> {
        let alerts = self.alerts().into_iter().filter(|alert| alert.person == id(whose));
        let reader = self.store.reader();
        let mut all: Vec<_> = alerts
            .filter(|alert| alert.state != AlertState::Withdrawn)
            .map(|alert| {
                let history = reader.alert(&Scope::Everything, &alert.id).unwrap().unwrap();
                let own = history.events.iter().filter(|(_, event)| event.cause.is_none());
                let own: Vec<_> = own.map(|(_, it)| (it.change, it.at, it.alert.state)).collect();
                format!("{alert:?} {own:?}")
            })
            .collect();
        all.sort();
        all
    }

    /// Steps of somebody's alerts that name no decision.
    fn uncaused(&self, whose: &str) -> usize {
        let reader = self.store.reader();
        let alerts = self.alerts().into_iter().filter(|alert| alert.person == id(whose));
        let history = |alert: Alert| reader.alert(&Scope::Everything, &alert.id).unwrap().unwrap();
        let events = alerts.flat_map(|alert| history(alert).events);
        events.filter(|(_, event)| event.cause.is_none()).count()
    }

    fn item(&self, state: HeldState) -> (CommitSeq, Option<CommitSeq>) {
        let page = Paging::default();
        let all = self.store.reader().quarantine(&Scope::Everything, state, &page).unwrap().items;
        let held = &all[0];
        (held.seq, held.decided.as_ref().map(|(seq, _)| *seq))
    }
}

/// Every store and every way to carry.
pub(super) fn each(case: impl Fn(&mut Gateway, &mut Gateway, &[Trip])) {
    let ways: [&[Trip]; 4] = [
        &[ALL],
        &[(1, false, false, false)],
        &[(2, true, true, true)],
        &[(100, false, true, true)],
    ];
    for way in ways {
        case(&mut Gateway::model(1), &mut Gateway::model(2), way);
    }
    let folder = tempfile::tempdir().unwrap();
    let [mut van, mut centre] = ["van", "centre"].map(|name| {
        let store = SqliteStore::open(Options::new(folder.path().join(name))).unwrap();
        Gateway::new(Box::new(store))
    });
    case(&mut van, &mut centre, &[(1, false, true, true)]);
}

/// A van with an alert of P1 and a value of nobody, and its centre, which knows of both.
fn begun(van: &mut Gateway, centre: &mut Gateway, way: &[Trip]) {
    van.now = minute(1);
    van.items(&[measured(1, Some("P1"), (minute(1), minute(1)), 165)], None);
    van.items(&[measured(2, Some("P2"), (minute(1), minute(1)), 120)], None);
    van.now = minute(20);
    van.items(&[measured(7, None, (minute(20), minute(20)), 210)], None);
    centre.now = minute(30);
    centre.carry(van, &Toward::Up, way);
}

#[test]
fn a_claim_in_the_van_and_its_undoing_leave_the_centre_as_it_was() {
    each(|van, centre, way| {
        begun(van, centre, way);
        let before = (centre.stands("P1"), centre.uncaused("P1"));
        van.now = minute(31);
        let item = van.item(HeldState::Waiting).0;
        van.decide(Wish::Claim { item, person: id("P1") });
        centre.now = minute(32);
        centre.carry(van, &Toward::Up, way);
        assert_ne!(centre.stands("P1"), before.0, "{way:?}");
        let red = centre.alerts();
        assert!(red.iter().any(|it| it.person == id("P1") && it.level == Level::Red), "{red:?}");
        assert_eq!(centre.uncaused("P1"), before.1, "what a claim opens names it");
        van.now = minute(33);
        let decision = van.item(HeldState::Claimed).1.unwrap();
        van.decide(Wish::Undo { decision });
        centre.now = minute(34);
        centre.carry(van, &Toward::Up, way);
        // What time alone did to the alert of the claim meanwhile is told of that alert, as here.
        assert_eq!(centre.stands("P1"), before.0, "{way:?}");
        centre.start_again(minute(35));
        assert_eq!(centre.stands("P1"), before.0, "after a start");
        van.start_again(minute(35));
        assert_eq!(centre.told(), van.told());
    });
}

#[test]
fn a_merge_in_the_van_and_its_undoing_leave_the_centre_as_it_was() {
    each(|van, centre, way| {
        begun(van, centre, way);
        van.now = minute(35);
        van.items(&[measured(8, Some("P2"), (minute(35), minute(35)), 195)], None);
        centre.now = minute(36);
        centre.carry(van, &Toward::Up, way);
        let both = |gateway: &Gateway| (gateway.stands("P1"), gateway.stands("P2"));
        let before = both(centre);
        van.now = minute(37);
        van.decide(Wish::Merge { person: id("P2"), survivor: id("P1") });
        centre.now = minute(38);
        centre.carry(van, &Toward::Up, way);
        assert_ne!(both(centre), before, "{way:?}");
        van.now = minute(39);
        let merges = van.store.reader().merges_of(&id("P2")).unwrap();
        van.decide(Wish::Unmerge { merge: merges[0].seq });
        centre.now = minute(40);
        centre.carry(van, &Toward::Up, way);
        assert_eq!(both(centre), before, "{way:?}");
    });
}

#[test]
fn decisions_that_come_in_the_wrong_order_come_to_the_same() {
    let (mut van, mut centre) = (Gateway::model(1), Gateway::model(2));
    begun(&mut van, &mut centre, &[ALL]);
    let before = centre.stands("P1");
    let have = centre.store.reader().watermark(&van.id()).unwrap().unwrap();
    van.now = minute(40);
    let item = van.item(HeldState::Waiting).0;
    van.decide(Wish::Claim { item, person: id("P1") });
    van.now = minute(45);
    van.decide(Wish::Merge { person: id("P2"), survivor: id("P1") });
    van.now = minute(50);
    let merges = van.store.reader().merges_of(&id("P2")).unwrap();
    van.decide(Wish::Unmerge { merge: merges[0].seq });
    van.now = minute(60);
    let decision = van.item(HeldState::Claimed).1.unwrap();
    van.decide(Wish::Undo { decision });
    let rest = van.store.reader().cargo(&Toward::Up, have.upto, 100, 1 << 20).unwrap();
    centre.now = minute(70);
    for parcel in rest.parcels.iter().rev() {
        centre.take(&van, (None, std::slice::from_ref(parcel)), false).unwrap();
    }
    centre.carry(&van, &Toward::Up, &[(3, false, true, false)]);
    centre.start_again(minute(71));
    van.start_again(minute(71));
    assert_eq!(centre.told(), van.told());
    assert_eq!(centre.stands("P1"), before);
}

pub(super) fn home(name: &str, village: &str, assigned: Vec<Assigned>) -> Registered {
    Registered::Household(Household {
        household: id(name),
        village: village.to_owned(),
        doctor: None,
        assigned,
        cause: String::new(),
        attributes: BTreeMap::new(),
    })
}

pub(super) fn visit(at: Timestamp, doctor: Option<&str>) -> Visit {
    Visit {
        at,
        home: true,
        reading: None,
        reason: Some("asleep".to_owned()),
        doctor: doctor.map(id),
        rejected: None,
    }
}

/// Visits about the alert of a person, by time: when, whose, and why for nobody.
pub(super) fn visits(
    gateway: &Gateway,
    whose: &str,
) -> Vec<(Timestamp, String, Option<VisitRejected>)> {
    let alert = gateway.alert_of(whose);
    let history = gateway.store.reader().alert(&Scope::Everything, &alert.id).unwrap().unwrap();
    let told = history.events.iter().filter_map(|(_, event)| event.visit.as_deref());
    let whose = |it: &Visit| it.doctor.as_ref().map(ToString::to_string).unwrap_or_default();
    // Of each what was found last.
    let latest: BTreeMap<_, _> = told.map(|it| ((it.at, whose(it)), it.rejected)).collect();
    latest.into_iter().map(|((at, whose), rejected)| (at, whose, rejected)).collect()
}

/// The household of P1 changes from DR1 to DR2 an hour after noon, while the van is away; then the
/// van tells of visits, and hears of the change.
#[track_caller]
fn check_change(
    made: &[(i64, &str)],
    expected: &[(i64, &str, Option<VisitRejected>)],
    state: AlertState,
) {
    each(|van, centre, way| {
        van.now = minute(1);
        van.items(&[measured(1, Some("P1"), (minute(1), minute(1)), 195)], None);
        centre.now = minute(2);
        centre.carry(van, &Toward::Up, way);
        let span = |from, until| Span { from, until };
        let change = Some(minute(60));
        let rows = vec![
            Assigned { doctor: id("DR1"), span: span(None, change) },
            Assigned { doctor: id("DR2"), span: span(change, None) },
        ];
        // Entered at the centre before either visit is known there, and after the van was there.
        centre.register(minute(61), home("H1", "North", rows.clone()));
        let alert = van.alert_of("P1");
        for (at, told) in made {
            van.now = minute(*at);
            van.act(&alert, Deed::Visit(visit(minute(*at), Some(told))), told).unwrap();
        }
        centre.now = minute(120);
        centre.carry(van, &Toward::Up, way);
        let expected: Vec<_> = expected
            .iter()
            .map(|(at, whose, why)| (minute(*at), (*whose).to_owned(), *why))
            .collect();
        assert_eq!(visits(centre, "P1"), expected, "{way:?}");
        assert_eq!(centre.alert_of("P1").state, state);
        // The roster reaches the van, and it finds the same.
        van.register(minute(125), home("H1", "North", rows));
        van.tick(minute(126));
        assert_eq!(visits(van, "P1"), expected, "the van, {way:?}");
        assert_eq!(van.alert_of("P1").state, state, "the van, {way:?}");
        // What it found stays there: the centre finds it itself, and once.
        centre.now = minute(130);
        centre.carry(van, &Toward::Up, way);
        centre.tick(minute(131));
        van.tick(minute(132));
        assert_eq!(visits(centre, "P1"), expected, "{way:?}");
        for gateway in [van, centre] {
            assert_eq!(gateway.alert_of("P1").state, state, "{way:?}");
            assert_eq!(gateway.store.reader().recount().unwrap(), Vec::<String>::new());
        }
    });
}

#[test]
fn a_change_of_doctor_while_the_van_was_away_credits_each_visit_rightly_at_both_ends() {
    let rejected = Some(VisitRejected::NotResponsible);
    check_change(
        &[(30, "DR1"), (90, "DR1"), (95, "DR2")],
        &[(30, "DR1", None), (90, "DR1", rejected), (95, "DR2", None)],
        AlertState::Visited,
    );
    check_change(&[(90, "DR1")], &[(90, "DR1", rejected)], AlertState::Open);
    check_change(&[(90, "DR2")], &[(90, "DR2", None)], AlertState::Visited);
}

#[test]
fn a_visit_where_nobody_had_signed_counts_at_both_ends() {
    each(|van, centre, way| {
        for gateway in [&mut *van, &mut *centre] {
            gateway.register(NOON, home("H1", "North", Vec::new()));
        }
        van.now = minute(1);
        van.items(&[measured(1, Some("P1"), (minute(1), minute(1)), 195)], None);
        let alert = van.alert_of("P1");
        assert_eq!(alert.owner, Some(id("T1")), "the township's, as nobody signed");
        for at in [30, 40] {
            van.now = minute(at);
            van.act(&alert, Deed::Visit(visit(minute(at), Some("T1"))), "T1").unwrap();
        }
        centre.now = minute(120);
        centre.carry(van, &Toward::Up, way);
        let told = visits(van, "P1");
        assert!(told.iter().all(|(_, _, rejected)| rejected.is_none()), "{told:?}");
        assert_eq!(visits(centre, "P1"), told, "{way:?}");
        assert_eq!(centre.alert_of("P1").state, AlertState::Visited);
    });
}

pub(super) fn row_of(van: &Gateway) -> Registered {
    Registered::Box(crate::domain::Neighbour {
        name: van.id(),
        key: format!("ed25519:{}", "A".repeat(43)),
        site: None,
        serves: vec!["North".to_owned()],
        state: crate::domain::BoxState::Enabled,
        epoch: None,
        attributes: BTreeMap::new(),
    })
}

/// A van whose clock is off by so many days has a red of P1 and a fine value of P2, and is set right
/// afterwards.
#[track_caller]
fn check_clock(off: i64, heard: Option<i64>, fresh: bool) {
    each(|van, centre, way| {
        let off = Millis::days(off);
        centre.register(NOON, row_of(van));
        if let Some(heard) = heard {
            centre.now = minute(1);
            centre.heard(&van.id(), NOON.minus(Millis::hours(heard)));
        }
        let since = van.store.reader().last().unwrap();
        let shown = |minutes: i64| minute(minutes).plus(off);
        for (number, whose, value, at) in [(1, "P1", 195, 5), (2, "P2", 120, 6), (3, "P1", 188, 50)]
        {
            van.now = shown(at);
            van.items(&[measured(number, Some(whose), (van.now, van.now), value)], None);
        }
        // Two in the morning.
        let night = NOON.plus(Millis::hours(14));
        centre.now = night;
        centre.carry(van, &Toward::Up, way);
        let page = Paging::default();
        let reader = centre.store.reader();
        let held = reader.readings(&Scope::Everything, &ReadingFilter::default(), &page).unwrap();
        assert_eq!(held.items.len(), 3, "nothing is lost");
        for (_, stored) in &held.items {
            assert_eq!(stored.reading.received_at.since(minute(0)) > Millis::days(1), off.0 > 0);
            assert!(stored.received_at() <= night.plus(Millis::minutes(2)), "{stored:?}");
            let known = off.0 > 0 || heard.is_some();
            assert_eq!(stored.reading.measured.grade == Grade::C, known, "{stored:?}");
        }
        let alert = centre.alert_of("P1");
        let owed = reader.owed(night.plus(Millis::days(9)), 100).unwrap();
        let owed: Vec<_> = owed.iter().filter(|it| it.alert == alert.key).collect();
        assert!(!owed.is_empty());
        let morning = night.plus(Millis::hours(5));
        assert_eq!(owed.iter().all(|it| it.due_at >= morning), !fresh, "{alert:?} {owed:?}");
        // Nobody is silent by a clock.
        centre.now = night.plus(Millis::hours(1));
        centre.heard(&van.id(), night);
        centre.tick(night.plus(Millis::hours(2)));
        assert!(centre.of(&["missed", "missed_doctor"]).is_empty(), "{:?}", centre.alerts());
        // The van's clock is set: what it says of its readings now counts.
        let was = van.now;
        van.now = night.plus(Millis::hours(3));
        van.desk = super::super::desk::Desk::new(super::super::people::People::new(100));
        let by = Millis(0_i64.saturating_sub(off.0));
        let finding = super::super::clock::Finding {
            found: crate::store::ClockFound::Right { since, by },
            span: (NOON.plus(off), was),
        };
        van.items(&[], Some(finding));
        let end = night.plus(Millis::hours(4));
        centre.now = end;
        centre.carry(van, &Toward::Up, way);
        van.start_again(end);
        centre.start_again(end);
        assert_eq!(centre.told(), van.told(), "off by {off:?}, {way:?}");
        let told = centre.alerts();
        assert!(told.iter().all(|it| it.alert_at <= end), "{told:?}");
    });
}

#[test]
fn a_van_two_years_ahead_is_believed_nothing_that_cannot_have_been() {
    check_clock(731, None, false);
    check_clock(731, Some(30), false);
    check_clock(731, Some(1), true);
}

#[test]
fn a_van_two_years_behind_pages_nobody_as_of_now_unless_it_was_heard_of_late() {
    check_clock(-731, None, false);
    check_clock(-731, Some(30), false);
    check_clock(-731, Some(1), true);
}

#[test]
fn what_a_van_measured_days_ago_is_on_the_board_at_once_and_leaves_with_the_day() {
    each(|van, centre, way| {
        let at = minute(0);
        for number in 0..20_u64 {
            van.now = at.plus(Millis::minutes(i64::try_from(number).unwrap()));
            let whose = ["P1", "P2", "P3"][usize::try_from(number % 3).unwrap()];
            // Out of the memory of a cuff: read out three days after it was measured.
            let received = van.now.plus(Millis::days(3));
            let item = measured(number + 1, Some(whose), (van.now, received), 195);
            van.items(&[item], None);
        }
        let direct = van.now;
        van.items(&[measured(90, Some("P1"), (direct, direct), 200)], None);
        let night = NOON.plus(Millis::hours(14)).plus(Millis::days(3));
        centre.now = night;
        centre.carry(van, &Toward::Up, way);
        let alerts = centre.alerts();
        let live: Vec<_> = alerts.iter().filter(|alert| alert.state.is_live()).collect();
        assert!(live.len() >= 3, "{alerts:?}");
        let morning = night.plus(Millis::hours(5));
        let reader = centre.store.reader();
        let owed = reader.owed(night.plus(Millis::days(9)), 1000).unwrap();
        assert!(owed.iter().any(|it| live.iter().any(|alert| alert.key == it.alert)), "{owed:?}");
        for it in &owed {
            assert_eq!(it.due_at, morning, "nothing leaves before the day: {it:?}");
        }
        for alert in live {
            assert_eq!(alert.opened_at, night, "on the board at once");
            // Deadlines run in day hours, from when this gateway knew.
            assert!(alert.deadline.is_none_or(|deadline| deadline > morning), "{alert:?}");
        }
        assert!(alerts.iter().any(|it| it.late && it.concept == "stale_emergency"), "{alerts:?}");
    });
}
