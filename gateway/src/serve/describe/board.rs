//! The counted numbers of a place.

use crate::{
    admit::CLOCK_TOLERANCE,
    domain::Timestamp,
    serve::{scope::View, shared::Shared, wire},
    store::{
        StoreError,
        view::{self, Scope},
    },
};

/// The place that a scope names, as a board's heading.
fn place_of(scope: &Scope) -> &str {
    match scope {
        Scope::Place(place) => place,
        Scope::Everything | Scope::Doctor(_) | Scope::Nobody => "",
    }
}

/// The board of a scope, or of one place within it.
pub(in crate::serve) fn board(
    shared: &Shared,
    scope: &Scope,
    view: View,
    place: Option<&str>,
) -> Result<wire::Board, StoreError> {
    let now = shared.clock.now();
    let counted = shared.reader.board(scope, place, now)?;
    let [blue, yellow, orange, red] = counted.open;
    let age = |opened: Timestamp| (now.since(opened).0 / 60_000).max(0);
    Ok(wire::Board {
        cursor: counted.cursor.0,
        as_of: now.to_string(),
        place: place.unwrap_or_else(|| place_of(scope)).to_owned(),
        demo: shared.settings.demo,
        sending: shared.pack.borrow().sending.clone(),
        people: counted.people,
        readings_today: counted.readings_today,
        people_today: counted.people_today,
        open: wire::Open { red, orange, yellow, blue },
        overdue: counted.overdue,
        unacknowledged_oldest_minutes: counted.oldest_unacknowledged.map(age),
        quarantined: counted.quarantined,
        refused: counted.refused,
        sites: counted.sites.into_iter().map(|row| site(row, now)).collect(),
        villages: counted.villages.into_iter().map(|row| village(row, view)).collect(),
        hourly: counted.hourly.into_iter().map(hour).collect(),
    })
}

/// A site that was heard of by a clock that ran ahead is not said to have been seen in time to come: until
/// then nobody knows when it was.
fn site(row: view::SiteRow, now: Timestamp) -> wire::Site {
    let known = |at: &Timestamp| at.since(now) <= CLOCK_TOLERANCE;
    wire::Site {
        site: row.site.to_string(),
        name: row.name,
        kind: row.kind,
        state: presence(row.online),
        last_seen: row.last_seen.filter(known).map(|at| at.to_string()),
        readings_today: row.readings_today,
        people_today: row.people_today,
        quarantined: row.quarantined,
    }
}

/// The word for a site's connection.
pub(in crate::serve) const fn presence(online: Option<bool>) -> &'static str {
    match online {
        Some(true) => "online",
        Some(false) => "offline",
        None => "unknown",
    }
}

/// Small villages identify people: the gravest level of one is for those who may see its people, or their
/// households.
fn village(row: view::VillageRow, view: View) -> wire::Village {
    wire::Village {
        village: row.village,
        people: row.people,
        people_today: row.people_today,
        worst: row.worst.filter(|_| matches!(view, View::Full | View::Households)),
    }
}

const fn hour(row: view::HourRow) -> wire::Hour {
    wire::Hour { hour: row.hour, readings: row.readings, crossings: row.crossings }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Millis, SiteRole},
        store::fixtures::{NOON, id},
    };

    #[track_caller]
    fn check(heard: Option<Millis>, expected: Option<Millis>) {
        let row = view::SiteRow {
            site: id("van1"),
            name: String::new(),
            kind: SiteRole::Van,
            online: Some(true),
            last_seen: heard.map(|ago| NOON.minus(ago)),
            readings_today: 0,
            people_today: 0,
            quarantined: 0,
        };
        let expected = expected.map(|ago| NOON.minus(ago).to_string());
        assert_eq!(site(row, NOON).last_seen, expected);
    }

    #[test]
    fn a_site_is_never_shown_as_seen_in_time_to_come() {
        check(Some(Millis::hours(3)), Some(Millis::hours(3)));
        check(Some(Millis::seconds(-30)), Some(Millis::seconds(-30)));
        check(Some(Millis::days(-731)), None);
        check(None, None);
    }
}
