//! Places, benches, teams, duty and paired facilities, as the registry states them.

use std::collections::BTreeSet;

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

/// What lies within a place, by the tree, and by the words of sites where the tree is silent: whom a
/// township's or a county's scope reaches, what its board counts. The one rule for it; the store's
/// query says the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Within {
    /// The place, and every place below it in the tree.
    inside: BTreeSet<String>,
    /// Places of which the tree says what contains them.
    placed: BTreeSet<String>,
}

impl Within {
    /// What the tree says of a place. The place itself needs no row.
    #[must_use]
    pub fn of<'p>(place: &str, tree: impl Iterator<Item = &'p Place> + Clone) -> Self {
        let tree = tree.filter(|row| !row.parent.is_empty());
        let placed = tree.clone().map(|row| row.place.clone()).collect();
        let mut inside = BTreeSet::new();
        let mut next = vec![place.to_owned()];
        while let Some(place) = next.pop().filter(|place| !place.is_empty()) {
            if inside.insert(place.clone()) {
                let below = tree.clone().filter(|row| row.parent == place);
                next.extend(below.map(|row| row.place.clone()));
            }
        }
        Self { inside, placed }
    }

    /// The place, and every place below it in the tree.
    #[must_use]
    pub const fn inside(&self) -> &BTreeSet<String> {
        &self.inside
    }

    /// Whether a site lies within the place, by its village, its township and its county as its row
    /// names them. A wider word counts only as long as the tree does not place a narrower one.
    #[must_use]
    pub fn holds(&self, words: [&str; 3]) -> bool {
        for word in words {
            if self.inside.contains(word) {
                return true;
            }
            if self.placed.contains(word) {
                return false;
            }
        }
        false
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, kind: PlaceKind, parent: &str) -> Place {
        let (place, parent) = (name.to_owned(), parent.to_owned());
        Place { place, kind, name: String::new(), parent, attributes: Attributes::new() }
    }

    #[track_caller]
    fn check(of: &str, words: [&str; 3], expected: bool) {
        use PlaceKind::{County, Township, Village};
        let tree = [
            place("Da", Village, "Qing"),
            place("Xiao", Village, "Qing"),
            place("Qing", Township, "Yun"),
            place("Yun", County, ""),
            place("Lone", Village, ""),
            place("Round", Village, "Trip"),
            place("Trip", Township, "Round"),
        ];
        assert_eq!(Within::of(of, tree.iter()).holds(words), expected, "{words:?} in {of}");
    }

    #[test]
    fn the_tree_decides_whatever_the_site_says() {
        check("Qing", ["Da", "", ""], true);
        check("Yun", ["Da", "Other", "Elsewhere"], true);
        check("Other", ["Da", "Other", "Elsewhere"], false);
        check("Elsewhere", ["", "Qing", "Elsewhere"], false);
        check("Yun", ["", "Qing", ""], true);
        check("Da", ["Da", "Qing", "Yun"], true);
        check("Xiao", ["Da", "Qing", "Yun"], false);
    }

    #[test]
    fn words_count_where_the_tree_is_silent() {
        check("Qing", ["New", "Qing", "Yun"], true);
        check("Yun", ["New", "Qing", ""], true);
        check("Far", ["New", "Old", "Far"], true);
        check("Far", ["New", "Qing", "Far"], false);
        check("Other", ["Lone", "Other", ""], true);
        check("", ["", "", ""], false);
        check("Nobody", ["", "", ""], false);
    }

    #[test]
    fn a_circle_ends() {
        check("Trip", ["Round", "", ""], true);
        check("Yun", ["Round", "", "Yun"], false);
    }
}
