//! Facts of the log become events.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tracing::error;

use super::reach::Subject;
use crate::{
    domain::{PersonId, SiteId},
    serve::{
        caller::Caller,
        describe::{self, Describer},
        refusal::Refusal,
        scope::View,
        shared::Shared,
        wire,
    },
    store::{
        AlertChange, AlertEvent, CommitSeq, Fact, Presence, StoreError, StoredReading,
        view::{FeedEntry, Scope},
    },
};

/// The name of the event that rings at a bench.
pub(super) const RING: &str = "ring";

/// One event, ready for whoever may see it.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Its position.
    pub(super) seq: CommitSeq,
    /// What it says.
    pub(super) kind: Kind,
}

/// What an event says, and of whom.
#[derive(Debug)]
pub(super) enum Kind {
    Reading {
        person: Option<PersonId>,
        site: SiteId,
        json: Arc<RawValue>,
    },
    Alert {
        of: Subject,
        full: Arc<RawValue>,
        households: Arc<RawValue>,
        codes: Arc<RawValue>,
    },
    Presence {
        site: SiteId,
        json: Arc<RawValue>,
    },
    /// An emergency at a bench with staff.
    Ring {
        site: SiteId,
        json: Arc<RawValue>,
    },
    /// Something waits in quarantine; how many is counted with the board.
    Quarantine,
    /// Assignments may have changed: no event, but nothing known about reach holds any more.
    Registry,
}

#[derive(Serialize)]
struct ReadingEvent {
    reading: wire::Reading,
}

#[derive(Serialize)]
struct AlertChanged {
    alert: wire::Alert,
    change: &'static str,
}

#[derive(Serialize)]
struct PresenceEvent {
    site: String,
    state: &'static str,
    last_seen: String,
}

/// Reads and prepares facts after a position: the events, the position read to, whether there is
/// more.
pub(super) async fn read(
    shared: &Arc<Shared>,
    after: CommitSeq,
    limit: usize,
) -> Result<(Vec<Prepared>, CommitSeq, bool), Refusal> {
    shared
        .ask(move |shared| {
            let entries = shared.reader.feed(after, limit)?;
            let to = entries.last().map_or(after, |entry| entry.seq);
            let full = entries.len() >= limit;
            let mut describer = Describer::new(shared);
            let mut events = Vec::new();
            for entry in &entries {
                events.extend(ring(&describer, entry)?);
                events.extend(prepare(&mut describer, entry)?);
            }
            Ok((events, to, full))
        })
        .await
}

fn prepare(
    describer: &mut Describer<'_>,
    entry: &FeedEntry,
) -> Result<Option<Prepared>, StoreError> {
    let kind = match &entry.fact {
        Fact::Reading(stored) => of_reading(describer, entry.seq, stored)?,
        Fact::Alert(event) => of_alert(describer, entry.seq, event)?,
        Fact::Presence(presence) => of_presence(presence),
        Fact::Quarantined(_) | Fact::Decided(_) => Some(Kind::Quarantine),
        // A joined one is told with its reading, where that is asked for.
        Fact::Context(context) => context.reading.is_none().then_some(Kind::Quarantine),
        Fact::Registration(_) => Some(Kind::Registry),
        Fact::Refused(_)
        | Fact::CardScan(_)
        | Fact::Pack(_)
        | Fact::Attributed(_)
        | Fact::Merged(_)
        | Fact::Retimed(_)
        | Fact::Clock(_)
        | Fact::Event(_)
        | Fact::Crossing(_)
        | Fact::Attempt(_) => None,
    };
    Ok(kind.map(|kind| Prepared { seq: entry.seq, kind }))
}

/// What rings at a bench for an alert that opens or rises. It comes before the alert's own event and
/// shares its position.
fn ring(describer: &Describer<'_>, entry: &FeedEntry) -> Result<Option<Prepared>, StoreError> {
    let Fact::Alert(event) = &entry.fact else { return Ok(None) };
    if !matches!(event.change, AlertChange::Opened | AlertChange::Raised) {
        return Ok(None);
    }
    let Some((site, ring)) = describer.ring(&event.alert)? else { return Ok(None) };
    let kind = json(&ring).map(|json| Kind::Ring { site, json });
    Ok(kind.map(|kind| Prepared { seq: entry.seq, kind }))
}

fn of_reading(
    describer: &Describer<'_>,
    seq: CommitSeq,
    stored: &StoredReading,
) -> Result<Option<Kind>, StoreError> {
    let Some(json) = json(&ReadingEvent { reading: describe::reading(seq, stored) }) else {
        return Ok(None);
    };
    // Shown to those who see whom it counts as.
    let person = match stored.attribution.as_ref().map(|of| &of.person) {
        Some(file) => Some(describer.reader().survivor(file)?.unwrap_or_else(|| file.clone())),
        None => None,
    };
    Ok(Some(Kind::Reading { person, site: stored.reading.site.clone(), json }))
}

fn of_alert(
    describer: &mut Describer<'_>,
    seq: CommitSeq,
    event: &AlertEvent,
) -> Result<Option<Kind>, StoreError> {
    let change = event.change.as_str();
    let steps = [(seq, event.clone())];
    let full = AlertChanged { alert: describer.alert_with(&event.alert, &steps)?, change };
    let codes = AlertChanged { alert: describer.public_alert(&event.alert, &steps)?, change };
    let alert = describer.household_alert_with(&event.alert, &steps)?;
    let households = AlertChanged { alert, change };
    let of = subject(describer, &event.alert.person)?;
    let all = json(&full).zip(json(&households)).zip(json(&codes));
    Ok(all.map(|((full, households), codes)| Kind::Alert { of, full, households, codes }))
}

/// Of whom an alert speaks: of a person, of the site of a reading that is nobody's, or of a silent site.
fn subject(describer: &Describer<'_>, person: &PersonId) -> Result<Subject, StoreError> {
    if let Some(Ok(site)) = person.silent_site().map(str::parse) {
        return Ok(Subject::Site(site));
    }
    let Some(id) = person.nobodys_reading() else { return Ok(Subject::Person(person.clone())) };
    let found = describer.reader().reading(&Scope::Everything, &id)?;
    Ok(match found {
        Some((_, stored)) => Subject::Site(stored.reading.site),
        None => Subject::Person(person.clone()),
    })
}

fn of_presence(presence: &Presence) -> Option<Kind> {
    let json = json(&PresenceEvent {
        site: presence.site.to_string(),
        state: if presence.online { "online" } else { "offline" },
        last_seen: presence.at.to_string(),
    })?;
    Some(Kind::Presence { site: presence.site.clone(), json })
}

/// An event that cannot be written is logged and left out; viewers see it in the next snapshot.
fn json(event: &impl Serialize) -> Option<Arc<RawValue>> {
    to_raw_value(event)
        .inspect_err(|error| error!(%error, "an event cannot be written as JSON"))
        .ok()
        .map(Arc::from)
}

/// The event's name and data for one caller, or `None` where it is not for them.
pub(super) async fn for_caller(
    shared: &Arc<Shared>,
    caller: &Caller,
    event: &Prepared,
) -> Result<Option<(&'static str, Arc<RawValue>)>, Refusal> {
    let view = caller.reach.view;
    let (name, scope, subject, json) = match &event.kind {
        Kind::Reading { person, site, json } if view == View::Full => {
            let of = person.clone().map_or(Subject::Site(site.clone()), Subject::Person);
            ("reading", &caller.reach.people, of, json)
        }
        Kind::Alert { of, full, households, codes } if view != View::Counts => {
            let json = match view {
                View::Full => full,
                View::Households => households,
                View::Codes | View::Counts => codes,
            };
            ("alert", &caller.reach.board, of.clone(), json)
        }
        Kind::Ring { site, json } if view == View::Full => {
            (RING, &caller.reach.people, Subject::Site(site.clone()), json)
        }
        Kind::Presence { site, json } => {
            ("presence", &caller.reach.board, Subject::Site(site.clone()), json)
        }
        Kind::Reading { .. }
        | Kind::Alert { .. }
        | Kind::Ring { .. }
        | Kind::Quarantine
        | Kind::Registry => return Ok(None),
    };
    let reached = shared.live.reached.ask(shared, scope, subject).await?;
    Ok(reached.then(|| (name, Arc::clone(json))))
}

/// Events after a position for one caller, and the position read to.
pub(in crate::serve) async fn since(
    shared: &Arc<Shared>,
    caller: &Caller,
    after: CommitSeq,
    limit: usize,
) -> Result<wire::Events, Refusal> {
    let (events, to, more) = read(shared, after, limit).await?;
    let mut items = Vec::new();
    for event in &events {
        if let Some((event_name, data)) = for_caller(shared, caller, event).await? {
            items.push(wire::LiveEvent { id: event.seq.0, event: event_name, data });
        }
    }
    Ok(wire::Events { items, next: more.then(|| to.0.to_string()), cursor: to.0 })
}
