//! Places, benches, teams, duty and paired facilities, as the registry states them.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Attributes, BenchId, CareLevel, DoctorId, SiteId, Span, Timestamp};

/// What kind of place: each kind contains the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    /// 村
    Village,
    /// 乡镇
    Township,
    /// 县区
    County,
    /// 市
    City,
}

impl PlaceKind {
    /// Every kind, for decoding and for help texts.
    pub const ALL: [Self; 4] = [Self::Village, Self::Township, Self::County, Self::City];

    /// The kind's name in files and on disk.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Village => "village",
            Self::Township => "township",
            Self::County => "county",
            Self::City => "city",
        }
    }
}

/// A place of the tree: village, township, county, city.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What households, sites and doctors call it.
    pub place: String,
    /// What kind of place.
    pub kind: PlaceKind,
    /// What people call it, where that is another word.
    #[serde(default)]
    pub name: String,
    /// The place that contains it; none where it is the uppermost.
    #[serde(default)]
    pub parent: String,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

impl Place {
    /// The column that says with which six digits the identity numbers of a county's people begin
    /// (GB/T 2260); several, where it had others before, stand apart by a blank or a comma.
    pub const AREA_CODE: &str = "area_code";

    /// The area codes of a county as written; none of any other place.
    pub fn area_codes(&self) -> impl Iterator<Item = &str> {
        let said = self.attributes.get(Self::AREA_CODE).filter(|_| self.kind == PlaceKind::County);
        let parts = said.into_iter().flat_map(|said| said.split([' ', ',']));
        parts.filter(|part| !part.is_empty())
    }
}

/// A bench at a site, where shared devices stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bench {
    /// The site's name for it.
    pub bench: BenchId,
    /// Where it stands.
    pub site: SiteId,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

/// A team of a place (1+3: village doctor, township, county, city): who is asked there, in order. A
/// step that it does not name is asked of the doctors of that level and place, as without a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamOf {
    /// The registry's name for it.
    pub team: SmolStr,
    /// The village, township, county or city that it serves; the nearest one's team is asked.
    pub place: String,
    /// Asked where no doctor has signed for the household.
    #[serde(default)]
    pub village_doctor: Option<DoctorId>,
    /// The township's lead.
    #[serde(default)]
    pub township: Option<DoctorId>,
    /// The county's specialist.
    #[serde(default)]
    pub county: Option<DoctorId>,
    /// The city's hospital.
    #[serde(default)]
    pub city: Option<DoctorId>,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

impl TeamOf {
    /// Its members with their steps, in the order in which they are asked.
    pub fn members(&self) -> impl Iterator<Item = (CareLevel, &'static str, &DoctorId)> {
        let all = [
            (CareLevel::Village, "village_doctor", &self.village_doctor),
            (CareLevel::Township, "township", &self.township),
            (CareLevel::County, "county", &self.county),
            (CareLevel::City, "city", &self.city),
        ];
        all.into_iter().filter_map(|(step, column, doctor)| Some((step, column, doctor.as_ref()?)))
    }

    /// Who is asked at a step.
    #[must_use]
    pub fn at(&self, step: CareLevel) -> Option<&DoctorId> {
        self.members().find(|(of, _, _)| *of == step).map(|(_, _, doctor)| doctor)
    }
}

/// A turn of duty at a site or for a place. A later row of the same place and beginning takes its
/// place; one without a doctor ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duty {
    /// A site's id, or a place's name.
    pub site_or_place: String,
    /// Who is on duty; nobody where the row takes a turn back.
    #[serde(default)]
    pub doctor: Option<DoctorId>,
    /// When. It has a beginning.
    #[serde(flatten)]
    pub span: Span,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}

impl Duty {
    /// Whether somebody is on duty by this row at an instant.
    #[must_use]
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.doctor.is_some() && self.span.holds_at(at)
    }
}

/// Two facilities that work together (对口帮扶): a county hospital and a township's centre. Kept and
/// exported; nothing is judged by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// The one that is helped.
    pub facility: String,
    /// The one that helps.
    pub partner: String,
    /// In what, as written.
    #[serde(default)]
    pub kind: String,
    /// Unknown columns.
    #[serde(default)]
    pub attributes: Attributes,
}
