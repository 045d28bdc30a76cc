//! Households, devices, sites, places, benches, teams, duty and paired facilities as rows of a CSV file, and
//! back.

use super::table::{CellError, Cells, wrong};
use crate::domain::{
    Assigned, Bench, BoxState, Device, Duty, Household, Id, Neighbour, Pairing, PersonId, Place,
    PlaceKind, Site, SiteRole, Span, TeamOf,
};

pub(super) const HOUSEHOLD_COLUMNS: [&str; 4] = ["household", "village", "doctor", "cause"];
pub(super) const DEVICE_COLUMNS: [&str; 7] =
    ["device", "model", "site", "bench", "owner", "epoch", "slots"];
pub(super) const SITE_COLUMNS: [&str; 8] =
    ["site", "kind", "name", "village", "township", "lat", "lon", "session_minutes"];
pub(super) const PLACE_COLUMNS: [&str; 4] = ["place", "kind", "name", "parent"];
pub(super) const BENCH_COLUMNS: [&str; 3] = ["bench", "site", "name"];
pub(super) const TEAM_COLUMNS: [&str; 6] =
    ["team", "place", "village_doctor", "township", "county", "city"];
pub(super) const DUTY_COLUMNS: [&str; 4] = ["site_or_place", "doctor", "from", "until"];
pub(super) const BOX_COLUMNS: [&str; 6] = ["box", "key", "site", "serves", "state", "epoch"];
pub(super) const PAIRING_COLUMNS: [&str; 3] = ["facility", "partner", "kind"];

fn id<K>(value: Option<&Id<K>>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

fn number(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A household's row: one doctor, or several with dates.
pub(super) fn household(mut cells: Cells<'_>) -> Result<Household, CellError> {
    let doctors = cells.text("doctor");
    let assigned = if doctors.contains('@') {
        let items = doctors.split('|').map(str::trim).filter(|item| !item.is_empty());
        let items = items.map(|item| item.parse::<Assigned>().map_err(|bad| wrong("doctor", bad)));
        items.collect::<Result<Vec<_>, _>>()?
    } else {
        Vec::new()
    };
    let plain = Some(doctors).filter(|text| assigned.is_empty() && !text.is_empty());
    if plain.is_some_and(|text| text.contains('|')) {
        let why = "a household has one primary doctor at any instant: give dates / \
                   一户在任何时刻只有一名责任医生：请写日期";
        return Err(wrong("doctor", why));
    }
    let plain = plain.map(str::parse).transpose().map_err(|error| wrong("doctor", error))?;
    Ok(Household {
        household: cells.required("household")?,
        village: cells.owned("village"),
        doctor: plain,
        assigned,
        cause: cells.owned("cause"),
        attributes: cells.attributes(),
    })
}

pub(super) fn household_cells(row: &Household) -> Vec<String> {
    let dated: Vec<_> = row.assigned.iter().map(ToString::to_string).collect();
    let doctors = row.doctor.as_ref().map_or_else(|| dated.join("|"), ToString::to_string);
    vec![row.household.to_string(), row.village.clone(), doctors, row.cause.clone()]
}

/// A device's row.
pub(super) fn device(mut cells: Cells<'_>) -> Result<Device, CellError> {
    Ok(Device {
        device: cells.required("device")?,
        model: cells.owned("model"),
        site: cells.optional("site")?,
        bench: cells.optional("bench")?,
        owner: cells.optional("owner")?,
        epoch: cells.optional("epoch")?,
        slots: cells.list("slots").iter().map(|item| slot(item)).collect::<Result<_, _>>()?,
        attributes: cells.attributes(),
    })
}

/// `1=P000001`: the device's user 1 is that person.
fn slot(item: &str) -> Result<(u8, PersonId), CellError> {
    let expected = || wrong("slots", "expected 1=P000001|2=P000002 / 应为 1=P000001|2=P000002");
    let (slot, person) = item.split_once('=').ok_or_else(expected)?;
    let slot = slot.trim().parse().map_err(|_no_number| expected())?;
    Ok((slot, person.trim().parse().map_err(|_no_name| expected())?))
}

pub(super) fn device_cells(row: &Device) -> Vec<String> {
    let slots: Vec<_> = row.slots.iter().map(|(slot, person)| format!("{slot}={person}")).collect();
    vec![
        row.device.to_string(),
        row.model.clone(),
        id(row.site.as_ref()),
        id(row.bench.as_ref()),
        id(row.owner.as_ref()),
        number(row.epoch),
        slots.join("|"),
    ]
}

const ROLES: [(&str, SiteRole); 4] = [
    ("van", SiteRole::Van),
    ("clinic", SiteRole::Clinic),
    ("township", SiteRole::Township),
    ("home", SiteRole::Home),
];

/// A site's row.
pub(super) fn site(mut cells: Cells<'_>) -> Result<Site, CellError> {
    Ok(Site {
        site: cells.required("site")?,
        kind: cells.choice("kind", &ROLES)?.ok_or_else(|| wrong("kind", "missing"))?,
        name: cells.owned("name"),
        village: cells.owned("village"),
        township: cells.owned("township"),
        lat: cells.owned("lat"),
        lon: cells.owned("lon"),
        session_minutes: cells.optional("session_minutes")?,
        attributes: cells.attributes(),
    })
}

pub(super) fn site_cells(row: &Site) -> Vec<String> {
    let kind = ROLES.iter().find(|(_, role)| *role == row.kind).map_or("", |(name, _)| name);
    vec![
        row.site.to_string(),
        kind.to_owned(),
        row.name.clone(),
        row.village.clone(),
        row.township.clone(),
        row.lat.clone(),
        row.lon.clone(),
        number(row.session_minutes),
    ]
}

/// A place's row.
pub(super) fn place(mut cells: Cells<'_>) -> Result<Place, CellError> {
    let kinds = PlaceKind::ALL.map(|kind| (kind.as_str(), kind));
    Ok(Place {
        place: cells.owned("place"),
        kind: cells.choice("kind", &kinds)?.ok_or_else(|| wrong("kind", "missing"))?,
        name: cells.owned("name"),
        parent: cells.owned("parent"),
        attributes: cells.attributes(),
    })
}

pub(super) fn place_cells(row: &Place) -> Vec<String> {
    let Place { place, kind, name, parent, .. } = row;
    vec![place.clone(), kind.as_str().to_owned(), name.clone(), parent.clone()]
}

/// A bench's row.
pub(super) fn bench(mut cells: Cells<'_>) -> Result<Bench, CellError> {
    Ok(Bench {
        bench: cells.required("bench")?,
        site: cells.required("site")?,
        name: cells.owned("name"),
        attributes: cells.attributes(),
    })
}

pub(super) fn bench_cells(row: &Bench) -> Vec<String> {
    vec![row.bench.to_string(), row.site.to_string(), row.name.clone()]
}

/// A team's row.
pub(super) fn team(mut cells: Cells<'_>) -> Result<TeamOf, CellError> {
    Ok(TeamOf {
        team: cells.text("team").into(),
        place: cells.owned("place"),
        village_doctor: cells.optional("village_doctor")?,
        township: cells.optional("township")?,
        county: cells.optional("county")?,
        city: cells.optional("city")?,
        attributes: cells.attributes(),
    })
}

pub(super) fn team_cells(row: &TeamOf) -> Vec<String> {
    vec![
        row.team.to_string(),
        row.place.clone(),
        id(row.village_doctor.as_ref()),
        id(row.township.as_ref()),
        id(row.county.as_ref()),
        id(row.city.as_ref()),
    ]
}

/// The row of a turn of duty.
pub(super) fn duty(mut cells: Cells<'_>) -> Result<Duty, CellError> {
    let (from, until) = (cells.owned("from"), cells.owned("until"));
    let end = |column: &str, from: &str, until: &str| {
        Span::parse(from, until).map_err(|error| wrong(column, error))
    };
    let span = Span { from: end("from", &from, "")?.from, until: end("until", "", &until)?.until };
    Ok(Duty {
        site_or_place: cells.owned("site_or_place"),
        doctor: cells.optional("doctor")?,
        span,
        attributes: cells.attributes(),
    })
}

pub(super) fn duty_cells(row: &Duty) -> Vec<String> {
    let (from, until) = row.span.written();
    vec![row.site_or_place.clone(), id(row.doctor.as_ref()), from, until]
}

/// The row of two facilities.
pub(super) fn pairing(mut cells: Cells<'_>) -> Result<Pairing, CellError> {
    Ok(Pairing {
        facility: cells.owned("facility"),
        partner: cells.owned("partner"),
        kind: cells.owned("kind"),
        attributes: cells.attributes(),
    })
}

pub(super) fn pairing_cells(row: &Pairing) -> Vec<String> {
    vec![row.facility.clone(), row.partner.clone(), row.kind.clone()]
}

/// A gateway's row.
pub(super) fn neighbour(mut cells: Cells<'_>) -> Result<Neighbour, CellError> {
    Ok(Neighbour {
        name: cells.required("box")?,
        key: cells.owned("key"),
        site: cells.optional("site")?,
        serves: cells.list("serves"),
        state: cells.choice("state", &BoxState::ALL)?.unwrap_or_default(),
        epoch: cells.optional("epoch")?,
        attributes: cells.attributes(),
    })
}

pub(super) fn neighbour_cells(row: &Neighbour) -> Vec<String> {
    vec![
        row.name.to_string(),
        row.key.clone(),
        id(row.site.as_ref()),
        row.serves.join("|"),
        row.state.as_str().to_owned(),
        number(row.epoch),
    ]
}
