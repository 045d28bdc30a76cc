//! What people said and decided, and what was corrected.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{At, Name, No, reading::Whose, word};
use crate::{
    domain::{
        AlertId, AlertOutcome, Attribution, DoctorId, Grade, Measured, Millis, PersonId, ReadingId,
        Timestamp, Visit,
    },
    store::{AlertChange, CommitSeq, FactId, Retimed, Timing},
    uplink::parcel::{Deed, Moved, SaidClock, SaidDecided, SaidMerged, SaidStep},
};

const NAME: No = "gateway's name";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    Claimed(PersonId),
    Dismissed,
    Undone(Name),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Decision {
    item: Name,
    what: What,
    reason: String,
    by: SmolStr,
    at: At,
}

impl From<&SaidDecided> for Decision {
    fn from(it: &SaidDecided) -> Self {
        Self {
            item: (&it.item).into(),
            what: match &it.deed {
                Deed::Claimed(person) => What::Claimed(person.clone()),
                Deed::Dismissed => What::Dismissed,
                Deed::Undone(decision) => What::Undone(decision.into()),
            },
            reason: it.reason.clone(),
            by: it.by.clone(),
            at: it.at.into(),
        }
    }
}

fn name(name: &Name) -> Result<FactId, No> {
    FactId::try_from(name).map_err(|()| NAME)
}

impl TryFrom<Decision> for SaidDecided {
    type Error = No;

    fn try_from(it: Decision) -> Result<Self, No> {
        let deed = match it.what {
            What::Claimed(person) => Deed::Claimed(person),
            What::Dismissed => Deed::Dismissed,
            What::Undone(decision) => Deed::Undone(name(&decision)?),
        };
        let (item, at) = (name(&it.item)?, it.at.into());
        Ok(Self { item, deed, reason: it.reason, by: it.by, at })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Move {
    reading: ReadingId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Whose>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Whose>,
    at: At,
}

impl From<&Moved> for Move {
    fn from(it: &Moved) -> Self {
        let whose = |of: &Option<Attribution>| of.as_ref().map(Whose::from);
        let (before, after) = (whose(&it.before), whose(&it.after));
        Self { reading: it.reading, before, after, at: it.at.into() }
    }
}

impl TryFrom<Move> for Moved {
    type Error = No;

    fn try_from(it: Move) -> Result<Self, No> {
        let (before, after) = (it.before.map(Into::into), it.after.map(Into::into));
        Ok(Self { reading: it.reading, before, after, at: it.at.into() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Merge {
    person: PersonId,
    survivor: PersonId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undoes: Option<Name>,
    reason: String,
    by: SmolStr,
    at: At,
}

impl From<&SaidMerged> for Merge {
    fn from(it: &SaidMerged) -> Self {
        Self {
            person: it.person.clone(),
            survivor: it.survivor.clone(),
            undoes: it.undoes.as_ref().map(Name::from),
            reason: it.reason.clone(),
            by: it.by.clone(),
            at: it.at.into(),
        }
    }
}

impl TryFrom<Merge> for SaidMerged {
    type Error = No;

    fn try_from(it: Merge) -> Result<Self, No> {
        Ok(Self {
            person: it.person,
            survivor: it.survivor,
            undoes: it.undoes.as_ref().map(name).transpose()?,
            reason: it.reason,
            by: it.by,
            at: it.at.into(),
        })
    }
}

/// When it was measured, its grade, when it came, whether that was late.
#[derive(Serialize, Deserialize)]
struct Times(At, Grade, At, bool);

impl From<Timing> for Times {
    fn from(it: Timing) -> Self {
        Self(it.measured.at.into(), it.measured.grade, it.received_at.into(), it.late)
    }
}

impl From<Times> for Timing {
    fn from(Times(at, grade, received_at, late): Times) -> Self {
        let measured = Measured { at: at.into(), grade };
        Self { measured, received_at: received_at.into(), late }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Retiming {
    reading: ReadingId,
    before: Times,
    after: Times,
    at: At,
}

impl From<&Retimed> for Retiming {
    fn from(it: &Retimed) -> Self {
        let (before, after) = (it.before.into(), it.after.into());
        Self { reading: it.reading, before, after, at: it.at.into() }
    }
}

impl TryFrom<Retiming> for Retimed {
    type Error = No;

    fn try_from(it: Retiming) -> Result<Self, No> {
        let (before, after) = (it.before.into(), it.after.into());
        Ok(Self { reading: it.reading, before, after, at: it.at.into() })
    }
}

/// What people do about alerts.
pub(crate) const STEPS: [AlertChange; 6] = [
    AlertChange::Acknowledged,
    AlertChange::Forwarded,
    AlertChange::Noted,
    AlertChange::Visited,
    AlertChange::VisitRejected,
    AlertChange::Closed,
];

#[derive(Serialize, Deserialize)]
pub(super) struct Clock {
    since: i64,
    by: i64,
    at: At,
}

impl From<&SaidClock> for Clock {
    fn from(it: &SaidClock) -> Self {
        Self { since: it.since.0, by: it.by.0, at: it.at.into() }
    }
}

impl TryFrom<Clock> for SaidClock {
    type Error = No;

    fn try_from(it: Clock) -> Result<Self, No> {
        Ok(Self { since: CommitSeq(it.since), by: Millis(it.by), at: it.at.into() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Step {
    alerts: Vec<AlertId>,
    change: SmolStr,
    at: At,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claimed_at: Option<At>,
    by: SmolStr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<DoctorId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    visit: Option<Box<Visit>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<Box<AlertOutcome>>,
}

impl From<&SaidStep> for Step {
    fn from(it: &SaidStep) -> Self {
        Self {
            alerts: it.alerts.clone(),
            change: SmolStr::new_static(it.change.as_str()),
            at: it.at.into(),
            claimed_at: it.claimed_at.map(At::from),
            by: it.by.clone(),
            note: it.note.clone(),
            owner: it.owner.clone(),
            visit: it.visit.clone(),
            outcome: it.outcome.clone(),
        }
    }
}

impl TryFrom<Step> for SaidStep {
    type Error = No;

    fn try_from(it: Step) -> Result<Self, No> {
        let change = word(&it.change, &STEPS, AlertChange::as_str, "step of a person's")?;
        let of_visit = matches!(change, AlertChange::Visited | AlertChange::VisitRejected);
        if of_visit && it.visit.is_none() {
            return Err("visit");
        }
        if (change == AlertChange::Closed) != it.outcome.is_some() {
            return Err("outcome");
        }
        Ok(Self {
            alerts: it.alerts,
            change,
            at: it.at.into(),
            claimed_at: it.claimed_at.map(Timestamp::from),
            by: it.by,
            note: it.note,
            owner: it.owner,
            visit: it.visit,
            outcome: it.outcome,
        })
    }
}
