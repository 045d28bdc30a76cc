//! What was refused, what waits, and what was told of a measurement, a card, a site, a row.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    At, No, Raw, meal,
    reading::{Opener, Taken},
    word,
};
use crate::{
    domain::{
        BenchId, ContentDigest, DeviceId, OpenedBy, PersonId, Reading, Registered, Road, SiteId,
        meal_name,
    },
    store::{
        self, CardScan, Context, Origin, QuarantineReason, Quarantined, Refused, Registration, Told,
    },
};

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
        let reading = it.taken.map(Reading::try_from).transpose()?;
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

#[derive(Serialize, Deserialize)]
pub(super) struct Pack {
    hash: String,
    text: String,
    at: At,
}

impl From<&store::PackInForce> for Pack {
    fn from(it: &store::PackInForce) -> Self {
        Self { hash: it.hash.clone(), text: it.text.clone(), at: it.at.into() }
    }
}

impl TryFrom<Pack> for store::PackInForce {
    type Error = No;

    fn try_from(it: Pack) -> Result<Self, No> {
        // Whose it is, the fact's name says.
        Ok(Self { hash: it.hash, text: it.text, at: it.at.into(), origin: None })
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
