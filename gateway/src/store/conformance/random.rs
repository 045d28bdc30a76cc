//! Random units against SQLite and the model: every answer of every question must be the same.

use std::{collections::BTreeSet, io::Write as _};

use firmware_protocols::Meal;
use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

use super::{
    access, enrol,
    staff::{NUMBERS, dated, duty, place as place_row, team},
};
use crate::{
    domain::{
        Alert, AlertOutcome, AlertState, AtBench, Attribution, Basis, BoxState, CareLevel, Device,
        Grade, Level, Measured, Millis, Neighbour, OpenedBy, OutcomeCode, PlaceKind, Plan,
        Registered, Standing, TenthsMmol, Visit, VisitRejected,
    },
    receipt::{Day, DayLog},
    store::{
        AlertChange, Answer, Attempt, BenchSession, CardScan, Change, ClockFound, ClockNote,
        CommitSeq, Done, Fact, KeptAlarm, KeptState, Merged, ModelStore, NeighbourSaid, Options,
        Outcome, PackInForce, Presence, Reader, ReceiptDiffers, ReceiptSaid, RegistryKey, Request,
        Retimed, Role, Sending, SqliteStore, Status, Store, Timer, TimerKind, Timing, TokenRow,
        Unit,
        fixtures::{
            NOON, after_noon, alert, card, context, context_fact, counted, crossing, doctor, event,
            glucose, happened, household, id, key, owed, person_with_cards, quarantined, reading,
            refused, registration, site,
        },
        view::{AlertFilter, HeldState, Paging, ReadingFilter, Scope},
    },
};

/// Change it to try other histories; a failure prints the shortest history that shows it.
const SEED: [u8; 32] = *b"xunzhen store conformance seed 1";
const CASES: u32 = 12;

/// One random step: what, and three numbers that say which.
type Step = (u8, u8, u8, u8);

/// What the steps have made so far.
#[derive(Default)]
struct History {
    readings: u64,
    alerts: Vec<Alert>,
    owed: u64,
    events: u64,
    /// Readings that a context was joined to: to each at most one.
    joined: BTreeSet<u64>,
}

/// What one unit does.
#[derive(Default)]
struct Work {
    facts: Vec<Fact>,
    changes: Vec<Change>,
}

const fn meal(number: u8) -> Meal {
    if number.is_multiple_of(2) { Meal::Fasting } else { Meal::AfterMeal }
}

const PLACES: [&str; 7] = ["V0", "V1", "V2", "T0", "T1", "C0", ""];

/// What a request came to.
fn done(a: u8, c: u8) -> Done {
    if a.is_multiple_of(2) {
        return Done::Acted(CommitSeq(i64::from(c)));
    }
    let outcome = |number: u8| Outcome {
        id: (!number.is_multiple_of(3)).then(|| key(u64::from(number))),
        status: Status::ALL[usize::from(number % 5)],
        reason: number.is_multiple_of(2).then(|| "\"quoted\", 中文".to_owned()),
    };
    if c % 5 == 1 {
        return Done::Told(format!("{{\"number\":{c}}}"));
    }
    Done::Delivered((0..c % 7).map(outcome).collect())
}

fn name(prefix: &str, number: u8, of: u8) -> String {
    format!("{prefix}{}", number % of)
}

/// Something found of the gateway's own clock.
fn clock_note((since, what): (u8, u8), minutes: i64) -> Fact {
    let since = CommitSeq(i64::from(since));
    let right = ClockFound::Right { since, by: Millis::minutes(minutes) };
    let found = if what % 3 == 0 { ClockFound::Doubted } else { right };
    Fact::Clock(ClockNote { found, at: after_noon(minutes) })
}

impl History {
    fn plan(&mut self, steps: &[Step]) -> Work {
        let mut work = Work::default();
        for step in steps {
            self.one(*step, &mut work);
        }
        work
    }

    fn one(&mut self, (what, a, b, c): Step, work: &mut Work) {
        let who = name("P", a, 7);
        let at = name("S", b, 5);
        let minutes = i64::from(c) * 23 - 2000;
        match what % 30 {
            28 | 29 => work.changes.push(super::carry::brought((what / 30, a, b, c))),
            23 | 24 => work.facts.push(merged((a, b, c))),
            25 => work.changes.push(Change::HandOver(after_noon(minutes))),
            26 => self.retime((a, b, c), work),
            27 => work.facts.push(clock_note((a, b), minutes)),
            22 => {
                // Sometimes one that came before: the unit must then fail in both.
                let number = if c == 0 { u64::from(a % 4) } else { self.events };
                self.events += 1;
                work.facts.push(Fact::Event(Box::new(happened(number, &who, minutes))));
            }
            0..=5 => {
                // Sometimes a number that was used before: the unit must then fail in both.
                let number = if c == 0 { u64::from(a % 4) } else { self.readings };
                self.readings += 1;
                let person = (a % 5 != 0).then_some(who.as_str());
                let mut stored = reading(number, person, &at, minutes);
                if c % 4 == 1 {
                    stored =
                        glucose(number, (&name("cuff", a, 2), u64::from(b % 3)), person, minutes);
                }
                if b % 9 == 0 {
                    stored.standing = Standing::Rejected;
                }
                work.facts.push(Fact::Reading(Box::new(stored)));
            }
            6 => {
                let held = u64::from(a) + 1_000_000;
                work.facts.push(quarantined(held, (b % 2 == 0).then_some(who.as_str()), &at));
            }
            7 => work.facts.push(refused((b % 4 != 0).then_some(at.as_str()))),
            8 => work.facts.push(self.registered((a, b, c))),
            9 => {
                let village = PLACES[usize::from(c % 4)];
                let home = name("H", b, 3);
                let home = (b % 4 != 0).then_some(home.as_str());
                let cards = [name("K", a.wrapping_add(b), 4)];
                let cards = cards.each_ref().map(String::as_str);
                let cards = &cards[..usize::from(c % 2)];
                let mut row = person_with_cards(&who, home, village, cards);
                if let Fact::Registration(row) = &mut row
                    && let Registered::Person(row) = &mut row.row
                    && c % 3 != 0
                {
                    row.id_number = NUMBERS[usize::from(c % 2)].to_owned();
                }
                work.facts.push(row);
            }
            10..=12 => self.alert(&who, (a, b, c), work),
            13 => self.cross((a, b), work),
            14 => self.promise((a, b, c), work),
            15 if self.readings > 0 => {
                let number = u64::from(a) % self.readings;
                let to = given(&name("P", b, 7), (b, c));
                let to = (c % 4 != 0).then_some(to);
                // Only what surely exists: a missing one fails the unit, which has its own case.
                if self.stored(number) {
                    work.changes.push(Change::Reattribute(key(number), to));
                }
            }
            16 | 17 => work.facts.push(said_at(&at, (what, a, b), minutes)),
            18 => work.facts.push(told((a, b, c), &at)),
            19 => self.join((a, b, c), work),
            _ => working(&who, (a, b, c), work),
        }
    }

    /// Moves a reading in time, where it surely exists.
    fn retime(&self, (a, b, c): (u8, u8, u8), work: &mut Work) {
        let number = u64::from(a) % self.readings.max(1);
        if !self.stored(number) {
            return;
        }
        let grades = [Grade::A, Grade::B, Grade::C, Grade::D];
        let timing = |by: i64| Timing {
            measured: Measured {
                at: after_noon(i64::from(c) * 31 - 3000 + by),
                grade: grades[usize::from(b % 4)],
            },
            received_at: after_noon(i64::from(c) * 29 + by),
            late: b % 2 == 0,
        };
        let (reading, before, after) = (key(number), timing(0), timing(i64::from(b)));
        let retimed = Retimed { reading, before, after, at: NOON };
        work.facts.push(Fact::Retimed(Box::new(retimed)));
        work.changes.push(Change::Retime(reading, after));
    }

    fn join(&mut self, (a, b, c): (u8, u8, u8), work: &mut Work) {
        let number = u64::from(a) % self.readings.max(1);
        let of = (&*name("cuff", b, 2), u64::from(c % 3));
        // Where none waits, the unit must fail in both.
        if self.stored(number) && self.joined.insert(number) {
            let content = context(of, meal(b / 2), "S0").content;
            work.changes.push(Change::Join(content, key(number)));
        }
    }

    /// Whether a reading with that number surely exists: numbers below four are also used for
    /// readings that come twice, and some of the steps below fail.
    const fn stored(&self, number: u64) -> bool {
        number >= 4 && number < self.readings
    }

    fn registered(&self, (a, b, c): (u8, u8, u8)) -> Fact {
        let place = PLACES[usize::from(b % 3)];
        let doctor_name = name("D", c, 3);
        match a % 10 {
            6 if b % 2 == 0 => place_row(
                &name("V", b / 2, 3),
                PlaceKind::Village,
                ["T0", "T1", ""][usize::from(c % 3)],
            ),
            6 => {
                place_row(&name("T", b / 2, 2), PlaceKind::Township, ["C0", ""][usize::from(c % 2)])
            }
            7 => {
                let from = i64::from(b) * 20 - 2000;
                let first = (&*doctor_name, from, Some(from + i64::from(c) * 3 + 1));
                // Sometimes two at once: the unit must then fail in both.
                let overlap = i64::from(c % 16 == 0);
                let second = ("D1", from + i64::from(c) * 3 + 1 - overlap, None);
                dated(&name("H", b, 3), place, &[first, second][..1 + usize::from(c % 2 == 0)])
            }
            8 => {
                let from = i64::from(b % 8) * 300 - 1000;
                let of = ["V0", "T0", "S1"][usize::from(c % 3)];
                duty(
                    of,
                    (b % 5 != 0).then_some(&*doctor_name),
                    from,
                    (c % 4 != 0).then_some(from + 400),
                )
            }
            9 => {
                team(&name("TM", b, 2), ["V0", "T0", "T1"][usize::from(c % 3)], Some(&doctor_name))
            }
            0 => household(&name("H", b, 3), PLACES[usize::from(c % 4)], Some(&doctor_name)),
            1 => {
                site(&name("S", b, 5), place, &name("T", c, 2), if c % 3 == 0 { "C0" } else { "" })
            }
            2 => doctor(&doctor_name, CareLevel::Village, place),
            3 => card(&name("K", b, 4), &name("P", c, 7)),
            4 => registration(Registered::Plan(Plan {
                person: id(&name("P", c, 7)),
                from: None,
                until: None,
                systolic_lt: Some(120 + u16::from(b % 8)),
                diastolic_lt: None,
                fasting_lt: (b % 2 == 0).then_some(TenthsMmol(60 + u16::from(b % 8))),
                cadence_days: None,
                author: String::new(),
                attributes: std::collections::BTreeMap::new(),
            })),
            5 if b % 4 == 0 => neighbour(b, c),
            _ => registration(Registered::Device(Device {
                device: id(&name("cuff", b, 3)),
                model: String::new(),
                site: None,
                bench: None,
                owner: (c % 2 == 0).then(|| id(&name("P", c, 7))),
                epoch: None,
                slots: if c % 3 == 0 { vec![(1, id(&name("P", c, 7)))] } else { Vec::new() },
                attributes: std::collections::BTreeMap::new(),
            })),
        }
    }

    fn alert(&mut self, who: &str, (a, b, c): (u8, u8, u8), work: &mut Work) {
        let level = [Level::Blue, Level::Yellow, Level::Orange, Level::Red][usize::from(a % 4)];
        let owner = name("D", b, 3);
        let chosen = usize::from(c) % (self.alerts.len() + 1);
        if chosen == self.alerts.len() {
            let number = i64::try_from(chosen).unwrap() + 1;
            self.alerts.push(alert(number, who, (b % 4 != 0).then_some(&*owner), level));
        }
        let now = &mut self.alerts[chosen];
        now.level = level;
        now.state =
            [AlertState::Open, AlertState::Acknowledged, AlertState::Closed, AlertState::Withdrawn]
                [usize::from(b % 4)];
        if c % 7 == 0 {
            work.changes.push(Change::Alias(now.id, now.key));
            now.id = key(u64::from(c) + (1 << 50) + (now.key.unsigned_abs() << 20));
        }
        let mut step = event(now, AlertChange::Raised);
        if let Fact::Alert(step) = &mut step
            && c % 5 == 0
        {
            step.change =
                if b % 2 == 0 { AlertChange::Visited } else { AlertChange::VisitRejected };
            step.visit = Some(Box::new(Visit {
                at: after_noon(i64::from(b)),
                home: b % 2 == 0,
                reading: (c % 2 == 0).then(|| key(u64::from(b))),
                reason: (c % 2 == 1).then(|| "不在家".to_owned()),
                doctor: (b % 3 != 0).then(|| id("D1")),
                rejected: (b % 2 == 1).then_some(VisitRejected::NotResponsible),
            }));
        }
        if let Fact::Alert(step) = &mut step
            && c % 5 == 1
        {
            step.change = AlertChange::Closed;
            step.outcome = Some(Box::new(AlertOutcome {
                code: OutcomeCode::ALL[usize::from(b) % OutcomeCode::ALL.len()],
                reading: (c % 2 == 0).then(|| key(u64::from(b))),
                reason: (c % 2 == 1).then(|| "搬走了".to_owned()),
                refer_to: (b % 3 == 0).then(|| "county".into()),
            }));
        }
        work.facts.push(step);
        work.changes.push(Change::Alert(Box::new(now.clone())));
    }

    fn cross(&self, (a, b): (u8, u8), work: &mut Work) {
        let number = u64::from(a) % self.readings.max(1);
        let Some(alert) = self.alerts.get(usize::from(b) % self.alerts.len().max(1)) else {
            return;
        };
        if self.stored(number) {
            work.facts.push(crossing(key(number), alert));
        }
    }

    fn promise(&mut self, (a, b, c): (u8, u8, u8), work: &mut Work) {
        let Some(alert) = self.alerts.get(usize::from(b) % self.alerts.len().max(1)) else {
            return;
        };
        if a % 3 != 0 || self.owed == 0 {
            self.owed += 1;
            let mut message = owed(alert, &name("D", a, 3), self.owed);
            message.due_at = after_noon(i64::from(c));
            work.changes.push(Change::Owe(Box::new(message)));
            return;
        }
        let message = key(u64::from(c) % self.owed + 1 + (1 << 43));
        let failed = c % 2 == 0;
        let retry_at = failed.then(|| after_noon(500));
        let why = "timeout".to_owned();
        let sending = if failed { Sending::Failed { why, retry_at } } else { Sending::Delivered };
        work.facts.push(Fact::Attempt(Attempt { key: message, sending, at: NOON }));
        let last_error = failed.then(|| "timeout".to_owned());
        work.changes.push(Change::Resend { key: message, due_at: retry_at, last_error });
    }
}

fn told((a, b, c): (u8, u8, u8), at: &str) -> Fact {
    context_fact((&name("cuff", a, 2), u64::from(b % 3)), meal(c), at)
}

/// Two files are said to be one person's, or, as position 0 says, whatever stands of the first one is
/// taken back. Often neither is possible: the unit must then fail in both.
fn merged((a, b, c): (u8, u8, u8)) -> Fact {
    Fact::Merged(Box::new(Merged {
        person: id(&name("P", a, 7)),
        survivor: id(&name("P", b, 7)),
        undoes: (c % 3 == 0).then_some(CommitSeq(0)),
        reason: "双档".to_owned(),
        by: "N1".into(),
        at: after_noon(i64::from(c)),
    }))
}

/// The same, with the position of the merge that is taken back.
fn found(store: &dyn Store, fact: &Fact) -> Fact {
    let Fact::Merged(said) = fact else { return fact.clone() };
    let mut said = said.clone();
    let merges = store.reader().merges_of(&said.person).unwrap();
    let standing = merges.into_iter().find(|held| held.undone.is_none());
    if let (Some(undoes), Some(held)) = (&mut said.undoes, standing) {
        *undoes = held.seq;
        (said.person, said.survivor) = (held.merged.person, held.merged.survivor);
    }
    Fact::Merged(said)
}

/// A pack, or what a site says of itself.
fn said_at(site: &str, (what, a, b): (u8, u8, u8), minutes: i64) -> Fact {
    let at = after_noon(minutes);
    if what % 25 == 17 {
        return Fact::CardScan(CardScan {
            site: id(site),
            bench: id("B1"),
            card: name("K", a, 4),
            person: None,
            at,
            received_at: at,
            out: false,
            opened_by: opened_by(b),
        });
    }
    if a.is_multiple_of(4) {
        let (hash, text) = (name("h", b, 3), "{}".to_owned());
        let origin = b.is_multiple_of(2).then(|| id("gw-above"));
        return Fact::Pack(Box::new(PackInForce { hash, text, at, origin }));
    }
    Fact::Presence(Presence { site: id(site), online: a % 2 == 0, detail: None, at })
}

/// A claim, or a session of a bench.
fn given(person: &str, (b, c): (u8, u8)) -> Attribution {
    if !c.is_multiple_of(3) {
        return Attribution::new(id(person), Basis::Claim);
    }
    let (bench, from) = (id("B1"), after_noon(i64::from(c)));
    let session = AtBench { bench, from, opened_by: opened_by(b) };
    let (person, session) = (id(person), Some(Box::new(session)));
    Attribution { person, basis: Basis::BenchSession, session }
}

/// A reader without a name, one with a name, or somebody.
fn opened_by(choice: u8) -> OpenedBy {
    match choice % 3 {
        0 => OpenedBy::Reader(None),
        1 => OpenedBy::Reader(Some(id("reader-1"))),
        _ => OpenedBy::Staff("nurse N1".into()),
    }
}

/// What another gateway says of a day: of what it holds nothing is asked here. And what differs.
fn said((a, b, c): (u8, u8, u8)) -> Change {
    let day = Day::of(NOON).plus(i64::from(c % 5) - 2);
    let (site, by) = (id(&name("S", c, 5)), name("gw", a, 2).into());
    let at = after_noon(i64::from(c));
    let hash = DayLog::new(id("S"), day, Vec::new()).receipt().hash;
    let first = crate::receipt::Difference {
        village: name("V", a, 2),
        kind: crate::receipt::Kind::ALL[usize::from(c % 3)],
        key: key(u64::from(a)),
        ours: (c % 2 == 0).then_some(hash),
        theirs: (c % 2 == 1).then_some(hash),
    };
    Change::Neighbour(Box::new(match b % 5 {
        0 => NeighbourSaid::Differs(ReceiptDiffers {
            site,
            day,
            by,
            first: (a % 4 > 0).then_some(first),
            at,
        }),
        1 => NeighbourSaid::Alarm(KeptAlarm {
            of: by,
            code: (a % 3 > 0).then(|| "chain".into()),
            since: at,
            times: u64::from(a),
        }),
        _ => NeighbourSaid::Receipt(ReceiptSaid {
            receipt: DayLog::new(site, day, Vec::new()).receipt(),
            by,
            key: String::new(),
            epoch: u64::from(c % 2),
            upto: CommitSeq(i64::from(a)),
            said_at: at,
            at: NOON,
        }),
    }))
}

/// Rows beside the log.
fn working(who: &str, (a, b, c): (u8, u8, u8), work: &mut Work) {
    let timer = Timer {
        kind: TimerKind::AckDeadline,
        person: id(who),
        alert: 0,
        step: CareLevel::Village,
        due_at: after_noon(i64::from(c)),
    };
    work.changes.push(match b % 8 {
        7 if a % 3 == 0 => said((a, b / 8, c)),
        7 => Change::Watch(id(who), (c % 4 != 0).then(|| after_noon(i64::from(c)))),
        5 => Change::KeepState(Box::new(KeptState {
            person: id(who),
            judged_with: [a; 16],
            state: vec![c; usize::from(c)],
        })),
        6 => Change::ForgetState(id(who)),
        0 | 1 => Change::SetTimer(timer),
        2 => Change::ClearTimer(timer),
        3 => Change::Session(BenchSession {
            site: id(&name("S", a, 5)),
            bench: id("B1"),
            person: id(who),
            from: after_noon(i64::from(c) * 30),
            until: after_noon(i64::from(c) * 30 + i64::from(a)),
            opened_by: opened_by(c),
        }),
        _ if c % 2 == 0 => Change::Answer(Box::new(Answer {
            request: Request { key: name("A", a, 3), digest: key(u64::from(c)) },
            done: done(a, c),
            at: after_noon(i64::from(c)),
        })),
        _ if c % 7 == 0 => access::keep(access::account(&name("U", a, 4), c)),
        _ if c % 11 == 0 => access::broke(i64::from(c)),
        _ if c % 13 == 0 => enrol::keep(enrol::code(&name("B", a, 4), c)),
        _ if c % 17 == 0 => enrol::certify(enrol::certificate(&name("B", a, 4), c)),
        _ => Change::Token(Box::new(TokenRow {
            hash: [a % 2; 32],
            role: Role::ALL[usize::from(c) % Role::ALL.len()],
            place: None,
            doctor: (c % 3 == 0).then(|| id("D1")),
            device: None,
            created_at: NOON,
            revoked_at: None,
        })),
    });
}

/// Does the work as one unit; says how it ended and what the unit saw on the way.
fn perform(store: &mut dyn Store, work: &Work, keep: bool) -> Vec<String> {
    let mut seen = Vec::new();
    let facts: Vec<Fact> = work.facts.iter().map(|fact| found(store, fact)).collect();
    let mut unit = store.begin(NOON).unwrap();
    let appended = unit.append(&facts);
    seen.push(format!("{:?}", appended.as_ref().map_err(ToString::to_string)));
    if appended.is_err() {
        return seen;
    }
    unit.change(&[Change::Count(counted(&work.facts))]).unwrap();
    let changed = unit.change(&work.changes);
    seen.push(format!("{:?}", changed.as_ref().map_err(ToString::to_string)));
    if changed.is_err() {
        return seen;
    }
    look_within(&mut *unit, &mut seen);
    if keep {
        seen.push(format!("{:?}", unit.commit().unwrap()));
    }
    seen
}

fn look_within(unit: &mut dyn Unit, seen: &mut Vec<String>) {
    let people: Vec<_> = (0..7).map(|number| id(&name("P", number, 7))).collect();
    let since: Vec<_> = people.iter().cloned().map(|person| (person, after_noon(-900))).collect();
    let ids: Vec<_> = (0..40).chain(1_000_000..1_000_255).map(key).collect();
    let contents: Vec<_> = (1_000_000_u64..1_000_255).map(|n| key(n + (1 << 41))).collect();
    seen.push(format!("{:?}", unit.held(&ids).unwrap()));
    seen.push(format!("{:?}", unit.waiting(&contents).unwrap()));
    seen.push(format!("{:?}", unit.registered(&keys()).unwrap()));
    seen.push(format!("{:?}", unit.readings(&since).unwrap()));
    let events = unit.events(&people).unwrap();
    let ids: Vec<_> = events.iter().flatten().map(|event| event.id).chain([key(1)]).collect();
    seen.push(format!("{events:?} {:?}", unit.known_events(&ids).unwrap()));
    seen.push(format!("{:?}", unit.kept(&people).unwrap()));
    seen.push(format!("{:?} {:?}", unit.packs().unwrap(), unit.merged().unwrap()));
    for person in &people {
        seen.push(format!("{:?}", unit.watched(person).unwrap()));
    }
    seen.push(format!("{:?}", unit.due_watches(after_noon(100), 3).unwrap()));
    let mut after = CommitSeq(0);
    while after < unit.last().unwrap() {
        let concerned = unit.concerned(after, 2).unwrap();
        assert!(concerned.upto > after, "the sweep stands still");
        after = concerned.upto;
        seen.push(format!("{concerned:?}"));
    }
    for key in keys() {
        seen.push(format!("{:?}", unit.entered(&key).unwrap()));
    }
    let names: Vec<_> = (0..6).map(|n| (id(&name("cuff", n, 2)), u64::from(n / 2))).collect();
    seen.push(format!("{:?}", unit.numbered(&names).unwrap()));
    seen.push(format!("{:?}", unit.alerts(&people).unwrap()));
    seen.push(format!("{:?}", unit.next_alert_key().unwrap()));
    seen.push(format!("{:?}", unit.doctors(CareLevel::Village).unwrap()));
    seen.push(format!("{:?}", unit.due_timers(after_noon(100), 100).unwrap()));
    super::staff::look_within(unit, seen);
    super::carry::look_within(unit, seen);
    for place in PLACES {
        seen.push(format!("{:?}", unit.places_above(place).unwrap()));
    }
    for minutes in (0..4000).step_by(500) {
        let at = after_noon(minutes);
        seen.push(format!("{:?}", unit.sessions(&id("S1"), &id("B1"), at).unwrap()));
    }
    for alert in 0..5 {
        let mut owed = unit.owed_for(alert).unwrap();
        owed.sort_by_key(|owed| owed.key);
        seen.push(format!("{owed:?}"));
    }
    seen.push(format!("{:?}", unit.answer("A1").unwrap()));
}

fn keys() -> Vec<RegistryKey> {
    let mut keys = Vec::new();
    for number in 0..7 {
        keys.push(RegistryKey::Person(id(&name("P", number, 7))));
        keys.push(RegistryKey::Household(id(&name("H", number, 3))));
        keys.push(RegistryKey::Site(id(&name("S", number, 5))));
        keys.push(RegistryKey::Device(id(&name("cuff", number, 3))));
        keys.push(RegistryKey::Card(name("K", number, 4)));
        keys.push(RegistryKey::Plan(id(&name("P", number, 7))));
    }
    keys
}

fn scopes() -> Vec<Scope> {
    let places = PLACES.map(|place| Scope::Place(place.to_owned()));
    let doctors = ["D0", "D1", "D2"].map(|doctor| Scope::Doctor(id(doctor)));
    [Scope::Everything, Scope::Nobody].into_iter().chain(places).chain(doctors).collect()
}

/// All pages of a list, so small that cursors matter.
fn pages<T: std::fmt::Debug>(
    ask: impl Fn(&Paging) -> Result<crate::store::view::Page<T>, crate::store::StoreError>,
) -> String {
    let mut paging = Paging { limit: 2, after: None };
    let mut all = Vec::new();
    loop {
        let page = ask(&paging).unwrap();
        assert!(page.items.len() <= 2);
        all.extend(page.items);
        paging.after = page.next;
        if paging.after.is_none() {
            return format!("{all:?}");
        }
    }
}

fn look_at_receipts(reader: &dyn Reader, seen: &mut Vec<String>) {
    for site in 0..5 {
        let (site, noon) = (id(&name("S", site, 5)), Day::of(NOON));
        for day in -2..4 {
            seen.push(format!("{:?}", reader.day_log(&site, noon.plus(day)).unwrap()));
        }
        for van in ["van-1", "van-2"] {
            seen.push(format!("{:?}", reader.brought(&site, noon, &id(van)).unwrap()));
        }
        let said = reader.receipts_said(&site, (noon.plus(-1), noon.plus(2))).unwrap();
        seen.push(format!("{said:?}"));
    }
    let days = (Day::of(NOON).plus(-3), Day::of(NOON).plus(9));
    seen.push(format!("{:?}", reader.received_on(days).unwrap()));
    let (differ, alarms) = (reader.receipts_differ().unwrap(), reader.kept_alarms().unwrap());
    seen.push(format!("{differ:?} {alarms:?}"));
}

/// Every answer of a reader.
fn look(reader: &dyn Reader) -> Vec<String> {
    let mut seen = vec![format!("{:?} {:?}", reader.last().unwrap(), reader.counts().unwrap())];
    let mut after = CommitSeq(0);
    loop {
        let fed = reader.feed(after, 3).unwrap();
        let Some(last) = fed.last() else { break };
        assert_eq!(last.seq.0, after.0 + i64::try_from(fed.len()).unwrap(), "the feed has a gap");
        after = last.seq;
        seen.push(format!("{fed:?}"));
    }
    for scope in scopes() {
        look_in_scope(reader, &scope, &mut seen);
    }
    super::staff::look(reader, &mut seen);
    super::carry::look(reader, &mut seen);
    for kind in Registered::KINDS {
        seen.push(pages(|page| reader.registry(kind, page)));
    }
    for alert in 0..5 {
        seen.push(format!("{:?}", reader.crossings_of(alert).unwrap()));
        seen.push(format!("{:?}", reader.messages_of(alert).unwrap()));
    }
    let people: Vec<_> = (0..7).map(|number| id(&name("P", number, 7))).collect();
    seen.push(format!("{:?}", reader.events_of(&people).unwrap()));
    for person in &people {
        let merges = reader.merges_of(person).unwrap();
        seen.push(format!("{merges:?} {:?}", reader.survivor(person).unwrap()));
        seen.push(format!("{:?}", reader.claims_of(person).unwrap()));
    }
    let mut owed = reader.owed(after_noon(400), 1000).unwrap();
    owed.sort_by_key(|owed| owed.key);
    seen.push(format!("{owed:?} {:?}", reader.next_due().unwrap()));
    for doctor in ["D0", "D1"] {
        let delivered = reader.delivered_to(&id(doctor), CommitSeq(3), 1000).unwrap();
        let positions: Vec<_> = delivered.iter().map(|message| message.seq).collect();
        seen.push(format!("{positions:?}"));
    }
    for minutes in (0..4000).step_by(500) {
        let at = after_noon(minutes);
        seen.push(format!("{:?}", reader.sessions_at(&id("S1"), &id("B1"), at).unwrap()));
    }
    look_at_receipts(reader, &mut seen);
    seen.push(format!("{:?}", reader.token(&[1; 32]).unwrap()));
    seen.push(format!("{:?}", reader.boxes("", 99).unwrap()));
    for number in 0..4 {
        let name = id(&name("B", number, 4));
        let (code, made) = (reader.box_code(&name), reader.box_certificate(&name));
        seen.push(format!("{:?} {:?}", code.unwrap(), made.unwrap()));
    }
    seen.push(format!("{:?}", reader.cursor("uplink").unwrap()));
    for page in [Paging::default(), Paging { limit: 1, after: None }] {
        let accounts = reader.accounts(&page).unwrap();
        let rows = accounts
            .items
            .iter()
            .map(|row| (&row.key, &row.called, &row.password, &row.second, row.role, &row.doctor));
        seen.push(format!("{:?} {:?}", rows.collect::<Vec<_>>(), accounts.next));
        seen.push(format!("{:?}", reader.broken_glass(&page).unwrap()));
    }
    seen
}

fn look_in_scope(reader: &dyn Reader, scope: &Scope, seen: &mut Vec<String>) {
    let filters = [
        ReadingFilter::default(),
        ReadingFilter { person: Some(id("P1")), ..ReadingFilter::default() },
        ReadingFilter { filed: Some(id("P1")), ..ReadingFilter::default() },
        ReadingFilter { site: Some(id("S1")), ..ReadingFilter::default() },
        ReadingFilter {
            device: Some(id("cuff1")),
            from: Some(after_noon(-1500)),
            to: Some(after_noon(1500)),
            ..ReadingFilter::default()
        },
        ReadingFilter { from: Some(after_noon(0)), ..ReadingFilter::default() },
    ];
    for filter in filters {
        seen.push(pages(|page| reader.readings(scope, &filter, page)));
    }
    seen.push(pages(|page| reader.merges(scope, page)));
    for number in 0..8 {
        seen.push(format!("{:?}", reader.reading(scope, &key(number)).unwrap()));
    }
    let filters = [
        AlertFilter::default(),
        AlertFilter { states: vec![AlertState::Open], ..AlertFilter::default() },
        AlertFilter { doctor: Some(id("D1")), ..AlertFilter::default() },
        AlertFilter { level: Some(Level::Red), person: Some(id("P1")), ..AlertFilter::default() },
    ];
    for filter in filters {
        seen.push(pages(|page| reader.alerts(scope, &filter, page)));
    }
    for number in 1..4 {
        let first = alert(number, "P1", None, Level::Red).id;
        seen.push(format!("{:?}", reader.alert(scope, &first).unwrap()));
    }
    for key in keys() {
        seen.push(format!("{:?}", reader.registered(scope, &key).unwrap()));
        seen.push(format!("{:?}", reader.entered(scope, &key).unwrap()));
    }
    for query in ["", "P", "P1", "王", "王P3", "%", "wp", " wp3 ", "Nor", "c1", "P3~"] {
        seen.push(pages(|page| reader.people(scope, query, page)));
    }
    for state in HeldState::ALL {
        seen.push(pages(|page| reader.quarantine(scope, state, page)));
    }
    seen.push(pages(|page| reader.refused(scope, page)));
    for place in [None].into_iter().chain(PLACES.map(Some)) {
        let board = reader.board(scope, place, after_noon(30)).unwrap();
        seen.push(format!("{scope:?} {place:?} {board:?}"));
    }
}

#[track_caller]
fn check(history: &[Vec<Step>]) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    // Lists are found in two ways; histories of every length try both.
    let few_people = u64::try_from(history.len() % 4).unwrap();
    let options = Options { few_people, ..Options::new(folder.path()) };
    let mut sqlite = SqliteStore::open(options).unwrap();
    let mut model = ModelStore::new();
    let mut made = History::default();
    for (number, steps) in history.iter().enumerate() {
        let first = steps.first().copied().unwrap_or_default();
        let before = (made.readings, made.alerts.clone(), made.owed);
        let work = made.plan(steps);
        let keep = first.3 % 8 != 0;
        let expected = perform(&mut model, &work, keep);
        let found = perform(&mut sqlite, &work, keep);
        proptest::prop_assert_eq!(&found, &expected);
        if !expected.last().is_some_and(|last| last.starts_with("Committed")) {
            (made.readings, made.alerts, made.owed) = before;
        }
        for store in [&mut sqlite as &mut dyn Store, &mut model] {
            match first.2 % 4 {
                0 => drop(store.roll_up(usize::from(first.1)).unwrap()),
                1 => {
                    let end = store.reader().last().unwrap();
                    let to = Some(CommitSeq(i64::from(first.1)).min(end));
                    let cursor = Change::Cursor { follower: "uplink".to_owned(), to };
                    let mut unit = store.begin(NOON).unwrap();
                    unit.change(&[cursor]).unwrap();
                    unit.commit().unwrap();
                }
                2 if first.1 % 4 == 0 => store.reopen().unwrap(),
                _ => store.checkpoint().unwrap(),
            }
        }
        if number == 5 || number + 1 == history.len() {
            let (found, expected) = (look(&*sqlite.reader()), look(&*model.reader()));
            for (found, expected) in found.iter().zip(&expected) {
                proptest::prop_assert_eq!(found, expected);
            }
            proptest::prop_assert_eq!(found.len(), expected.len());
        }
    }
    let differences = sqlite.reader().recount().unwrap();
    proptest::prop_assert_eq!(differences, Vec::<String>::new());
    Ok(())
}

#[test]
fn any_history_gives_the_same_answers_as_the_model() {
    let seed = String::from_utf8_lossy(&SEED);
    writeln!(std::io::stdout(), "seed: {seed}").unwrap();
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let steps = vec(any::<Step>(), 0..14);
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner.run(&vec(steps, 4..16), |history| check(&history)).unwrap();
}

fn neighbour(b: u8, c: u8) -> Fact {
    registration(Registered::Box(Neighbour {
        name: id(&name("gw", b / 4, 3)),
        key: format!("ed25519:{}", "A".repeat(43)),
        site: c.is_multiple_of(2).then(|| id("S1")),
        serves: vec![PLACES[usize::from(c % 3)].to_owned()],
        state: if c.is_multiple_of(3) { BoxState::Revoked } else { BoxState::Enabled },
        epoch: c.is_multiple_of(5).then_some(u64::from(c)),
        attributes: std::collections::BTreeMap::new(),
    }))
}
