//! Everything that is neither a reading nor an event of a person.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    At, Name, No, Raw, meal,
    reading::{Opener, Taken, Whose},
    word,
};
use crate::{
    domain::{
        AlertId, AlertOutcome, Attribution, BenchId, ContentDigest, DeviceId, DoctorId, Grade,
        Measured, OpenedBy, PersonId, ReadingId, Registered, Road, SiteId, Timestamp, Visit,
        meal_name,
    },
    store::{
        self, AlertChange, CardScan, Context, FactId, Origin, QuarantineReason, Quarantined,
        Refused, Registration, Retimed, Timing, Told,
    },
    uplink::parcel::{Deed, Moved, SaidDecided, SaidMerged, SaidStep},
};

const NAME: No = "gateway's name";

/// Where bytes came from.
#[derive(Serialize, Deserialize)]
struct Source {
    road: Road,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    site: Option<SiteId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<SmolStr>,
}

impl From<&Origin> for Source {
    fn from(it: &Origin) -> Self {
        Self { road: it.road, site: it.site.clone(), device: it.device.clone() }
    }
}

impl From<Source> for Origin {
    fn from(it: Source) -> Self {
        Self { road: it.road, site: it.site, device: it.device }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Bytes {
    reason: String,
    raw: Raw,
    from: Source,
    received_at: At,
}

impl From<&Refused> for Bytes {
    fn from(it: &Refused) -> Self {
        Self {
            reason: it.reason.clone(),
            raw: Raw(it.raw.clone()),
            from: (&it.origin).into(),
            received_at: it.received_at.into(),
        }
    }
}

impl TryFrom<Bytes> for Refused {
    type Error = No;

    fn try_from(it: Bytes) -> Result<Self, No> {
        let (origin, received_at) = (it.from.into(), it.received_at.into());
        Ok(Self { reason: it.reason, raw: it.raw.0, origin, received_at })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Item {
    reason: SmolStr,
    detail: String,
    raw: Raw,
    from: Source,
    received_at: At,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taken: Option<Taken>,
    content: ContentDigest,
}

impl From<&Quarantined> for Item {
    fn from(it: &Quarantined) -> Self {
        Self {
            reason: SmolStr::new_static(it.reason.as_str()),
            detail: it.detail.clone(),
            raw: Raw(it.raw.clone()),
            from: (&it.origin).into(),
            received_at: it.received_at.into(),
            taken: it.reading.as_deref().map(Taken::from),
            content: it.content,
        }
    }
}

impl TryFrom<Item> for Quarantined {
    type Error = No;

    fn try_from(it: Item) -> Result<Self, No> {
        let reason =
            word(&it.reason, &QuarantineReason::ALL, QuarantineReason::as_str, "reason to wait")?;
        let reading = it.taken.map(crate::domain::Reading::try_from).transpose()?;
        Ok(Self {
            reason,
            detail: it.detail,
            raw: it.raw.0,
            origin: it.from.into(),
            received_at: it.received_at.into(),
            reading: reading.map(Box::new),
            content: it.content,
        })
    }
}

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

#[derive(Serialize, Deserialize)]
pub(super) struct Circumstances {
    device: DeviceId,
    site: SiteId,
    road: Road,
    number: u64,
    meal: SmolStr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes: Option<String>,
    raw: Raw,
    content: ContentDigest,
    received_at: At,
}

impl From<&Context> for Circumstances {
    fn from(it: &Context) -> Self {
        Self {
            device: it.device.clone(),
            site: it.site.clone(),
            road: it.road,
            number: it.number,
            meal: SmolStr::new_static(meal_name(it.told.meal)),
            attributes: it.told.attributes.clone(),
            raw: Raw(it.raw.clone()),
            content: it.content,
            received_at: it.received_at.into(),
        }
    }
}

impl TryFrom<Circumstances> for Context {
    type Error = No;

    fn try_from(it: Circumstances) -> Result<Self, No> {
        Ok(Self {
            told: Told { meal: meal(&it.meal)?, attributes: it.attributes },
            device: it.device,
            site: it.site,
            road: it.road,
            number: it.number,
            raw: it.raw.0,
            content: it.content,
            received_at: it.received_at.into(),
            reading: None,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Card {
    site: SiteId,
    bench: BenchId,
    card: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<PersonId>,
    at: At,
    received_at: At,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    out: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opened_by: Option<Opener>,
}

impl From<&CardScan> for Card {
    fn from(it: &CardScan) -> Self {
        Self {
            site: it.site.clone(),
            bench: it.bench.clone(),
            card: it.card.clone(),
            person: it.person.clone(),
            at: it.at.into(),
            received_at: it.received_at.into(),
            out: it.out,
            opened_by: Opener::of(&it.opened_by),
        }
    }
}

impl TryFrom<Card> for CardScan {
    type Error = No;

    fn try_from(it: Card) -> Result<Self, No> {
        Ok(Self {
            site: it.site,
            bench: it.bench,
            card: it.card,
            person: it.person,
            at: it.at.into(),
            received_at: it.received_at.into(),
            out: it.out,
            opened_by: it.opened_by.map_or(OpenedBy::Reader(None), OpenedBy::from),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Presence {
    site: SiteId,
    online: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    at: At,
}

impl From<&store::Presence> for Presence {
    fn from(it: &store::Presence) -> Self {
        let (site, detail) = (it.site.clone(), it.detail.clone());
        Self { site, online: it.online, detail, at: it.at.into() }
    }
}

impl TryFrom<Presence> for store::Presence {
    type Error = No;

    fn try_from(it: Presence) -> Result<Self, No> {
        Ok(Self { site: it.site, online: it.online, detail: it.detail, at: it.at.into() })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    row: Registered,
    author: SmolStr,
    at: At,
}

impl From<&Registration> for Row {
    fn from(it: &Registration) -> Self {
        Self { row: it.row.clone(), author: it.author.clone(), at: it.at.into() }
    }
}

impl TryFrom<Row> for Registration {
    type Error = No;

    fn try_from(it: Row) -> Result<Self, No> {
        if !travels(&it.row) {
            return Err("row that one gateway may tell another");
        }
        Ok(Self { row: it.row, author: it.author, at: it.at.into() })
    }
}

/// Rows that are made where people are measured. Who treats, who is on duty, what places there are
/// and which gateways are trusted, comes from above as a roster, or is entered at each gateway.
pub(crate) fn travels(row: &Registered) -> bool {
    matches!(
        row,
        Registered::Person(_)
            | Registered::Household(_)
            | Registered::Card(_)
            | Registered::Device(_)
            | Registered::Plan(_)
            | Registered::Bench(_)
            | Registered::Pairing(_)
    )
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
