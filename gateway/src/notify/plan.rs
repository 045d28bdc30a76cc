//! Which message a recipient gets next, decided from the store right before it is sent.
//!
//! A row whose alert was acknowledged or ended meanwhile is dropped here, so nobody is called for
//! what a colleague has taken; one whose alert was lowered tells of what it is now. Rows about one person share a message; whatever was
//! learned late shares one digest, whomever it is about; when the recipient's pace is nearly used up,
//! everything that is not red shares one.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::{
    post::Envelope,
    sign::{Secret, SecretError},
    text::{Kind, Links, ThirdPartyText},
};
use crate::{
    care::runs_by_day,
    domain::{Consent, DoctorId, Level, NotificationKey, PersonId, Registered, Timestamp, Use},
    store::{
        AlertChange, Owed, Reader, RegistryKey, StoreError,
        view::{AlertHistory, Scope},
    },
};

/// What the writing of a message needs beside the rows.
#[derive(Debug, Clone)]
pub struct Wording {
    /// Makes the links.
    pub links: Links,
    /// First letters of case codes.
    pub case_prefix: SmolStr,
    /// Silence is no consent.
    pub consent_required: bool,
}

/// A recipient's turn.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    /// Who.
    pub(super) recipient: DoctorId,
    /// Their due rows, in the order in which they came due.
    pub(super) rows: Vec<Owed>,
    /// Whether all that is not red should share one message.
    pub(super) scarce: bool,
    /// When.
    pub(super) now: Timestamp,
}

/// A message and the rows that it settles.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The rows, in order.
    pub(super) rows: Vec<Owed>,
    /// What is sent.
    pub(super) envelope: Envelope,
    /// Whether any of it is red.
    pub(super) red: bool,
}

impl Message {
    /// The rows' alerts, by this gateway's numbers, each once.
    #[must_use]
    pub(super) fn alerts(&self) -> Vec<i64> {
        distinct(self.rows.iter().map(|row| row.alert))
    }

    /// Attempts that its rows have behind them.
    #[must_use]
    pub(super) fn attempts(&self) -> u32 {
        self.rows.iter().map(|row| row.attempts).max().unwrap_or(0)
    }

    /// When retries have lost their sense for every row.
    #[must_use]
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let all = self.rows.iter().map(|row| row.deadline).collect::<Option<Vec<_>>>()?;
        all.into_iter().max()
    }
}

/// What a turn comes to.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The next message, if any row still needs one.
    pub(super) message: Option<Message>,
    /// Rows that nobody needs any more.
    pub(super) dropped: Vec<Owed>,
    /// Rows that cannot be sent, and why: the operator hears of each.
    pub(super) dead: Vec<(Owed, String)>,
}

/// Reads the store and decides. Blocks.
///
/// # Errors
/// Any error of the store.
pub(super) fn plan(reader: &dyn Reader, wording: &Wording, turn: Turn) -> Result<Plan, StoreError> {
    let mut plan = Plan::default();
    let mut needed: Vec<Needed> = Vec::new();
    for row in turn.rows {
        match reader.alert(&Scope::Everything, &row.alert_id)? {
            None => plan.dead.push((row, "the store has no such alert".to_owned())),
            Some(alert) if !is_needed(row.change, &alert) => plan.dropped.push(row),
            Some(_) if is_too_late(&row, turn.now) => {
                let last = row.last_error.clone().unwrap_or_default();
                plan.dead.push((row, format!("the deadline passed; last: {last}")));
            }
            Some(alert) if !agreed(reader, wording, &alert.alert.person, turn.now)? => {
                plan.dead.push((row, WITHHELD.to_owned()));
            }
            Some(alert) => needed.push(Needed::of(row, &alert)),
        }
    }
    let Some(group) = next_group(needed, turn.scarce) else {
        return Ok(plan);
    };
    let key = RegistryKey::Doctor(turn.recipient.clone());
    let found = reader.registered(&Scope::Everything, &key)?;
    match address(found) {
        Ok((url, secret)) => {
            plan.message = write(wording, &turn.recipient, group, (url, secret));
        }
        Err(why) => {
            plan.dead.extend(group.rows.into_iter().map(|row| (row, why.clone())));
        }
    }
    Ok(plan)
}

/// Why a message stays here.
const WITHHELD: &str = "withheld: the person did not agree that messages leave";

/// Whether the person agreed that a message about them leaves through somebody else's hands. Asked
/// right before it is sent, so that taking it back counts at once. Their alert stays on every screen,
/// with its deadline and its next step. Whoever is nobody yet cannot have refused.
fn agreed(
    reader: &dyn Reader,
    wording: &Wording,
    person: &PersonId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let key = RegistryKey::Person(person.clone());
    let row = reader.registered(&Scope::Everything, &key)?;
    let Some(Registered::Person(row)) = row else { return Ok(true) };
    Ok(Consent::of(&row.consent, Use::Messages, now).allows(wording.consent_required))
}

/// Whether somebody still has to be told of a change.
pub(super) fn is_needed(change: AlertChange, history: &AlertHistory) -> bool {
    let calls = matches!(
        change,
        AlertChange::Opened
            | AlertChange::Raised
            | AlertChange::Escalated
            | AlertChange::Forwarded
            | AlertChange::Revised
            | AlertChange::Lowered
    );
    if !calls {
        return true;
    }
    let events = &history.events;
    let told = events.iter().rposition(|(_, event)| event.change == change).unwrap_or(0);
    let answers = |event| matches!(event, AlertChange::Acknowledged | AlertChange::Visited);
    history.alert.state.is_live()
        && !events.iter().skip(told).any(|(_, event)| answers(event.change))
}

/// A row as its message must tell it: a red that was lowered meanwhile calls nobody as red.
fn as_it_stands(row: Owed, history: &AlertHistory) -> Owed {
    Owed { level: row.level.min(history.alert.level), ..row }
}

/// A message that was never tried goes out even after its deadline; a retry does not.
fn is_too_late(row: &Owed, now: Timestamp) -> bool {
    row.attempts > 0 && row.deadline.is_some_and(|deadline| deadline <= now)
}

/// A row that somebody has to be told of.
pub(super) struct Needed {
    row: Owed,
    person: PersonId,
    /// Its alert's clocks run in day hours: it came late, and a van brings many of them at once.
    late: bool,
}

impl Needed {
    pub(super) fn of(row: Owed, history: &AlertHistory) -> Self {
        let person = history.alert.person.clone();
        Self { row: as_it_stands(row, history), person, late: runs_by_day(&history.alert) }
    }
}

pub(super) struct Group {
    pub(super) rows: Vec<Owed>,
    pub(super) people: usize,
}

/// The rows of the next message: red before others, then as they came due. Rows that failed
/// together stay together, so that a repeated message is the same message.
pub(super) fn next_group(needed: Vec<Needed>, scarce: bool) -> Option<Group> {
    #[derive(PartialEq, Eq, PartialOrd, Ord, Clone)]
    enum Shared {
        Person(PersonId),
        Late,
        Rest,
        Failed(Timestamp, u32),
    }
    let reds: Vec<PersonId> = needed
        .iter()
        .filter(|it| it.row.level == Level::Red && it.row.attempts == 0)
        .map(|it| it.person.clone())
        .collect();
    let shared = |Needed { row, person, late }: &Needed| {
        if row.attempts > 0 {
            Shared::Failed(row.due_at, row.attempts)
        } else if *late {
            Shared::Late
        } else if scarce && !reds.contains(person) {
            Shared::Rest
        } else {
            Shared::Person(person.clone())
        }
    };
    let mut groups: BTreeMap<Shared, Vec<Needed>> = BTreeMap::new();
    for it in needed {
        groups.entry(shared(&it)).or_default().push(it);
    }
    let rank = |rows: &Vec<Needed>| {
        let gravest = rows.iter().any(|it| it.row.level == Level::Red);
        (!gravest, rows.iter().map(|it| (it.row.due_at, it.row.key)).min())
    };
    let group = groups.into_values().min_by_key(rank)?;
    let people = distinct(group.iter().map(|it| it.person.clone())).len();
    Some(Group { rows: group.into_iter().map(|it| it.row).collect(), people })
}

fn address(found: Option<Registered>) -> Result<(String, Option<Secret>), String> {
    let Some(Registered::Doctor(doctor)) = found else {
        return Err("the registry has no such doctor".to_owned());
    };
    if doctor.webhook.is_empty() {
        return Err("the registry has no webhook for this doctor".to_owned());
    }
    match Secret::parse(&doctor.webhook_secret) {
        Ok(secret) => Ok((doctor.webhook, Some(secret))),
        // Better unsigned than unsent: it holds nothing personal.
        Err(SecretError::Empty) => Ok((doctor.webhook, None)),
        Err(error) => Err(error.to_string()),
    }
}

fn write(
    wording: &Wording,
    recipient: &DoctorId,
    group: Group,
    (url, secret): (String, Option<Secret>),
) -> Option<Message> {
    let first = group.rows.iter().enumerate().max_by_key(|(at, row)| (row.level, *at))?.1;
    let others = group.rows.iter().map(|row| row.alert_id);
    let alerts = distinct(std::iter::once(first.alert_id).chain(others));
    let digest = group.people > 1;
    let text = ThirdPartyText {
        kind: if digest { Kind::Digest } else { Kind::Alert },
        alert: first.alert_id,
        case_prefix: wording.case_prefix.clone(),
        level: first.level,
        change: first.change,
        deadline: group.rows.iter().filter_map(|row| row.deadline).min(),
        link: if digest {
            wording.links.to_inbox()
        } else {
            wording.links.to_alert(&first.alert_id, recipient)
        },
        alerts,
    };
    let envelope = Envelope { url, id: message_id(&group.rows), secret, body: text.body() };
    let red = first.level == Level::Red;
    Some(Message { rows: group.rows, envelope, red })
}

/// `webhook-id`: the notification key, or for a message of several rows a hash of their keys. A
/// message with one more row is another message, so that a receiver which drops repeats cannot
/// drop news.
fn message_id(rows: &[Owed]) -> String {
    if let [row] = rows {
        return row.key.to_string();
    }
    let mut keys: Vec<NotificationKey> = rows.iter().map(|row| row.key).collect();
    keys.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for key in keys {
        hasher.update(key.as_bytes());
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    NotificationKey::from_bytes(bytes).to_string()
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.fold(Vec::new(), |mut seen, item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
        seen
    })
}
