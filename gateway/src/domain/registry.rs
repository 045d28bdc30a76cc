//! People, households, doctors, devices, sites and cards, as the registry states them.
//!
//! Every row is a dated, authored fact: a later row about the same name supersedes the earlier one
//! and never overwrites it (DESIGN section 2). Columns that we do not know are kept as attributes.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    Assigned, Bench, BenchId, CareLevel, DeviceId, DoctorId, Duty, HouseholdId, Neighbour, Pairing,
    PersonId, Place, Plan, SiteId, TeamOf, Timestamp,
};

/// Columns of a file that have no meaning to us, kept as they came.
pub type Attributes = BTreeMap<String, String>;

/// An item that holds within a span of days, both included; open where a date is absent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated {
    /// The code, as `htn` or `C2`.
    pub code: SmolStr,
    /// First day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Last day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Why, where that is known: a cause of poverty, for a cohort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<SmolStr>,
}

impl Dated {
    /// Whether the item holds at an instant, by the calendar of China.
    #[must_use]
    pub fn holds_at(&self, at: Timestamp) -> bool {
        at.to_shanghai().is_some_and(|local| {
            let day = local.date();
            self.from.is_none_or(|from| from <= day) && self.until.is_none_or(|until| day <= until)
        })
    }
}

/// Sex as registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// 男
    Male,
    /// 女
    Female,
}

/// A person who may be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The registry's name for the person.
    pub person: PersonId,
    /// What people call them.
    #[serde(default)]
    pub name: String,
    /// As registered.
    #[serde(default)]
    pub sex: Option<Sex>,
    /// As registered.
    #[serde(default)]
    pub birth_date: Option<Date>,
    /// Resident identity number; its check is [`super::IdNumber`]'s.
    #[serde(default)]
    pub id_number: String,
    /// Card numbers that open a bench session for this person.
    #[serde(default)]
    pub cards: Vec<String>,
    /// Telephone.
    #[serde(default)]
    pub phone: String,
    /// What the person agreed to, as written.
    #[serde(default)]
    pub consent: String,
    /// The household the person lives in.
    #[serde(default)]
    pub household: Option<HouseholdId>,
    /// The village, where the household does not say.
    #[serde(default)]
    pub village: String,
    /// `htn`, `dm`.
    #[serde(default)]
    pub diagnoses: Vec<Dated>,
    /// `antihypertensive`, `insulin`, `sulphonylurea`, `glucose_lowering`.
    #[serde(default)]
    pub medicines: Vec<Dated>,
    /// `C1`, `C2`, `C3`, or class names that the pack maps to them.
    #[serde(default)]
    pub cohorts: Vec<Dated>,
    /// Spans of pregnancy; the code is `pregnant` or `lactating`.
    #[serde(default)]
    pub pregnant: Vec<Dated>,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

/// People under one contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Household {
    /// The registry's name for it.
    pub household: HouseholdId,
    /// Where it lives.
    #[serde(default)]
    pub village: String,
    /// The doctor who signed for it, from when the row was entered.
    #[serde(default)]
    pub doctor: Option<DoctorId>,
    /// The doctors who signed for it, each for a span of time; instead of the above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<Assigned>,
    /// Cause of poverty: `illness`, `disability`, `education`, `labour`, `funds`.
    #[serde(default)]
    pub cause: String,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

/// A doctor and how to reach them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doctor {
    /// The registry's name for the doctor.
    pub doctor: DoctorId,
    /// What people call them.
    #[serde(default)]
    pub name: String,
    /// Telephone.
    #[serde(default)]
    pub phone: String,
    /// Which step of the care chain.
    pub level: CareLevel,
    /// The place they answer for: a village, a township, a county, a city.
    #[serde(default)]
    pub place: String,
    /// Where alerts are posted, as Standard Webhooks.
    #[serde(default)]
    pub webhook: String,
    /// The webhook's signing secret, `whsec_` and base64, or any text.
    #[serde(default)]
    pub webhook_secret: String,
    /// Whether alerts are also published to `xz/1/doctor/{id}/alert`.
    #[serde(default)]
    pub mqtt: bool,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

impl Doctor {
    /// The row is an assistance office's (健康帮扶办公室): its column `office` says yes. It is told of
    /// PR-1 and PR-2 by code, level and link, answers for no alert and takes none.
    #[must_use]
    pub fn is_office(&self) -> bool {
        self.attributes.get("office").is_some_and(|it| matches!(it.as_str(), "yes" | "true" | "1"))
    }
}

/// A cuff, a meter, or a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The registry's name for it.
    pub device: DeviceId,
    /// Selects among the meanings of its frames, where its format needs that.
    #[serde(default)]
    pub model: String,
    /// Where it stands.
    #[serde(default)]
    pub site: Option<SiteId>,
    /// The bench it stands at, if it is shared there.
    #[serde(default)]
    pub bench: Option<BenchId>,
    /// The person it belongs to, if it is not shared.
    #[serde(default)]
    pub owner: Option<PersonId>,
    /// The present life of its counter, for a device that states none itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// People by the user slot under which the device keeps their values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slots: Vec<(u8, PersonId)>,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

/// What kind of place a site is; decides the default setting of its readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteRole {
    /// A cloud-patrol van.
    Van,
    /// A village clinic.
    Clinic,
    /// A township health centre.
    Township,
    /// A home.
    Home,
}

/// A van, a clinic, a township centre, a home.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// The registry's name for it.
    pub site: SiteId,
    /// What kind of place.
    pub kind: SiteRole,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// The village it serves, for a clinic.
    #[serde(default)]
    pub village: String,
    /// The township it belongs to.
    #[serde(default)]
    pub township: String,
    /// Latitude in degrees, WGS-84, as written.
    #[serde(default)]
    pub lat: String,
    /// Longitude in degrees, WGS-84, as written.
    #[serde(default)]
    pub lon: String,
    /// Minutes after which a card's session at a bench of this site ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_minutes: Option<u16>,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

/// A card that opens a bench session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The number on it.
    pub card: String,
    /// Whose it is.
    pub person: PersonId,
}

/// One row of the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "row", rename_all = "snake_case")]
pub enum Registered {
    /// A person.
    Person(Person),
    /// A household.
    Household(Household),
    /// A doctor.
    Doctor(Doctor),
    /// A device.
    Device(Device),
    /// A site.
    Site(Site),
    /// A card.
    Card(Card),
    /// A person's own plan.
    Plan(Plan),
    /// A place of the tree.
    Place(Place),
    /// A bench.
    Bench(Bench),
    /// A team.
    Team(TeamOf),
    /// A turn of duty.
    Duty(Duty),
    /// Two facilities that work together.
    Pairing(Pairing),
    /// A gateway below this one.
    Box(Neighbour),
}

impl Registered {
    /// Every kind, by name.
    pub const KINDS: [&'static str; 13] = [
        "person",
        "household",
        "doctor",
        "device",
        "site",
        "card",
        "plan",
        "place",
        "bench",
        "team",
        "duty",
        "pairing",
        "box",
    ];

    /// The kind's name.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Household(_) => "household",
            Self::Doctor(_) => "doctor",
            Self::Device(_) => "device",
            Self::Site(_) => "site",
            Self::Card(_) => "card",
            Self::Plan(_) => "plan",
            Self::Place(_) => "place",
            Self::Bench(_) => "bench",
            Self::Team(_) => "team",
            Self::Duty(_) => "duty",
            Self::Pairing(_) => "pairing",
            Self::Box(_) => "box",
        }
    }

    /// What a later row of the kind must be called to supersede this one.
    #[must_use]
    pub fn name(&self) -> SmolStr {
        match self {
            Self::Person(row) => row.person.as_str().into(),
            Self::Household(row) => row.household.as_str().into(),
            Self::Doctor(row) => row.doctor.as_str().into(),
            Self::Device(row) => row.device.as_str().into(),
            Self::Site(row) => row.site.as_str().into(),
            Self::Card(row) => row.card.as_str().into(),
            Self::Plan(row) => row.person.as_str().into(),
            Self::Place(row) => row.place.as_str().into(),
            // Ids hold no slash.
            Self::Bench(row) => smol_str::format_smolstr!("{}/{}", row.site, row.bench),
            Self::Team(row) => row.team.clone(),
            // The beginning first: it holds no space, a place's name may.
            Self::Duty(row) => match row.span.from {
                Some(from) => smol_str::format_smolstr!("{from} {}", row.site_or_place),
                None => smol_str::format_smolstr!("ever {}", row.site_or_place),
            },
            Self::Box(row) => row.name.as_str().into(),
            Self::Pairing(row) => {
                let Pairing { facility, partner, kind, .. } = row;
                smol_str::format_smolstr!("{facility}|{partner}|{kind}")
            }
        }
    }
}
