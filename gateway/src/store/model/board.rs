//! The board by counting everything.

use std::collections::BTreeSet;

use super::{held::quarantined, reader::refused, state::State};
use crate::{
    domain::{Alert, AlertState, Level, PersonId, SiteId, Timestamp},
    store::{
        CommitSeq, Fact, StoredReading,
        view::{Board, HeldQuarantine, HeldState, HourRow, Scope, SiteRow, VillageRow},
    },
};

/// Least first.
pub(super) const fn rank(level: Level) -> i64 {
    match level {
        Level::Blue => 0,
        Level::Yellow => 1,
        Level::Orange => 2,
        Level::Red => 3,
    }
}

struct Counting<'s> {
    state: &'s State,
    scope: &'s Scope,
    place: Option<&'s str>,
    day: i64,
}

impl Counting<'_> {
    fn in_village(&self, village: &str) -> bool {
        let inside = |place: &str| self.state.villages_of(place).contains(village);
        let allowed = match self.scope {
            Scope::Everything | Scope::Doctor(_) => true,
            Scope::Place(place) => inside(place),
            Scope::Nobody => false,
        };
        allowed && self.place.is_none_or(inside)
    }

    fn at_site(&self, site: Option<&SiteId>) -> bool {
        let inside =
            |place: &str| site.is_some_and(|site| self.state.sites_of(place).contains(site));
        let allowed = match self.scope {
            Scope::Everything => true,
            Scope::Place(place) => inside(place),
            Scope::Nobody | Scope::Doctor(_) => false,
        };
        allowed && self.place.is_none_or(inside)
    }

    /// A doctor's board counts their people alone.
    fn theirs(&self, person: Option<&PersonId>) -> bool {
        match self.scope {
            Scope::Doctor(_) => person.is_some_and(|person| self.state.reaches(self.scope, person)),
            Scope::Everything | Scope::Place(_) | Scope::Nobody => true,
        }
    }

    fn counts(&self, stored: &StoredReading) -> bool {
        let person = self.state.owner(stored);
        let person = person.as_ref();
        let village = self.state.village(person);
        let here = self.in_village(&village)
            || village.is_empty() && self.at_site(Some(&stored.reading.site));
        here && self.theirs(person)
    }

    fn measured_today(&self) -> Vec<StoredReading> {
        let today = |stored: &StoredReading| stored.reading.measured.at.shanghai_day() == self.day;
        self.state.readings().map(|(_, stored)| stored).filter(today).collect()
    }
}

pub(super) fn board(state: &State, scope: &Scope, place: Option<&str>, now: Timestamp) -> Board {
    let counting = Counting { state, scope, place, day: now.shanghai_day() };
    let today = counting.measured_today();
    let people_in = |inside: &dyn Fn(&str) -> bool| {
        let people = today
            .iter()
            .filter_map(|stored| state.owner(stored))
            .filter(|person| inside(&state.village(Some(person))) && counting.theirs(Some(person)));
        count(people.collect::<BTreeSet<_>>())
    };
    let residents = |inside: &dyn Fn(&str) -> bool| {
        let people = state.people().filter(|person| {
            inside(state.village_of(person)) && counting.theirs(Some(&person.person))
        });
        count(people)
    };
    let alerts: Vec<_> = state
        .alerts
        .values()
        .filter(|alert| alert.state.is_live())
        .filter(|alert| {
            let site = state.nobodys_site(&alert.person);
            counting.in_village(&state.village(Some(&alert.person)))
                || site.is_some_and(|site| counting.at_site(Some(&site)))
        })
        .filter(|alert| counting.theirs(Some(&alert.person)))
        .collect();
    let unacknowledged = || alerts.iter().filter(|alert| alert.state == AlertState::Open);
    let villages: BTreeSet<_> = state
        .people()
        .filter(|person| counting.theirs(Some(&person.person)))
        .map(|person| state.village_of(person).to_owned())
        .filter(|village| !village.is_empty() && counting.in_village(village))
        .collect();
    let hourly: Vec<_> = (0..24).map(|hour| hour_row(&counting, &today, hour)).collect();
    Board {
        cursor: state.last(),
        people: residents(&|village| counting.in_village(village)),
        readings_today: hourly.iter().map(|row| row.readings).sum(),
        people_today: people_in(&|village| counting.in_village(village)),
        open: [Level::Blue, Level::Yellow, Level::Orange, Level::Red]
            .map(|level| count(alerts.iter().filter(|alert| alert.level == level))),
        overdue: count(
            unacknowledged().filter(|alert| alert.deadline.is_some_and(|deadline| deadline < now)),
        ),
        oldest_unacknowledged: unacknowledged().map(|alert| alert.opened_at).min(),
        quarantined: count(waiting(state, scope).iter().filter(|held| {
            matches!(scope, Scope::Doctor(_)) || counting.at_or_all(held.origin.site.as_ref())
        })),
        refused: count(
            refused(state, scope)
                .iter()
                .filter(|held| counting.at_or_all(held.refused.origin.site.as_ref())),
        ),
        sites: sites(&counting, &today),
        villages: villages
            .into_iter()
            .map(|village| VillageRow {
                people: residents(&|other| other == village),
                people_today: people_in(&|other| other == village),
                worst: worst(state, &alerts, &village),
                village,
            })
            .collect(),
        hourly,
    }
}

impl Counting<'_> {
    /// What names no site is counted where everything is.
    fn at_or_all(&self, site: Option<&SiteId>) -> bool {
        self.place.is_none() && *self.scope == Scope::Everything || self.at_site(site)
    }
}

fn count<T>(items: impl IntoIterator<Item = T>) -> u64 {
    u64::try_from(items.into_iter().count()).unwrap_or(u64::MAX)
}

fn worst(state: &State, alerts: &[&Alert], village: &str) -> Option<Level> {
    let here = alerts.iter().filter(|alert| state.village(Some(&alert.person)) == village);
    here.map(|alert| alert.level).max()
}

fn hour_of(at: Timestamp) -> u8 {
    at.to_shanghai().and_then(|local| u8::try_from(local.hour()).ok()).unwrap_or_default()
}

fn hour_row(counting: &Counting<'_>, today: &[StoredReading], hour: u8) -> HourRow {
    let then = |stored: &&StoredReading| {
        hour_of(stored.reading.measured.at) == hour && counting.counts(stored)
    };
    let crossed = |stored: &StoredReading| {
        let all = counting.state.crossings();
        let own = all.filter(|crossing| crossing.reading == Some(stored.reading.id));
        let concepts: BTreeSet<_> = own.map(|crossing| &crossing.concept).collect();
        count(concepts.iter())
    };
    let crossings = today.iter().filter(then).map(crossed);
    HourRow { hour, readings: count(today.iter().filter(then)), crossings: crossings.sum() }
}

fn sites(counting: &Counting<'_>, today: &[StoredReading]) -> Vec<SiteRow> {
    let state = counting.state;
    let listed = state.sites().filter(|site| counting.at_site(Some(&site.site)));
    listed
        .map(|site| {
            let here = || today.iter().filter(|stored| stored.reading.site == site.site);
            let mut presences = state.log().rev().filter_map(|(_, fact)| {
                if let Fact::Presence(presence) = fact { Some(presence) } else { None }
            });
            let latest = presences.find(|presence| presence.site == site.site);
            let waiting = waiting(state, &Scope::Everything);
            let waiting =
                waiting.iter().filter(|held| held.origin.site.as_ref() == Some(&site.site));
            SiteRow {
                site: site.site.clone(),
                name: site.name.clone(),
                kind: site.kind,
                online: latest.map(|presence| presence.online),
                last_seen: state.log().filter_map(|entry| heard(entry, &site.site)).max(),
                readings_today: count(here()),
                people_today: count(
                    here().filter_map(|stored| state.owner(stored)).collect::<BTreeSet<_>>(),
                ),
                quarantined: count(waiting),
            }
        })
        .collect()
}

/// What waits in quarantine within a scope.
fn waiting(state: &State, scope: &Scope) -> Vec<HeldQuarantine> {
    let mut items = quarantined(state, scope);
    items.retain(|held| held.state() == HeldState::Waiting);
    items
}

/// When a fact was heard from a site.
fn heard((_, fact): (CommitSeq, &Fact), wanted: &SiteId) -> Option<Timestamp> {
    let (site, at) = match fact {
        Fact::Reading(stored) => (Some(&stored.reading.site), stored.server_at),
        Fact::Refused(refused) => (refused.origin.site.as_ref(), refused.received_at),
        Fact::Quarantined(item) => (item.origin.site.as_ref(), item.received_at),
        Fact::Context(context) => (Some(&context.site), context.received_at),
        Fact::CardScan(scan) => (Some(&scan.site), scan.received_at),
        Fact::Presence(presence) => (Some(&presence.site), presence.at),
        Fact::Registration(_)
        | Fact::Pack(_)
        | Fact::Decided(_)
        | Fact::Attributed(_)
        | Fact::Merged(_)
        | Fact::Retimed(_)
        | Fact::Clock(_)
        | Fact::Event(_)
        | Fact::Crossing(_)
        | Fact::Alert(_)
        | Fact::Attempt(_) => {
            return None;
        }
    };
    (site == Some(wanted)).then_some(at)
}
