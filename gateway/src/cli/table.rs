//! Registry rows from CSV and back (DESIGN section 9, command line): header names in any order,
//! unknown columns kept as attributes, lists separated by `|`, dated items as
//! `code@2026-01-01..2026-12-31`.

use std::{fmt::Display, str::FromStr};

use clap::ValueEnum;
use jiff::civil::Date;

use super::{
    place_row::{
        BENCH_COLUMNS, BOX_COLUMNS, DEVICE_COLUMNS, DUTY_COLUMNS, HOUSEHOLD_COLUMNS,
        PAIRING_COLUMNS, PLACE_COLUMNS, SITE_COLUMNS, TEAM_COLUMNS, bench, bench_cells, device,
        device_cells, duty, duty_cells, household, household_cells, neighbour, neighbour_cells,
        pairing, pairing_cells, place, place_cells, site, site_cells, team, team_cells,
    },
    plan_row::{PLAN_COLUMNS, plan, plan_cells},
};
use crate::domain::{
    Attributes, Card, CareLevel, Dated, Doctor, IdNumber, Person, Registered, Sex,
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
    /// Villages, townships, counties, cities, each within the next
    Places,
    /// Benches of sites
    Benches,
    /// Who is asked for a place, step by step
    Teams,
    /// Turns of duty at a site or for a place
    Duty,
    /// Facilities that work together
    Pairings,
    /// Gateways below this one, and the keys by which they are known
    Boxes,
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
            Self::Places => "place",
            Self::Benches => "bench",
            Self::Teams => "team",
            Self::Duty => "duty",
            Self::Pairings => "pairing",
            Self::Boxes => "box",
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
            Self::Households => &HOUSEHOLD_COLUMNS,
            Self::Doctors => {
                &["doctor", "name", "phone", "level", "place", "webhook", "webhook_secret", "mqtt"]
            }
            Self::Devices => &DEVICE_COLUMNS,
            Self::Sites => &SITE_COLUMNS,
            Self::Cards => &["card", "person"],
            Self::Plans => &PLAN_COLUMNS,
            Self::Places => &PLACE_COLUMNS,
            Self::Benches => &BENCH_COLUMNS,
            Self::Teams => &TEAM_COLUMNS,
            Self::Duty => &DUTY_COLUMNS,
            Self::Pairings => &PAIRING_COLUMNS,
            Self::Boxes => &BOX_COLUMNS,
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

    pub(super) fn choice<T>(
        &mut self,
        column: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, CellError>
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

/// `code`, `code@from..until`, and for a cohort `code:cause` before the span.
fn dated(column: &str, item: &str) -> Result<Dated, CellError> {
    let expected = || wrong(column, "expected code@2026-01-01..2026-12-31");
    let (code, span) = item.split_once('@').map_or((item, None), |(code, span)| (code, Some(span)));
    let (code, cause) = match code.split_once(':') {
        Some((code, cause)) if column == "cohorts" => (code, Some(cause.trim().into())),
        Some(_) | None => (code, None),
    };
    let Some(span) = span else {
        return Ok(Dated { code: code.trim().into(), from: None, until: None, cause });
    };
    let (from, until) = span.split_once("..").unwrap_or((span, ""));
    let date = |text: &str| -> Result<Option<Date>, CellError> {
        let text = text.trim();
        if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_bad| expected()) }
    };
    Ok(Dated { code: code.trim().into(), from: date(from)?, until: date(until)?, cause })
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
    let row = match kind {
        Kind::People => Registered::Person(person(cells)?),
        Kind::Households => Registered::Household(household(cells)?),
        Kind::Doctors => Registered::Doctor(doctor(cells)?),
        Kind::Devices => Registered::Device(device(cells)?),
        Kind::Sites => Registered::Site(site(cells)?),
        Kind::Cards => {
            let card = cells.owned("card");
            if card.is_empty() {
                return Err(wrong("card", "missing"));
            }
            Registered::Card(Card { card, person: cells.required("person")? })
        }
        Kind::Plans => Registered::Plan(plan(cells)?),
        Kind::Places => Registered::Place(place(cells)?),
        Kind::Benches => Registered::Bench(bench(cells)?),
        Kind::Teams => Registered::Team(team(cells)?),
        Kind::Duty => Registered::Duty(duty(cells)?),
        Kind::Pairings => Registered::Pairing(pairing(cells)?),
        Kind::Boxes => Registered::Box(neighbour(cells)?),
    };
    row.check()
        .map_err(|error| wrong(error.column, format_args!("{} / {}", error.en, error.zh)))?;
    Ok(row)
}

fn person(mut cells: Cells<'_>) -> Result<Person, CellError> {
    Ok(Person {
        person: cells.required("person")?,
        name: cells.owned("name"),
        sex: cells.choice("sex", &[("male", Sex::Male), ("female", Sex::Female)])?,
        birth_date: cells.optional("birth_date")?,
        id_number: id_number(cells.owned("id_number")),
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

/// One number is written in one way; what is none is refused with its reason later.
fn id_number(text: String) -> String {
    IdNumber::parse(&text).map_or(text, |number| number.as_str().to_owned())
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

/// A row's cells, in the order of [`Kind::columns`], and its attributes.
#[must_use]
pub(super) fn cells(row: &Registered) -> (Vec<String>, Attributes) {
    match row {
        Registered::Person(row) => (person_cells(row), row.attributes.clone()),
        Registered::Household(row) => (household_cells(row), row.attributes.clone()),
        Registered::Doctor(row) => (doctor_cells(row), row.attributes.clone()),
        Registered::Device(row) => (device_cells(row), row.attributes.clone()),
        Registered::Site(row) => (site_cells(row), row.attributes.clone()),
        Registered::Card(row) => {
            (vec![row.card.clone(), row.person.to_string()], Attributes::new())
        }
        Registered::Plan(row) => (plan_cells(row), row.attributes.clone()),
        Registered::Place(row) => (place_cells(row), row.attributes.clone()),
        Registered::Bench(row) => (bench_cells(row), row.attributes.clone()),
        Registered::Team(row) => (team_cells(row), row.attributes.clone()),
        Registered::Duty(row) => (duty_cells(row), row.attributes.clone()),
        Registered::Pairing(row) => (pairing_cells(row), row.attributes.clone()),
        Registered::Box(row) => (neighbour_cells(row), row.attributes.clone()),
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

fn dated_cell(items: &[Dated]) -> String {
    let date = |date: Option<Date>| date.map_or_else(String::new, |date| date.to_string());
    let code = |item: &Dated| match &item.cause {
        Some(cause) => format!("{}:{cause}", item.code),
        None => item.code.to_string(),
    };
    let item = |item: &Dated| match (item.from, item.until) {
        (None, None) => code(item),
        (from, until) => format!("{}@{}..{}", code(item), date(from), date(until)),
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
        check(Kind::Devices, "device,owner\nBP-1,P1\n", Ok("BP-1,,,,P1,,;"));
        let slots = "device,slots\nBP-1,1=P1|2=P2\n";
        check(Kind::Devices, slots, Ok("BP-1,,,,,,1=P1|2=P2;"));
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
    fn a_household_is_written_as_it_is_read() {
        let dated = "DR1@2026-01-01..2026-03-02T12:00|DR2@2026-03-02T12:00..";
        for doctors in ["DR1", "", dated] {
            check(
                Kind::Households,
                &format!("household,doctor,cause\nH1,{doctors},illness\n"),
                Ok(&format!("H1,,{doctors},illness;")),
            );
        }
        let twice = "household,doctor\nH1,DR1@2026-01-01..2026-03-02|DR2@2026-03-02..\n";
        let why = "doctor: two spans overlap: a household has one primary doctor at any instant / \
                   两段签约时间重叠：一户在任何时刻只有一名责任医生";
        check(Kind::Households, twice, Err(why));
        let why = "doctor: a household has one primary doctor at any instant: give dates / \
                   一户在任何时刻只有一名责任医生：请写日期";
        check(Kind::Households, "household,doctor\nH1,DR1|DR2\n", Err(why));
    }

    #[test]
    fn places_and_what_belongs_to_them_are_written_as_they_are_read() {
        for (kind, file) in [
            (Kind::Places, "place,kind,name,parent\n北村,village,北村委会,青石镇\n"),
            (Kind::Benches, "bench,site,name\nB1,van1,血压台\n"),
            (Kind::Teams, "team,place,village_doctor,township,county,city\nA,青石镇,DR1,T1,,CT1\n"),
            (Kind::Duty, "site_or_place,doctor,from,until\nvan1,DR1,2026-03-02T08:00,2026-03-04\n"),
            (Kind::Pairings, "facility,partner,kind\n青石卫生院,市一院,远程会诊\n"),
            (
                Kind::Boxes,
                "box,key,site,serves,state,epoch\ngw-1,ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA,V03,北村|南村,revoked,7\n",
            ),
            (
                Kind::Sites,
                "site,kind,name,village,township,lat,lon,session_minutes\nV1,van,,,,,,8\n",
            ),
            (Kind::Devices, "device,model,site,bench,owner,epoch,slots\nD1,,,,,3,1=P1|2=P2\n"),
            (Kind::People, "person,cohorts\nP1,已治愈跟踪:illness@2025-06-01..|特扶\n"),
        ] {
            let mut lines = file.lines();
            let names: Vec<_> = lines.next().unwrap().split(',').collect();
            let cells: Vec<_> = lines.next().unwrap().split(',').collect();
            let all: Vec<_> = kind
                .columns()
                .iter()
                .map(|column| {
                    names.iter().position(|name| name == column).map_or("", |at| cells[at])
                })
                .collect();
            check(kind, file, Ok(&format!("{};", all.join(","))));
        }
        let why = "session_minutes: expected 1 to 240 minutes / 应为1至240分钟";
        check(Kind::Sites, "site,kind,session_minutes\nV1,van,0\n", Err(why));
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
