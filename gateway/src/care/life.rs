//! The steps of an alert's life, each a plain function from what is to what becomes.

use smol_str::{SmolStr, ToSmolStr};

use super::{Team, add_day_time, next_day_time};
use crate::{
    assess::Concept,
    domain::{
        Alert, AlertId, AlertState, CareLevel, Doctor, DoctorId, Level, Millis, PersonId, Reason,
        Rung, Timestamp, notification_key,
    },
    store::{AlertChange, AlertEvent, Change, Channel, Fact, Owed, Timer, TimerKind},
};

/// When the page to the first doctor may leave (DESIGN section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// At once: from home, for symptoms, for 200/120 or above, for low glucose.
    AtOnce,
    /// When the session confirms it, at the latest after the pack's `page_settle_minutes`: from a
    /// site with staff, who see it at the bench.
    Settle(Millis),
    /// With the next day's: it opens in retrospect, by what the registry or the pack says now.
    Digest,
}

/// What a gateway learns more than this after it was measured, or was due, runs in day hours
/// (DESIGN section 6, "deadlines run from there, and one learned more than 24 h after measuring").
const LEARNED_LATE: Millis = Millis::hours(24);

/// Whether an alert's clocks run in day hours: it was stored late, or learned late here.
#[must_use]
pub fn runs_by_day(alert: &Alert) -> bool {
    alert.late || alert.opened_at.since(alert.alert_at) > LEARNED_LATE
}

/// What the lines say of an alert that is to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// This gateway's number for it.
    pub key: i64,
    /// The same at every gateway.
    pub id: AlertId,
    /// What was crossed.
    pub concept: SmolStr,
    /// At which level.
    pub level: Level,
    /// Whom it is about.
    pub person: PersonId,
    /// Alert time.
    pub alert_at: Timestamp,
    /// Stored late by the first gateway.
    pub late: bool,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Name and version of the pack.
    pub pack: SmolStr,
    /// When each later step gets it; empty for blue, which nobody must acknowledge.
    pub ladder: Vec<Rung>,
    /// When the page may leave.
    pub paging: Paging,
}

/// What one step of an alert's life commits.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The alert afterwards.
    pub alert: Alert,
    /// What happened.
    pub event: AlertEvent,
    /// Working state that goes with it.
    pub changes: Vec<Change>,
}

impl Step {
    /// The fact for the log and the changes beside it.
    #[must_use]
    pub fn into_parts(self) -> (Fact, Vec<Change>) {
        let mut changes = vec![Change::Alert(Box::new(self.alert))];
        changes.extend(self.changes);
        (Fact::Alert(Box::new(self.event)), changes)
    }
}

/// Opens an alert: an owner, a deadline, and the messages owed, or nobody to tell and that on the
/// board.
#[must_use]
pub fn open(opening: Opening, team: &Team, now: Timestamp) -> Step {
    let owner = team.first();
    let mut alert = Alert {
        key: opening.key,
        id: opening.id,
        concept: opening.concept,
        level: opening.level,
        state: AlertState::Open,
        person: opening.person,
        owner: owner.map(|doctor| doctor.doctor.clone()),
        step: owner.map_or(CareLevel::Village, |doctor| doctor.level),
        opened_at: now,
        alert_at: opening.alert_at,
        deadline: None,
        ladder: opening.ladder,
        late: opening.late,
        reasons: opening.reasons,
        pack: opening.pack,
    };
    let by_day = runs_by_day(&alert) || opening.paging == Paging::Digest;
    alert.deadline = first_step(&alert).map(|patience| after(now, patience, by_day));
    let mut changes = set_deadline(&alert);
    if let Some(doctor) = owner {
        let due_at = page_at(&alert, opening.paging, now);
        changes.extend(owe(&alert, AlertChange::Opened, doctor, due_at));
    }
    // PR-1 and PR-2 are the office's task too (LINES 6.3, "notified"): code, level and link.
    if let Some(office) = team.office().filter(|_| OFFICE.iter().any(|it| *it == alert.concept)) {
        let due_at = page_at(&alert, Paging::AtOnce, now);
        changes.extend(owe(&alert, AlertChange::Opened, office, due_at));
    }
    let event = event(&alert, AlertChange::Opened, now, None);
    Step { alert, event, changes }
}

/// What an assistance office is told of.
const OFFICE: [&str; 2] = [Concept::OopLine.as_str(), Concept::PovertyRelapseRisk.as_str()];

/// Carries a change that later facts made: its level, its reasons, its end. A message is owed only
/// when the level rises, or when an alert that had ended is open again. One that still waits when
/// the level falls leaves as what the alert is now, in day hours.
#[must_use]
pub fn revise(
    before: &Alert,
    after: Alert,
    change: AlertChange,
    team: &Team,
    now: Timestamp,
) -> Step {
    let mut changes = Vec::new();
    let mut after = after;
    let reopened = after.state.is_live() && !before.state.is_live();
    if reopened {
        let patience = first_step(&after);
        after.deadline = patience.map(|patience| self::after(now, patience, runs_by_day(&after)));
    }
    if !after.state.is_live() {
        changes.push(Change::ClearTimer(deadline_timer(&after, now)));
    } else if reopened || after.deadline != before.deadline {
        changes.extend(set_deadline(&after));
    }
    if (reopened || change == AlertChange::Raised)
        && let Some(doctor) = after.owner.as_ref().and_then(|owner| team.member(owner))
    {
        let due_at = page_at(&after, Paging::AtOnce, now);
        changes.extend(owe(&after, change, doctor, due_at));
    }
    if change == AlertChange::Lowered {
        let due_at = page_at(&after, Paging::AtOnce, now);
        changes.push(Change::Calm { alert: after.key, level: after.level, due_at });
    }
    let mut event = event(&after, change, now, Some(before.state));
    event.alias = (before.id != after.id).then_some(before.id);
    changes.extend(event.alias.map(|alias| Change::Alias(alias, after.key)));
    Step { alert: after, event, changes }
}

/// The alert is another person's file's from now on, or has another id: owner, state, deadline and
/// what was written stay with it, and nobody is told anew.
#[must_use]
pub fn stand_as(before: &Alert, after: Alert, now: Timestamp) -> Step {
    let mut changes = vec![Change::ClearTimer(deadline_timer(before, now))];
    if after.state == AlertState::Open {
        changes.extend(set_deadline(&after));
    }
    let mut event = event(&after, AlertChange::Revised, now, Some(before.state));
    event.alias = (before.id != after.id).then_some(before.id);
    changes.extend(event.alias.map(|alias| Change::Alias(alias, after.key)));
    Step { alert: after, event, changes }
}

/// The alert stands again as it stood: what changed it is taken back. If it had ended meanwhile, its
/// owner is told, as of any alert that is open again.
#[must_use]
pub fn stand_again(before: &Alert, stood: &Alert, team: &Team, now: Timestamp) -> Step {
    let mut step = stand_as(before, stood.clone(), now);
    let reopened = stood.state == AlertState::Open && !before.state.is_live();
    let owner = stood.owner.as_ref().filter(|_| reopened);
    if let Some(doctor) = owner.and_then(|owner| team.member(owner)) {
        let due_at = page_at(stood, Paging::AtOnce, now);
        step.changes.extend(owe(stood, AlertChange::Revised, doctor, due_at));
    }
    step
}

/// A doctor takes the alert. It counts from now; the time they claim is kept beside it.
#[must_use]
pub fn acknowledge(before: &Alert, by: &SmolStr, note: Option<String>, now: Timestamp) -> Step {
    // An acknowledgement that comes after its visit takes nothing back.
    let visited = before.state == AlertState::Visited;
    let state = if visited { before.state } else { AlertState::Acknowledged };
    let alert = Alert { state, ..before.clone() };
    let changes = vec![Change::ClearTimer(deadline_timer(&alert, now))];
    let mut event = event(&alert, AlertChange::Acknowledged, now, Some(before.state));
    event.by = Some(by.clone());
    event.note = note;
    Step { alert, event, changes }
}

/// Somebody writes something down.
#[must_use]
pub fn note(before: &Alert, by: &SmolStr, note: Option<String>, now: Timestamp) -> Step {
    let mut event = event(before, AlertChange::Noted, now, Some(before.state));
    event.by = Some(by.clone());
    event.note = note;
    Step { alert: before.clone(), event, changes: Vec::new() }
}

/// Somebody did something elsewhere that changes nothing of the alert any more: it is told in its
/// history.
#[must_use]
pub fn tell(before: &Alert, change: AlertChange, now: Timestamp) -> Step {
    let event = event(before, change, now, Some(before.state));
    Step { alert: before.clone(), event, changes: Vec::new() }
}

/// A doctor hands the alert on: to a member of the team, or to the next step. `None` where nobody
/// is there.
#[must_use]
pub fn forward(
    before: &Alert,
    to: Option<&DoctorId>,
    by: &SmolStr,
    team: &Team,
    now: Timestamp,
) -> Option<Step> {
    let doctor = match to {
        Some(name) => team.member(name),
        None if before.owner.is_none() => team.first(),
        None => team.after(before.step),
    }?;
    let mut step = hand_over(before, doctor, AlertChange::Forwarded, now);
    step.event.by = Some(by.clone());
    Some(step)
}

/// The deadline of a step passed without an acknowledgement: the next step has the alert. With
/// nobody left it stays where it is, overdue on every board. `None`: nothing to do.
#[must_use]
pub fn escalate(before: &Alert, team: &Team, now: Timestamp) -> Option<Step> {
    if before.state != AlertState::Open {
        return None;
    }
    let doctor = next_in_line(before, team)?;
    Some(hand_over(before, doctor, AlertChange::Escalated, now))
}

/// Who is asked next: whoever is first where nobody owns it yet, else the next step, no further
/// than the rule pack's escalation goes.
fn next_in_line<'a>(alert: &Alert, team: &'a Team) -> Option<&'a Doctor> {
    let last = alert.ladder.last()?.step;
    match alert.owner {
        None => team.first(),
        Some(_) => team.after(alert.step).filter(|doctor| doctor.level <= last),
    }
}

/// An alert that nobody owns is asked about again: somebody may be registered by then.
#[must_use]
pub fn ask_again(alert: &Alert, now: Timestamp) -> Option<Change> {
    let waits = alert.state == AlertState::Open && alert.owner.is_none();
    let patience = first_step(alert).filter(|_| waits)?;
    Some(Change::SetTimer(deadline_timer(alert, now.plus(patience))))
}

fn hand_over(before: &Alert, doctor: &Doctor, change: AlertChange, now: Timestamp) -> Step {
    // Whoever gets it late still gets as long as the first step had.
    let fresh = first_step(before).map(|patience| after(now, patience, runs_by_day(before)));
    let alert = Alert {
        state: AlertState::Open,
        owner: Some(doctor.doctor.clone()),
        step: doctor.level,
        deadline: deadline(before, doctor.level).max(fresh),
        ..before.clone()
    };
    let mut changes = vec![Change::ClearTimer(deadline_timer(before, now))];
    changes.extend(set_deadline(&alert));
    changes.extend(owe(&alert, change, doctor, page_at(&alert, Paging::AtOnce, now)));
    let event = event(&alert, change, now, Some(before.state));
    Step { alert, event, changes }
}

/// When a step's time is over. Deadlines run from when the gateway knew; a late alert's runs in day
/// hours (DESIGN section 6).
fn deadline(alert: &Alert, step: CareLevel) -> Option<Timestamp> {
    alert.patience(step).map(|patience| after(alert.opened_at, patience, runs_by_day(alert)))
}

/// How long the first who is asked has, whichever step that is.
pub(super) fn first_step(alert: &Alert) -> Option<Millis> {
    alert.ladder.first().map(|rung| Millis::minutes(i64::from(rung.after_minutes)))
}

pub(super) fn after(from: Timestamp, length: Millis, by_day: bool) -> Timestamp {
    if by_day { add_day_time(from, length) } else { from.plus(length) }
}

/// Red rings day and night, unless it is late; everything else waits for day hours.
fn page_at(alert: &Alert, paging: Paging, now: Timestamp) -> Timestamp {
    match paging {
        _ if alert.level != Level::Red || runs_by_day(alert) => next_day_time(now),
        Paging::Digest => next_day_time(now),
        Paging::AtOnce => now,
        Paging::Settle(settle) => now.plus(settle),
    }
}

/// Messages to one doctor about one change; none for blue, which goes into the digest.
fn owe(alert: &Alert, change: AlertChange, doctor: &Doctor, due_at: Timestamp) -> Vec<Change> {
    let channels = [(Channel::Webhook, !doctor.webhook.is_empty()), (Channel::Mqtt, doctor.mqtt)];
    let wanted = channels.into_iter().filter(|(_, wanted)| *wanted && alert.level != Level::Blue);
    let told = state_change(alert, change, due_at);
    let owed = |(channel, _): (Channel, bool)| {
        let key = notification_key(&alert.id, &told, &doctor.doctor, channel.as_str());
        Change::Owe(Box::new(Owed {
            key,
            alert: alert.key,
            alert_id: alert.id,
            change,
            level: alert.level,
            recipient: doctor.doctor.clone(),
            channel,
            due_at,
            deadline: alert.deadline,
            attempts: 0,
            last_error: None,
        }))
    };
    wanted.map(owed).collect()
}

/// The state change that a message tells of. One that can happen again says when it happened.
fn state_change(alert: &Alert, change: AlertChange, at: Timestamp) -> String {
    let change_name = change.as_str();
    match change {
        AlertChange::Raised
        | AlertChange::Forwarded
        | AlertChange::Escalated
        | AlertChange::Revised => format!("{change_name} {:?} {}", alert.level, at.as_millis()),
        AlertChange::Opened
        | AlertChange::Lowered
        | AlertChange::Acknowledged
        | AlertChange::Noted
        | AlertChange::Visited
        | AlertChange::VisitRejected
        | AlertChange::Closed
        | AlertChange::Withdrawn
        | AlertChange::Superseded => change_name.to_owned(),
    }
}

pub(super) fn event(
    alert: &Alert,
    change: AlertChange,
    at: Timestamp,
    from: Option<AlertState>,
) -> AlertEvent {
    AlertEvent {
        alert: alert.clone(),
        change,
        at,
        claimed_at: None,
        by: None,
        note: None,
        from,
        alias: None,
        cause: None,
        visit: None,
        outcome: None,
    }
}

pub(super) fn set_deadline(alert: &Alert) -> Vec<Change> {
    let timer = |due_at| Change::SetTimer(deadline_timer(alert, due_at));
    alert.deadline.map(timer).into_iter().collect()
}

pub(super) fn deadline_timer(alert: &Alert, due_at: Timestamp) -> Timer {
    Timer {
        kind: TimerKind::AckDeadline,
        person: alert.person.clone(),
        alert: alert.key,
        step: alert.step,
        due_at,
    }
}

/// The name of a doctor as those who act are named.
#[must_use]
pub fn actor(doctor: &DoctorId) -> SmolStr {
    doctor.to_smolstr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Attributes, alert_id};

    const NOW: &str = "2026-03-02T03:00:00+08:00";

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn doctor(name: &str, level: CareLevel) -> Doctor {
        Doctor {
            doctor: DoctorId::new(name).unwrap(),
            name: String::new(),
            phone: String::new(),
            level,
            place: String::new(),
            webhook: "http://127.0.0.1:1/".to_owned(),
            webhook_secret: String::new(),
            mqtt: false,
            attributes: Attributes::new(),
        }
    }

    fn team() -> Team {
        let above = vec![doctor("T1", CareLevel::Township), doctor("C1", CareLevel::County)];
        Team::new(Some(doctor("DR1", CareLevel::Village)), above)
    }

    fn ladder() -> Vec<Rung> {
        vec![
            Rung { step: CareLevel::Township, after_minutes: 15 },
            Rung { step: CareLevel::County, after_minutes: 120 },
        ]
    }

    fn opening(level: Level, late: bool, paging: Paging) -> Opening {
        let person = PersonId::new("P1").unwrap();
        Opening {
            key: 1,
            id: alert_id(&person, "bp_emergency", "first"),
            concept: "bp_emergency".into(),
            level,
            person,
            alert_at: at(NOW),
            late,
            reasons: Vec::new(),
            pack: "test 1".into(),
            ladder: if level == Level::Blue { Vec::new() } else { ladder() },
            paging,
        }
    }

    fn pages(step: &Step) -> Vec<(String, Timestamp)> {
        let owed = |change: &Change| {
            if let Change::Owe(owed) = change {
                Some((owed.recipient.to_string(), owed.due_at))
            } else {
                None
            }
        };
        step.changes.iter().filter_map(owed).collect()
    }

    #[track_caller]
    fn check_page(level: Level, late: bool, paging: Paging, expected: Option<&str>) {
        let step = open(opening(level, late, paging), &team(), at(NOW));
        let expected: Vec<_> =
            expected.map(|due| ("DR1".to_owned(), at(due))).into_iter().collect();
        assert_eq!(pages(&step), expected, "{level:?} late={late}");
    }

    #[test]
    fn red_rings_at_night_and_nothing_else_does() {
        let settle = Paging::Settle(Millis::minutes(10));
        check_page(Level::Red, false, Paging::AtOnce, Some(NOW));
        check_page(Level::Red, false, settle, Some("2026-03-02T03:10:00+08:00"));
        check_page(Level::Red, true, Paging::AtOnce, Some("2026-03-02T07:00:00+08:00"));
        check_page(Level::Red, false, Paging::Digest, Some("2026-03-02T07:00:00+08:00"));
        check_page(Level::Orange, false, Paging::AtOnce, Some("2026-03-02T07:00:00+08:00"));
        check_page(Level::Blue, false, Paging::AtOnce, None);
    }

    #[track_caller]
    fn check_calm(now: &str, due_at: &str) {
        let red = open(opening(Level::Red, false, Paging::AtOnce), &team(), at(NOW)).alert;
        let orange = Alert { level: Level::Orange, ..red.clone() };
        let step = revise(&red, orange, AlertChange::Lowered, &team(), at(now));
        let calm = Change::Calm { alert: 1, level: Level::Orange, due_at: at(due_at) };
        assert_eq!(step.changes, [calm], "the township's turn stays where it is");
    }

    #[test]
    fn what_is_lowered_while_its_page_waits_leaves_as_orange_and_not_at_night() {
        check_calm("2026-03-02T09:08:00+08:00", "2026-03-02T09:08:00+08:00");
        check_calm("2026-03-02T03:08:00+08:00", "2026-03-02T07:00:00+08:00");
    }

    #[test]
    fn what_is_learned_a_day_later_or_opens_in_retrospect_runs_by_day() {
        let deadline = |paging, hours| {
            let mut opening = opening(Level::Red, false, paging);
            opening.alert_at = at(NOW).minus(Millis::hours(hours));
            let step = open(opening, &team(), at(NOW));
            (pages(&step)[0].1, step.alert.deadline.unwrap())
        };
        let (now, quarter) = (at(NOW), at("2026-03-02T03:15:00+08:00"));
        let (seven, by_day) = (at("2026-03-02T07:00:00+08:00"), at("2026-03-02T07:15:00+08:00"));
        assert_eq!(deadline(Paging::AtOnce, 0), (now, quarter));
        assert_eq!(deadline(Paging::AtOnce, 24), (now, quarter));
        assert_eq!(deadline(Paging::AtOnce, 25), (seven, by_day));
        assert_eq!(deadline(Paging::Digest, 0), (seven, by_day));
    }

    #[test]
    fn a_late_alert_runs_on_day_hours() {
        let step = open(opening(Level::Orange, true, Paging::AtOnce), &team(), at(NOW));
        assert_eq!(step.alert.deadline, Some(at("2026-03-02T07:15:00+08:00")));
        let step = open(opening(Level::Red, false, Paging::AtOnce), &team(), at(NOW));
        assert_eq!(step.alert.deadline, Some(at("2026-03-02T03:15:00+08:00")));
    }

    #[test]
    fn with_nobody_at_a_step_the_next_one_is_asked_at_once() {
        let above = vec![doctor("C1", CareLevel::County)];
        let step =
            open(opening(Level::Red, false, Paging::AtOnce), &Team::new(None, above), at(NOW));
        assert_eq!(step.alert.owner, Some(DoctorId::new("C1").unwrap()));
        let nobody = open(opening(Level::Red, false, Paging::AtOnce), &Team::default(), at(NOW));
        assert_eq!((nobody.alert.owner, nobody.alert.deadline.is_some()), (None, true));
    }

    #[test]
    fn a_missed_deadline_goes_up_step_by_step_and_stops_at_the_top() {
        let mut alert = open(opening(Level::Red, false, Paging::AtOnce), &team(), at(NOW)).alert;
        for expected in ["T1", "C1"] {
            let step = escalate(&alert, &team(), at(NOW)).unwrap();
            assert_eq!(pages(&step).first().map(|page| page.0.as_str()), Some(expected));
            alert = step.alert;
        }
        assert_eq!(escalate(&alert, &team(), at(NOW)), None);
    }

    #[test]
    fn an_acknowledged_alert_is_not_escalated() {
        let alert = open(opening(Level::Red, false, Paging::AtOnce), &team(), at(NOW)).alert;
        let step = acknowledge(&alert, &"DR1".into(), None, at(NOW));
        assert_eq!(step.alert.state, AlertState::Acknowledged);
        assert!(step.changes.iter().any(|change| matches!(change, Change::ClearTimer(_))));
        assert_eq!(escalate(&step.alert, &team(), at(NOW)), None);
    }

    #[test]
    fn handing_on_makes_the_other_the_owner_with_a_new_deadline() {
        let alert = open(opening(Level::Red, false, Paging::AtOnce), &team(), at(NOW)).alert;
        let step = forward(&alert, None, &"DR1".into(), &team(), at(NOW)).unwrap();
        assert_eq!(step.alert.owner, Some(DoctorId::new("T1").unwrap()));
        assert_eq!(step.alert.deadline, Some(at("2026-03-02T05:00:00+08:00")));
        let nobody = DoctorId::new("X").unwrap();
        assert_eq!(forward(&alert, Some(&nobody), &"DR1".into(), &team(), at(NOW)), None);
    }

    #[test]
    fn an_assistance_office_is_told_of_poverty_alone_and_answers_for_nothing() {
        let office = Doctor {
            attributes: [("office".to_owned(), "yes".to_owned())].into(),
            ..doctor("OFFICE", CareLevel::Township)
        };
        let above = vec![office, doctor("T1", CareLevel::Township)];
        let team = Team::new(Some(doctor("DR1", CareLevel::Village)), above);
        let told = |concept: &str| {
            let opening = Opening {
                concept: concept.into(),
                ..opening(Level::Orange, false, Paging::AtOnce)
            };
            let step = open(opening, &team, at(NOW));
            assert_eq!(step.alert.owner, DoctorId::new("DR1").ok());
            let owed = step.changes.iter().filter_map(|change| {
                let Change::Owe(owed) = change else { return None };
                Some(owed.recipient.to_string())
            });
            owed.collect::<Vec<_>>()
        };
        assert_eq!(told("poverty_relapse_risk"), ["DR1", "OFFICE"]);
        assert_eq!(told("oop_line"), ["DR1", "OFFICE"]);
        assert_eq!(told("bp_grade2"), ["DR1"]);
        assert_eq!(team.after(CareLevel::Village).map(|it| it.doctor.as_str()), Some("T1"));
    }
}
