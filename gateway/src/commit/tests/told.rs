//! What was told while a van's clock was wrong comes, once it is set, to the same as if it had been
//! right: at both ends, whichever came first, the link or the setting.

use super::{
    super::{
        Deed,
        clock::{Doubt, Finding},
        desk::Desk,
        people::People,
    },
    afar::{each, home, minute, row_of, visit, visits},
    carry::{ALL, Gateway, Trip, measured},
};
use crate::{
    domain::{
        Alert, AlertOutcome, AlertState, Assigned, Happened, Millis, OpenedBy, OutcomeCode,
        PersonEvent, Span, Timestamp, VisitRejected,
    },
    intake::Item,
    store::{
        AlertChange, AlertEvent, CardScan, ClockFound, CommitSeq, StoredReading, Toward,
        fixtures::{NOON, id, key},
        view::{Paging, ReadingFilter, Scope},
    },
};

/// When the van is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Linked {
    /// Only after its clock was set.
    After,
    /// At the end of its day too, by the clock that is wrong.
    Before,
    /// The same, and its centre heard of it an hour before the day.
    Heard,
    /// In mid-day, and after.
    Between,
}

const LINKED: [Linked; 4] = [Linked::After, Linked::Before, Linked::Heard, Linked::Between];

fn outcome() -> Deed {
    let (code, reason) = (OutcomeCode::Closed, Some("seen".to_owned()));
    Deed::Outcome(AlertOutcome { code, reading: None, reason, refer_to: None })
}

fn steps(gateway: &Gateway, alert: &Alert) -> Vec<AlertEvent> {
    let history = gateway.store.reader().alert(&Scope::Everything, &alert.id).unwrap().unwrap();
    history.events.into_iter().map(|(_, event)| event).collect()
}

/// A van, and its clock.
struct Day<'g> {
    van: &'g mut Gateway,
    off: Millis,
    begun: CommitSeq,
}

impl Day<'_> {
    fn at(&mut self, at: i64) -> Timestamp {
        self.van.now = minute(at).plus(self.off);
        self.van.now
    }

    fn reads(&mut self, number: u64, (whose, at, value): (&str, i64, i64)) {
        let now = self.at(at);
        self.van.items(&[measured(number, Some(whose), (now, now), value)], None);
    }

    fn acts(&mut self, (whose, at, by): (&str, i64, &str), deed: Deed) {
        self.at(at);
        let alert = self.van.alert_of(whose);
        self.van.act(&alert, deed, by).unwrap();
    }

    /// A red of P1 that was seen to and ended, and what came after.
    fn morning(&mut self) {
        self.reads(1, ("P1", 5, 195));
        self.acts(("P1", 8, "DR1"), Deed::Acknowledge);
        let at = self.at(20);
        self.acts(("P1", 20, "DR1"), Deed::Visit(visit(at, Some("DR1"))));
        self.acts(("P1", 30, "DR1"), outcome());
    }

    /// A red of P2 that somebody took, and visited by a telephone that knows the time.
    fn afternoon(&mut self) {
        self.reads(2, ("P1", 40, 120));
        self.reads(3, ("P2", 45, 196));
        self.acts(("P2", 50, "DR1"), Deed::Acknowledge);
        self.acts(("P2", 60, "DR1"), Deed::Visit(visit(minute(58), Some("DR1"))));
        let at = self.at(65);
        let what = Happened::FollowUp {
            pressure: Some((130_u16.into(), 80_u16.into())),
            fasting: None,
            symptoms: Vec::new(),
        };
        let event = PersonEvent::new(id("P3"), what, (at, at), "DR1".into());
        self.van.items(&[Item::Event(Box::new(event))], None);
    }

    fn set(&mut self) {
        let was = self.at(70);
        self.van.doubted = None;
        self.van.now = minute(70);
        if self.off != Millis::ZERO {
            self.van.desk = Desk::new(People::new(100));
            let (since, by) = (self.begun, Millis(0_i64.saturating_sub(self.off.0)));
            let span = (NOON.plus(self.off), was);
            self.van.items(&[], Some(Finding { found: ClockFound::Right { since, by }, span }));
        }
        self.off = Millis::ZERO;
        self.van.tick(minute(71));
    }
}

/// The day of a van whose clock is off, and how it is told above.
fn live(van: &mut Gateway, centre: &mut Gateway, (off, linked): (Millis, Linked), way: &[Trip]) {
    // Long before the day the household was somebody else's.
    let span = |from, until| Span { from, until };
    let years = |count: i64| Some(NOON.plus(Millis::days(365 * count)));
    // A clock that shows years that were is doubted, one that shows any other time is not.
    let since = van.store.reader().last().unwrap();
    van.doubted = (off < Millis::days(-1)).then_some(Doubt { known: NOON, since });
    let rows = vec![
        Assigned { doctor: id("DR2"), span: span(None, years(-1)) },
        Assigned { doctor: id("DR1"), span: span(years(-1), None) },
    ];
    for gateway in [&mut *van, &mut *centre] {
        gateway.register(NOON, home("H1", "North", rows.clone()));
    }
    centre.register(NOON, row_of(van));
    if linked == Linked::Heard {
        centre.now = minute(1);
        centre.heard(&van.id(), NOON.minus(Millis::hours(1)));
    }
    let begun = van.store.reader().last().unwrap();
    let mut day = Day { van, off, begun };
    day.morning();
    if linked == Linked::Between {
        centre.now = minute(35);
        centre.carry(day.van, &Toward::Up, way);
    }
    day.afternoon();
    if matches!(linked, Linked::Before | Linked::Heard) {
        centre.now = minute(66);
        centre.carry(day.van, &Toward::Up, way);
    }
    day.set();
    centre.now = minute(72);
    centre.carry(van, &Toward::Up, way);
    for gateway in [van, centre] {
        gateway.start_again(minute(75));
        gateway.tick(minute(76));
    }
}

/// What both ends must know alike, and of a clock that was right as of one that was wrong.
fn told(gateway: &Gateway) -> Vec<String> {
    let reader = gateway.store.reader();
    let page = Paging { limit: 100, after: None };
    let readings = reader.readings(&Scope::Everything, &ReadingFilter::default(), &page).unwrap();
    let reading = |it: &StoredReading| {
        format!("{} {} {} {}", it.reading.id, it.reading.measured.at, it.received_at(), it.late)
    };
    let mut all: Vec<_> = readings.items.iter().map(|(_, it)| reading(it)).collect();
    for person in ["P1", "P2", "P3"] {
        let events = reader.events_of(&[id(person)]).unwrap().pop().unwrap();
        let tell =
            |it: &PersonEvent| format!("{person} {} {} {:?}", it.at, it.received_at, it.what);
        all.extend(events.iter().map(tell));
    }
    for alert in gateway.alerts() {
        // Where a red is known alone for a while, its repeat is missed as long as the clock's year lasts.
        if alert.state == AlertState::Withdrawn {
            assert!(alert.concept == "missed_repeat" && alert.late, "opened in vain: {alert:?}");
            continue;
        }
        let Alert { id, concept, state, owner, alert_at, .. } = &alert;
        all.push(format!("{id} {concept} {state:?} {owner:?} {alert_at}"));
        for step in steps(gateway, &alert) {
            let ended = step.from.is_some_and(|from| !from.is_live());
            assert!(!ended || step.alert.state == step.from.unwrap(), "nothing is open again");
            if let (Some(by), None) = (&step.by, &step.visit) {
                all.push(format!("{id} {:?} {by} {}", step.change, step.acted_at()));
            }
        }
    }
    for whose in ["P1", "P2"] {
        all.push(format!("{whose} {:?}", visits(gateway, whose)));
    }
    all.sort();
    assert_eq!(reader.recount().unwrap(), Vec::<String>::new());
    assert_eq!(reader.parcels_waiting().unwrap(), 0);
    all
}

#[track_caller]
fn check(off: Millis) {
    let (mut right, mut above) = (Gateway::model(1), Gateway::model(2));
    live(&mut right, &mut above, (Millis::ZERO, Linked::After), &[ALL]);
    let expected = told(&right);
    assert_eq!(told(&above), expected, "a clock that is right");
    let when = |gateway: &Gateway| {
        let all = gateway.alerts();
        all.iter().map(|it| (it.opened_at, it.deadline)).collect::<Vec<_>>()
    };
    for linked in LINKED {
        each(|van, centre, way| {
            // The disk once.
            if *way == [(1, false, true, true)] && linked != Linked::Before {
                return;
            }
            live(van, centre, (off, linked), way);
            assert_eq!(told(van), expected, "the van, {off:?}, {linked:?}, {way:?}");
            assert_eq!(told(centre), expected, "the centre, {off:?}, {linked:?}, {way:?}");
            assert_eq!(when(van), when(&right), "{off:?}, {linked:?}, {way:?}");
            let times = steps(van, &van.alert_of("P1"));
            let times: Vec<_> = times.iter().map(|step| step.at).collect();
            assert!(times.iter().all(|at| *at >= minute(5) && *at <= minute(71)), "{times:?}");
            assert!(times.is_sorted(), "{times:?}");
        });
    }
}

#[test]
fn a_day_told_by_a_clock_two_years_behind_is_the_day_at_both_ends_once_it_is_set() {
    check(Millis::days(-731));
}

#[test]
fn a_day_told_by_a_clock_two_years_ahead_is_the_day_at_both_ends_once_it_is_set() {
    check(Millis::days(731));
}

#[test]
fn a_day_told_by_a_clock_three_hours_behind_is_the_day_at_both_ends_once_it_is_set() {
    check(Millis::hours(-3));
}

#[test]
fn an_act_by_a_clock_that_nobody_ever_sets_counts_after_its_alert_where_the_van_was_heard() {
    for off in [-731, 731] {
        each(|van, centre, way| {
            centre.register(NOON, row_of(van));
            centre.now = minute(1);
            centre.heard(&van.id(), NOON.minus(Millis::hours(1)));
            let begun = van.store.reader().last().unwrap();
            van.doubted = (off < 0).then_some(Doubt { known: NOON, since: begun });
            let mut day = Day { van, off: Millis::days(off), begun };
            day.morning();
            centre.now = minute(35);
            centre.carry(van, &Toward::Up, way);
            centre.start_again(minute(75));
            let alert = centre.alert_of("P1");
            assert_eq!(alert.state, AlertState::Closed, "{off} {way:?}");
            for step in steps(centre, &alert) {
                assert!(step.acted_at() >= alert.alert_at && step.acted_at() <= minute(35));
                let visited = step.visit.as_ref().map(|visit| (visit.at, visit.rejected));
                let right = |(at, why): (Timestamp, Option<VisitRejected>)| {
                    why.is_none() && at >= alert.alert_at && at <= minute(35)
                };
                let counts = step.change == AlertChange::Visited;
                assert!(!counts || visited.is_some_and(right), "{off} {way:?} {step:?}");
            }
            let events = centre.store.reader().events_of(&[id("P1")]).unwrap().pop().unwrap();
            let known = |at: Timestamp| at >= alert.alert_at && at <= minute(36);
            assert!(events.iter().all(|event| known(event.at)), "{off} {way:?} {events:?}");
        });
    }
}

fn scan(at: Timestamp, card: &str) -> Item {
    Item::Card(CardScan {
        site: id("van1"),
        bench: id("B1"),
        card: card.to_owned(),
        person: None,
        at,
        received_at: at,
        out: false,
        opened_by: OpenedBy::Reader(None),
    })
}

/// Whose each reading is, by its number.
fn whose(van: &Gateway) -> Vec<(u64, Option<String>)> {
    let page = Paging { limit: 100, after: None };
    let reader = van.store.reader();
    let all = reader.readings(&Scope::Everything, &ReadingFilter::default(), &page).unwrap().items;
    let number = |it: &StoredReading| (1..9).find(|number| key(*number) == it.reading.id).unwrap();
    let owner = |it: &StoredReading| it.attribution.as_ref().map(|of| of.person.to_string());
    let mut all: Vec<_> = all.iter().map(|(_, it)| (number(it), owner(it))).collect();
    all.sort();
    all
}

#[test]
fn a_second_start_without_a_battery_gives_nobody_the_value_of_somebody_else() {
    each(|van, _, _| {
        let shown = |minutes| minute(minutes).minus(Millis::days(731));
        let live = |van: &mut Gateway, at: i64, what: &[Item]| {
            van.now = shown(at);
            van.items(what, None);
        };
        let value = |number, at| measured(number, None, (shown(at), shown(at)), 120);
        let doubt =
            |van: &Gateway| Some(Doubt { known: NOON, since: van.store.reader().last().unwrap() });
        van.doubted = doubt(van);
        live(van, 5, &[scan(shown(5), "C1")]);
        live(van, 7, &[value(1, 7)]);
        // Without a card.
        live(van, 60, &[value(2, 60)]);
        let p1 = || Some("P1".to_owned());
        assert_eq!(whose(van), [(1, p1()), (2, None)]);
        // It is switched off and on: the same hours are shown again.
        van.desk = Desk::new(People::new(100));
        van.doubted = doubt(van);
        let since = van.doubted.unwrap().since;
        live(van, 4, &[scan(shown(4), "C2")]);
        live(van, 8, &[value(3, 8)]);
        live(van, 58, &[scan(shown(58), "C2")]);
        live(van, 61, &[value(4, 61)]);
        let found = whose(van);
        assert_eq!(found[..2], [(1, p1()), (2, None)], "what was before stays");
        assert_eq!(found[2], (3, None), "nobody knows which card was before it");
        van.doubted = None;
        van.now = minute(70);
        van.desk = Desk::new(People::new(100));
        let found = ClockFound::Right { since, by: Millis::days(731) };
        van.items(&[], Some(Finding { found, span: (shown(0), shown(70)) }));
        let p2 = || Some("P2".to_owned());
        assert_eq!(whose(van), [(1, p1()), (2, None), (3, p2()), (4, p2())]);
        assert_eq!(van.store.reader().recount().unwrap(), Vec::<String>::new());
    });
}
