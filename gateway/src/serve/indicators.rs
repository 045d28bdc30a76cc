//! Indicators of every village, month by month: counted from the store by a task of its own, once an
//! hour or oftener where it is quick, because looking at everybody's readings of two years takes longer than a reader waits.
//! What is shown says as of when it was counted.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;
use tracing::{info, warn};

use crate::{
    assess::{History, Indicators, Pack, Patient, died, months_before, taken_into_care, visits},
    domain::{Clock, HouseholdId, Millis, Person, Registered, Timestamp},
    store::{
        Reader, StoreError, StoredReading,
        view::{Paging, ReadingFilter, Scope},
    },
    supervise::Stop,
};

/// Months that are kept: the present one and a year before it.
const MONTHS_KEPT: i64 = 13;
/// How long a count stands at least, and at most.
const STANDS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(3600)];
/// Within these, it stands so many times as long as it took: a small clinic sees new numbers at once,
/// a township within the hour.
const STANDS_TIMES: u32 = 100;
/// After a count that failed.
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// Rows asked at once: some 3 ms of work, so that an acknowledgement that needs the core waits no longer.
const PAGE: usize = 250;
/// After each page it rests so many times as long as the page took: a quarter of one core at most.
const RESTS: u32 = 3;

/// One month of every village.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// As `2026-11`.
    pub month: String,
    /// Its last instant, or now where it has not ended.
    pub end: Timestamp,
    /// By village; the empty name: of people whose village nobody knows.
    pub villages: BTreeMap<String, Indicators>,
}

/// Every month that is kept, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// When they were counted.
    pub as_of: Timestamp,
    /// The months.
    pub months: Vec<Month>,
    /// The villages within each township, county and city.
    places: BTreeMap<String, BTreeSet<String>>,
}

/// The latest count; `None` until the first is there.
pub type Latest = watch::Receiver<Option<Arc<Counted>>>;

impl Counted {
    /// The indicators of a month within a scope, of one place or of everything in it.
    #[must_use]
    pub fn of(&self, month: &Month, scope: &Scope, place: Option<&str>) -> Indicators {
        let mut sum = Indicators::default();
        for (village, indicators) in &month.villages {
            let asked = place.is_none_or(|place| self.holds(place, village));
            let reached = match scope {
                Scope::Everything => true,
                Scope::Place(own) => self.holds(own, village),
                Scope::Doctor(_) | Scope::Nobody => false,
            };
            if asked && reached {
                sum.add(indicators);
            }
        }
        sum
    }

    fn holds(&self, place: &str, village: &str) -> bool {
        !village.is_empty()
            && (place == village
                || self.places.get(place).is_some_and(|villages| villages.contains(village)))
    }
}

/// Counts again and again, until it is told to stop.
pub async fn follow(
    reader: Arc<dyn Reader>,
    pack: watch::Receiver<Arc<Pack>>,
    clock: Clock,
    latest: watch::Sender<Option<Arc<Counted>>>,
    stop: Stop,
) {
    loop {
        let begun = tokio::time::Instant::now();
        let in_force = Arc::clone(&pack.borrow());
        let counting = count_gently(&reader, &in_force, clock.now());
        let wait = tokio::select! {
            () = stop.wait() => return,
            counted = counting => match counted {
                Ok(counted) => {
                    latest.send_replace(Some(Arc::new(counted)));
                    let [least, most] = STANDS;
                    begun.elapsed().saturating_mul(STANDS_TIMES).clamp(least, most)
                }
                Err(why) => {
                    warn!(why, "indicators could not be counted");
                    TRY_AGAIN
                }
            },
        };
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Counts page by page, and rests between pages, so that nobody else waits for it.
async fn count_gently(
    reader: &Arc<dyn Reader>,
    pack: &Arc<Pack>,
    now: Timestamp,
) -> Result<Counted, String> {
    let begin = tokio::time::Instant::now();
    let mut counting = None;
    loop {
        let (reader, pack) = (Arc::clone(reader), Arc::clone(pack));
        let page = tokio::time::Instant::now();
        let step = tokio::task::spawn_blocking(move || {
            let counting = match counting {
                Some(counting) => counting,
                None => Counting::begin(reader.as_ref(), now)?,
            };
            counting.page(reader.as_ref(), &pack)
        });
        match step.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())? {
            Step::Done(counted) => {
                let millis = begin.elapsed().as_millis();
                info!(millis, "indicators counted");
                return Ok(*counted);
            }
            Step::More(more) => counting = Some(*more),
        }
        tokio::time::sleep(page.elapsed().saturating_mul(RESTS)).await;
    }
}

/// Counts every month that is kept, from everybody's readings, at one go.
#[cfg(test)]
pub(super) fn count(
    reader: &dyn Reader,
    pack: &Pack,
    now: Timestamp,
) -> Result<Counted, StoreError> {
    let mut counting = Counting::begin(reader, now)?;
    loop {
        match counting.page(reader, pack)? {
            Step::Done(counted) => return Ok(*counted),
            Step::More(more) => counting = *more,
        }
    }
}

/// A count under way.
struct Counting {
    homes: HashMap<HouseholdId, Home>,
    counted: Counted,
    /// The first instant of which readings are looked at.
    from: Timestamp,
    after: Option<String>,
}

/// What a page comes to.
enum Step {
    More(Box<Counting>),
    Done(Box<Counted>),
}

impl Counting {
    fn begin(reader: &dyn Reader, now: Timestamp) -> Result<Self, StoreError> {
        let counted = Counted { as_of: now, months: months(now), places: places(reader)? };
        let oldest = counted.months.first();
        let from = oldest.and_then(|month| months_before(month.end, MONTHS_KEPT)).unwrap_or(now);
        Ok(Self { homes: homes(reader, counted.as_of)?, counted, from, after: None })
    }

    /// Counts the next people.
    fn page(mut self, reader: &dyn Reader, pack: &Pack) -> Result<Step, StoreError> {
        let paging = Paging { limit: PAGE, after: self.after.take() };
        let page = reader.people(&Scope::Everything, "", &paging)?;
        for person in &page.items {
            // Whoever counts as another is counted there.
            if reader.survivor(&person.person)?.is_some() {
                continue;
            }
            let home = person.household.as_ref().and_then(|household| self.homes.get(household));
            let village = home.map_or(person.village.as_str(), |home| home.village.as_str());
            let span = (self.from, self.counted.as_of);
            let history = history(reader, pack, (person, home), span)?;
            for month in &mut self.counted.months {
                let village = month.villages.entry(village.to_owned()).or_default();
                village.count(pack, &history, month.end);
            }
        }
        self.after = page.next;
        Ok(match self.after {
            Some(_) => Step::More(Box::new(self)),
            None => Step::Done(Box::new(self.counted)),
        })
    }
}

/// What is asked of a household.
struct Home {
    village: String,
    contracted: bool,
}

fn homes(reader: &dyn Reader, now: Timestamp) -> Result<HashMap<HouseholdId, Home>, StoreError> {
    let mut homes = HashMap::new();
    let mut dated: Vec<HouseholdId> = Vec::new();
    each(reader, "household", |row| {
        if let Registered::Household(row) = row {
            let contracted = row.doctor.is_some();
            if !row.assigned.is_empty() {
                dated.push(row.household.clone());
            }
            homes.insert(row.household, Home { village: row.village, contracted });
        }
    })?;
    // One with dates may have nobody yet, or nobody any more; an earlier row may say who it is.
    for household in dated {
        let doctor = reader.doctor_of(&household, now)?;
        if let Some(home) = homes.get_mut(&household) {
            home.contracted = doctor.is_some();
        }
    }
    Ok(homes)
}

fn places(reader: &dyn Reader) -> Result<BTreeMap<String, BTreeSet<String>>, StoreError> {
    let mut names: BTreeSet<String> = BTreeSet::new();
    each(reader, "site", |row| {
        if let Registered::Site(site) = row {
            let county = site.attributes.get("county").cloned().unwrap_or_default();
            names.extend([site.township, county]);
        }
    })?;
    each(reader, "place", |row| {
        if let Registered::Place(place) = row {
            names.insert(place.parent);
        }
    })?;
    let of = |name: String| {
        let villages = reader.villages_of(&name)?;
        Ok((name, villages.into_iter().collect()))
    };
    names.into_iter().filter(|name| !name.is_empty()).map(of).collect()
}

fn each(
    reader: &dyn Reader,
    kind: &str,
    mut take: impl FnMut(Registered),
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = reader.registry(kind, &Paging { limit: PAGE, after })?;
        page.items.into_iter().for_each(&mut take);
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// The months that are kept, without anybody in them yet.
fn months(now: Timestamp) -> Vec<Month> {
    let begin = |back: i64| months_before(now, back.saturating_add(1));
    let month = |back: i64| {
        let first = begin(back)?;
        let end = if back == 0 { now } else { begin(back.checked_sub(1)?)?.minus(Millis(1)) };
        let name = first.to_shanghai()?.date().strftime("%Y-%m").to_string();
        Some(Month { month: name, end, villages: BTreeMap::new() })
    };
    (0..MONTHS_KEPT).rev().filter_map(month).collect()
}

/// A person's care, from their readings of a span.
fn history(
    reader: &dyn Reader,
    pack: &Pack,
    (person, home): (&Person, Option<&Home>),
    (from, now): (Timestamp, Timestamp),
) -> Result<History, StoreError> {
    let mut readings: Vec<StoredReading> = Vec::new();
    let mut after = None;
    loop {
        let filter = ReadingFilter {
            person: Some(person.person.clone()),
            from: Some(from),
            to: Some(now),
            ..ReadingFilter::default()
        };
        let page = reader.readings(&Scope::Everything, &filter, &Paging { limit: PAGE, after })?;
        readings.extend(page.items.into_iter().map(|(_, stored)| stored));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    readings.reverse();
    let visits = visits(pack, &readings);
    let registered = match taken_into_care(person) {
        Some(at) => Some(at),
        None => first_seen(reader, person, from)?.or(visits.first().map(|visit| visit.at)),
    };
    Ok(History {
        patient: Patient::registered(pack, person, None, None),
        contracted: home.is_some_and(|home| home.contracted),
        registered,
        died: died(person).and_then(|day| Timestamp::from_shanghai(day.at(0, 0, 0, 0))),
        visits,
    })
}

/// Somebody was measured before the span: they were in care when it began.
fn first_seen(
    reader: &dyn Reader,
    person: &Person,
    from: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let filter = ReadingFilter {
        person: Some(person.person.clone()),
        to: Some(from),
        ..ReadingFilter::default()
    };
    let one = Paging { limit: 1, after: None };
    let page = reader.readings(&Scope::Everything, &filter, &one)?;
    Ok(page.items.first().map(|(_, stored)| stored.reading.measured.at))
}
