//! Registry rows from CSV and back (DESIGN section 9, command line): header names in any order,
//! unknown columns kept as attributes, lists separated by `|`, dated items as
//! `code@2026-01-01..2026-12-31`.

use std::{fmt::Display, str::FromStr};

use clap::ValueEnum;
use jiff::civil::Date;

use super::plan_row::{PLAN_COLUMNS, plan, plan_cells};
use crate::domain::{
    Attributes, Card, CareLevel, Dated, Device, Doctor, Household, Person, PersonId, Registered,
    Sex, Site, SiteRole,
};

/// Which rows a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// People
    People,
    /// Households and the doctors who signed for them
    Households,
    /// Doctors and how to reach them
    Doctors,
    /// Cuffs, meters, bridges
    Devices,
    /// Vans, clinics, township centres, homes
    Sites,
    /// Cards that open a bench session
    Cards,
    /// People's own targets and cadence
    Plans,
}

impl Kind {
    /// The kind's name in the registry.
    #[must_use]
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::People => "person",
            Self::Households => "household",
            Self::Doctors => "doctor",
            Self::Devices => "device",
            Self::Sites => "site",
            Self::Cards => "card",
            Self::Plans => "plan",
        }
    }

    /// The columns that have a meaning to us, in the order in which they are exported.
    #[must_use]
    pub(super) const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::People => &[
                "person",
                "name",
                "sex",
                "birth_date",
                "id_number",
                "cards",
                "phone",
                "consent",
                "household",
                "village",
                "diagnoses",
                "medicines",
                "cohorts",
                "pregnant",
            ],
            Self::Households => &["household", "village", "doctor", "cause"],
            Self::Doctors => {
                &["doctor", "name", "phone", "level", "place", "webhook", "webhook_secret", "mqtt"]
            }
            Self::Devices => &["device", "model", "site", "bench", "owner", "slots"],
            Self::Sites => {
                &["site", "kind", "name", "village", "township", "lat", "lon", "session_minutes"]
            }
            Self::Cards => &["card", "person"],
            Self::Plans => &PLAN_COLUMNS,
        }
    }
}

/// Why a row is none: the column and what is wrong with its cell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{column}: {why}")]
pub(super) struct CellError {
    /// The column.
    pub column: String,
    /// What is wrong, without the value.
    pub why: String,
}

/// A row's cells by column name; each is taken once, the rest are attributes.
pub(super) struct Cells<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Cells<'a> {
    /// The cells of a record under its headers, trimmed.
    pub(super) fn new(headers: &'a csv::StringRecord, record: &'a csv::StringRecord) -> Self {
        let cells = headers.iter().zip(record.iter());
        Self(cells.map(|(name, cell)| (name.trim(), cell.trim())).collect())
    }

    pub(super) fn text(&mut self, column: &str) -> &'a str {
        let at = self.0.iter().position(|(name, _)| *name == column);
        at.map_or("", |at| self.0.swap_remove(at).1)
    }

    pub(super) fn owned(&mut self, column: &str) -> String {
        self.text(column).to_owned()
    }

    pub(super) fn optional<T: FromStr<Err: Display>>(
        &mut self,
        column: &str,
    ) -> Result<Option<T>, CellError> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|error: T::Err| wrong(column, error))
    }

    pub(super) fn required<T: FromStr<Err: Display>>(
        &mut self,
        column: &str,
    ) -> Result<T, CellError> {
        self.optional(column)?.ok_or_else(|| wrong(column, "missing"))
    }

    fn choice<T>(&mut self, column: &str, choices: &[(&str, T)]) -> Result<Option<T>, CellError>
    where
        T: Copy,
    {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, choice)| *choice);
        let names = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        found.map(Some).ok_or_else(|| wrong(column, format_args!("expected one of {}", names())))
    }

    pub(super) fn list(&mut self, column: &str) -> Vec<String> {
        let items = self.text(column).split('|').map(str::trim);
        items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    fn dated(&mut self, column: &str) -> Result<Vec<Dated>, CellError> {
        self.list(column).iter().map(|item| dated(column, item)).collect()
    }

    pub(super) fn attributes(self) -> Attributes {
        let said = self.0.into_iter().filter(|(name, cell)| !name.is_empty() && !cell.is_empty());
        said.map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect()
    }
}

pub(super) fn wrong(column: &str, why: impl Display) -> CellError {
    CellError { column: column.to_owned(), why: why.to_string() }
}

fn dated(column: &str, item: &str) -> Result<Dated, CellError> {
    let expected = || wrong(column, "expected code@2026-01-01..2026-12-31");
    let (code, span) = item.split_once('@').map_or((item, None), |(code, span)| (code, Some(span)));
    let Some(span) = span else {
        return Ok(Dated { code: code.into(), from: None, until: None });
    };
    let (from, until) = span.split_once("..").unwrap_or((span, ""));
    let date = |text: &str| -> Result<Option<Date>, CellError> {
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_bad| expected()) }
    };
    Ok(Dated { code: code.into(), from: date(from)?, until: date(until)? })
}

/// Spans of pregnancy: `pregnant@2026-01-01..2026-09-30`, `lactating@…`, the bare dates, or `yes`.
fn pregnancy(cells: &mut Cells<'_>) -> Result<Vec<Dated>, CellError> {
    const COLUMN: &str = "pregnant";
    let item = |item: &String| match item.as_str() {
        "yes" | "true" | "1" => dated(COLUMN, "pregnant"),
        "no" | "false" | "0" => dated(COLUMN, ""),
        item if item.starts_with(|first: char| first.is_ascii_digit() || first == '.') => {
            dated(COLUMN, &format!("pregnant@{item}"))
        }
        item => dated(COLUMN, item),
    };
    let items: Result<Vec<_>, _> = cells.list(COLUMN).iter().map(item).collect();
    Ok(items?.into_iter().filter(|item| !item.code.is_empty()).collect())
}

/// One row of a file.
///
/// # Errors
/// The first cell that cannot be what its column needs.
pub(super) fn row(kind: Kind, mut cells: Cells<'_>) -> Result<Registered, CellError> {
    Ok(match kind {
        Kind::People => Registered::Person(person(cells)?),
        Kind::Households => Registered::Household(Household {
            household: cells.required("household")?,
            village: cells.owned("village"),
            doctor: cells.optional("doctor")?,
            cause: cells.owned("cause"),
            attributes: cells.attributes(),
        }),
        Kind::Doctors => Registered::Doctor(doctor(cells)?),
        Kind::Devices => Registered::Device(Device {
            device: cells.required("device")?,
            model: cells.owned("model"),
            site: cells.optional("site")?,
            bench: cells.optional("bench")?,
            owner: cells.optional("owner")?,
            slots: slots(&mut cells)?,
            attributes: cells.attributes(),
        }),
        Kind::Sites => Registered::Site(site(cells)?),
        Kind::Cards => {
            let card = cells.owned("card");
            if card.is_empty() {
                return Err(wrong("card", "missing"));
            }
            Registered::Card(Card { card, person: cells.required("person")? })
        }
        Kind::Plans => Registered::Plan(plan(cells)?),
    })
}

fn person(mut cells: Cells<'_>) -> Result<Person, CellError> {
    Ok(Person {
        person: cells.required("person")?,
        name: cells.owned("name"),
        sex: cells.choice("sex", &[("male", Sex::Male), ("female", Sex::Female)])?,
        birth_date: cells.optional("birth_date")?,
        id_number: cells.owned("id_number"),
        cards: cells.list("cards"),
        phone: cells.owned("phone"),
        consent: cells.owned("consent"),
        household: cells.optional("household")?,
        village: cells.owned("village"),
        diagnoses: cells.dated("diagnoses")?,
        medicines: cells.dated("medicines")?,
        cohorts: cells.dated("cohorts")?,
        pregnant: pregnancy(&mut cells)?,
        attributes: cells.attributes(),
    })
}

const LEVELS: [(&str, CareLevel); 4] = [
    ("village", CareLevel::Village),
    ("township", CareLevel::Township),
    ("county", CareLevel::County),
    ("city", CareLevel::City),
];

fn doctor(mut cells: Cells<'_>) -> Result<Doctor, CellError> {
    let switch =
        [("yes", true), ("true", true), ("1", true), ("no", false), ("false", false), ("0", false)];
    Ok(Doctor {
        doctor: cells.required("doctor")?,
        name: cells.owned("name"),
        phone: cells.owned("phone"),
        level: cells.choice("level", &LEVELS)?.ok_or_else(|| wrong("level", "missing"))?,
        place: cells.owned("place"),
        webhook: webhook(cells.owned("webhook"))?,
        webhook_secret: cells.owned("webhook_secret"),
        mqtt: cells.choice("mqtt", &switch)?.unwrap_or(false),
        attributes: cells.attributes(),
    })
}

fn webhook(address: String) -> Result<String, CellError> {
    let sound =
        address.is_empty() || address.starts_with("http://") || address.starts_with("https://");
    if sound { Ok(address) } else { Err(wrong("webhook", "expected http:// or https://")) }
}

fn site(mut cells: Cells<'_>) -> Result<Site, CellError> {
    let kinds = [
        ("van", SiteRole::Van),
        ("clinic", SiteRole::Clinic),
        ("township", SiteRole::Township),
        ("home", SiteRole::Home),
    ];
    Ok(Site {
        site: cells.required("site")?,
        kind: cells.choice("kind", &kinds)?.ok_or_else(|| wrong("kind", "missing"))?,
        name: cells.owned("name"),
        village: cells.owned("village"),
        township: cells.owned("township"),
        lat: cells.owned("lat"),
        lon: cells.owned("lon"),
        session_minutes: session_minutes(&mut cells)?,
        attributes: cells.attributes(),
    })
}

/// Whose the user slots of a device are: `1=P000001|2=P000002`.
fn slots(cells: &mut Cells<'_>) -> Result<Vec<(u8, PersonId)>, CellError> {
    let text = cells.text("slots");
    let mut slots: Vec<(u8, PersonId)> = Vec::new();
    for item in text.split('|').map(str::trim).filter(|item| !item.is_empty()) {
        let (slot, person) = item.split_once('=').ok_or_else(|| wrong("slots", "expected 1=P1"))?;
        let slot = slot.trim().parse().map_err(|error| wrong("slots", error))?;
        let person = person.trim().parse().map_err(|error| wrong("slots", error))?;
        if slots.iter().any(|(known, _)| *known == slot) {
            return Err(wrong("slots", "one slot of two people"));
        }
        slots.push((slot, person));
    }
    slots.sort_unstable();
    Ok(slots)
}

/// Longest session at a bench that a row may ask for, in minutes. Our choice.
const SESSION_MINUTES_MAX: u16 = 240;

fn session_minutes(cells: &mut Cells<'_>) -> Result<Option<u16>, CellError> {
    let minutes: Option<u16> = cells.optional("session_minutes")?;
    if minutes.is_none_or(|minutes| (1..=SESSION_MINUTES_MAX).contains(&minutes)) {
        return Ok(minutes);
    }
    Err(wrong("session_minutes", format!("expected 1 to {SESSION_MINUTES_MAX}")))
}

/// A row's cells, in the order of [`Kind::columns`], and its attributes.
#[must_use]
pub(super) fn cells(row: &Registered) -> (Vec<String>, Attributes) {
    let text = |value: Option<String>| value.unwrap_or_default();
    match row {
        Registered::Person(row) => (person_cells(row), row.attributes.clone()),
        Registered::Household(row) => (
            vec![
                row.household.to_string(),
                row.village.clone(),
                text(row.doctor.as_ref().map(ToString::to_string)),
                row.cause.clone(),
            ],
            row.attributes.clone(),
        ),
        Registered::Doctor(row) => (doctor_cells(row), row.attributes.clone()),
        Registered::Device(row) => (
            vec![
                row.device.to_string(),
                row.model.clone(),
                text(row.site.as_ref().map(ToString::to_string)),
                text(row.bench.as_ref().map(ToString::to_string)),
                text(row.owner.as_ref().map(ToString::to_string)),
                row.slots
                    .iter()
                    .map(|(slot, person)| format!("{slot}={person}"))
                    .collect::<Vec<_>>()
                    .join("|"),
            ],
            row.attributes.clone(),
        ),
        Registered::Site(row) => (site_cells(row), row.attributes.clone()),
        Registered::Card(row) => {
            (vec![row.card.clone(), row.person.to_string()], Attributes::new())
        }
        Registered::Plan(row) => (plan_cells(row), row.attributes.clone()),
    }
}

fn person_cells(row: &Person) -> Vec<String> {
    let text = |value: Option<String>| value.unwrap_or_default();
    let sex = row.sex.map(|sex| match sex {
        Sex::Male => "male".to_owned(),
        Sex::Female => "female".to_owned(),
    });
    vec![
        row.person.to_string(),
        row.name.clone(),
        text(sex),
        text(row.birth_date.map(|date| date.to_string())),
        row.id_number.clone(),
        row.cards.join("|"),
        row.phone.clone(),
        row.consent.clone(),
        text(row.household.as_ref().map(ToString::to_string)),
        row.village.clone(),
        dated_cell(&row.diagnoses),
        dated_cell(&row.medicines),
        dated_cell(&row.cohorts),
        dated_cell(&row.pregnant),
    ]
}

fn doctor_cells(row: &Doctor) -> Vec<String> {
    let level = LEVELS.iter().find(|(_, level)| *level == row.level).map_or("", |(name, _)| name);
    vec![
        row.doctor.to_string(),
        row.name.clone(),
        row.phone.clone(),
        level.to_owned(),
        row.place.clone(),
        row.webhook.clone(),
        row.webhook_secret.clone(),
        row.mqtt.to_string(),
    ]
}

fn site_cells(row: &Site) -> Vec<String> {
    let kind = match row.kind {
        SiteRole::Van => "van",
        SiteRole::Clinic => "clinic",
        SiteRole::Township => "township",
        SiteRole::Home => "home",
    };
    vec![
        row.site.to_string(),
        kind.to_owned(),
        row.name.clone(),
        row.village.clone(),
        row.township.clone(),
        row.lat.clone(),
        row.lon.clone(),
        row.session_minutes.map_or_else(String::new, |minutes| minutes.to_string()),
    ]
}

fn dated_cell(items: &[Dated]) -> String {
    let date = |date: Option<Date>| date.map_or_else(String::new, |date| date.to_string());
    let item = |item: &Dated| match (item.from, item.until) {
        (None, None) => item.code.to_string(),
        (from, until) => format!("{}@{}..{}", item.code, date(from), date(until)),
    };
    items.iter().map(item).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one row and writes it back; the text says what came of it.
    #[track_caller]
    fn check(kind: Kind, file: &str, expected: Result<&str, &str>) {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file.as_bytes());
        let headers = reader.headers().unwrap().clone();
        let record = reader.records().next().unwrap().unwrap();
        let told = row(kind, Cells::new(&headers, &record))
            .map(|row| {
                let (cells, attributes) = cells(&row);
                let attributes: Vec<_> =
                    attributes.iter().map(|(name, cell)| format!("{name}={cell}")).collect();
                format!("{};{}", cells.join(","), attributes.join(","))
            })
            .map_err(|error| error.to_string());
        assert_eq!(told, expected.map(str::to_owned).map_err(str::to_owned), "{file}");
    }

    #[test]
    fn columns_come_in_any_order_and_unknown_ones_are_kept() {
        check(
            Kind::People,
            "name,person,cohorts,cards,小组\n张三,P1,C2@2026-01-01..2026-12-31|C1,c1|c2,三组\n",
            Ok("P1,张三,,,,c1|c2,,,,,,,C2@2026-01-01..2026-12-31|C1,;小组=三组"),
        );
        check(Kind::Cards, "person,card\nP1,6217\n", Ok("6217,P1;"));
        check(Kind::Devices, "device,owner\nBP-1,P1\n", Ok("BP-1,,,,P1,;"));
        let slots = "device,slots\nBP-1,2=P2| 1=P1\n";
        check(Kind::Devices, slots, Ok("BP-1,,,,,1=P1|2=P2;"));
        let why = "slots: one slot of two people";
        check(Kind::Devices, "device,slots\nBP-1,1=P1|1=P2\n", Err(why));
        check(Kind::Sites, "site,kind,session_minutes\nV1,van,6\n", Ok("V1,van,,,,,,6;"));
        let why = "session_minutes: expected 1 to 240";
        check(Kind::Sites, "site,kind,session_minutes\nV1,van,0\n", Err(why));
    }

    #[test]
    fn a_plan_states_its_targets_in_mmhg_and_mmol_per_litre() {
        check(
            Kind::Plans,
            "person,from,systolic_lt,fasting_lt,cadence_days,author\nP1,2026-03-01,130,6.5,7,DR1\n",
            Ok("P1,2026-03-01,,130,,6.5,7,DR1;"),
        );
        check(
            Kind::Plans,
            "person,fasting_lt\nP1,117\n",
            Err("fasting_lt: expected 4.5 to 16.0 mmol/L / 应为4.5至16.0 mmol/L"),
        );
        let why = "systolic_lt: invalid digit found in string";
        check(Kind::Plans, "person,systolic_lt\nP1,17.3\n", Err(why));
    }

    #[test]
    fn a_span_may_be_open_on_either_side() {
        check(
            Kind::People,
            "person,pregnant\nP1,2026-01-01..\n",
            Ok("P1,,,,,,,,,,,,,pregnant@2026-01-01..;"),
        );
        check(Kind::People, "person,pregnant\nP1,no\n", Ok("P1,,,,,,,,,,,,,;"));
    }

    #[test]
    fn a_bad_cell_is_named_by_its_column() {
        check(Kind::People, "person,sex\nP1,m\n", Err("sex: expected one of male, female"));
        check(Kind::People, "name\n张三\n", Err("person: missing"));
        check(
            Kind::People,
            "person,diagnoses\nP1,htn@2026\n",
            Err("diagnoses: expected code@2026-01-01..2026-12-31"),
        );
        check(Kind::Doctors, "doctor\nDR1\n", Err("level: missing"));
        check(
            Kind::Doctors,
            "doctor,level,webhook\nDR1,village,gw\n",
            Err("webhook: expected http:// or https://"),
        );
        check(Kind::Cards, "card,person\n,P1\n", Err("card: missing"));
    }
}
