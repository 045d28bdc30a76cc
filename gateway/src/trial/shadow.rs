//! A second pack beside the one in force: a follower of the log that judges everybody whom new facts
//! touch by both packs, and keeps what each would open. It sends nothing, opens nothing, and can
//! neither slow nor fail what is in force.
//!
//! A person is judged when a fact touches them, from their whole stored past. Silence alone touches
//! nobody: its lines show at the person's next fact.

use std::{collections::HashMap, path::Path, sync::Arc};

use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::{
    past::{Past, judged},
    record::{Decision, Head, Record, RecordError, Records},
};
use crate::{
    assess::{Assessment, FactId, Pack, Trigger},
    domain::{Clock, Person, PersonId, Registered, SiteId, Timestamp},
    export::{BackOff, Follower, Log, Progress, Step},
    store::{
        CommitSeq, Fact, Reader, RegistryKey, StoreError, StoredReading,
        view::{FeedEntry, Scope},
    },
    supervise::Stop,
};

/// The follower's name, under which its cursor is kept.
pub const SHADOW: &str = "shadow";

/// Facts of one round: people whom several of them touch are judged once.
const ROUND: usize = 2000;
/// People whose readings are in memory at once.
const AT_ONCE: usize = 25;

/// Why a round came to nothing; it is tried again.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// The packs and what they decided so far.
struct Bench {
    reader: Arc<dyn Reader>,
    /// In force, and in its shadow.
    packs: [Arc<Pack>; 2],
    /// Whose readings count; empty: of all sites.
    sites: Vec<SiteId>,
    since: Timestamp,
    records: Records,
    clock: Clock,
}

/// The follower.
pub struct Shadow {
    log: Log,
    bench: Bench,
    progress: Arc<Progress>,
    fresh: bool,
}

impl std::fmt::Debug for Shadow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shadow").field("packs", &self.bench.packs).finish_non_exhaustive()
    }
}

impl Shadow {
    /// Opens the shadow's file in the data folder. With other packs or sites than before it begins
    /// anew, from now on; what was decided before is kept aside.
    ///
    /// # Errors
    /// [`RecordError`] where the file cannot be read or written.
    pub fn new(
        dir: &Path,
        log: Log,
        packs: [Arc<Pack>; 2],
        sites: Vec<SiteId>,
        clock: Clock,
    ) -> Result<Self, RecordError> {
        let titles = [0, 1].map(|at: usize| {
            let pack = packs.get(at);
            pack.map_or_else(Default::default, |pack| (pack.title().clone(), pack.hash().into()))
        });
        let head = Head::new(titles, &sites, clock.now());
        let (records, head, fresh) = Records::open(dir, head)?;
        let reader = Arc::clone(&log.reader);
        let bench = Bench { reader, packs, sites, since: head.since, records, clock };
        Ok(Self { log, bench, progress: Arc::default(), fresh })
    }

    /// How far it is. Taken before [`Shadow::run`].
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Follows the log until it is told to stop.
    pub async fn run(self, stop: Stop) {
        let Self { log, mut bench, progress, fresh } = self;
        if fresh {
            begin_now(&log).await;
        }
        let Some(mut follower) = Follower::open(SHADOW, log, progress, stop).await else { return };
        info!(
            pack = bench.packs.last().map_or("", |pack| pack.title()),
            "a second pack runs beside"
        );
        let mut back_off = BackOff::new(SHADOW);
        loop {
            let mut facts = match follower.next(ROUND, None).await {
                Step::Stop => return,
                Step::Due => continue,
                Step::Facts(facts) => facts,
            };
            let to = follower.position();
            loop {
                let round = spawn_blocking(move || {
                    let done = bench.round(&facts);
                    (bench, facts, done)
                });
                let Ok((same, told, done)) = round.await else {
                    return error!("the shadow pack broke off; nothing in force depends on it");
                };
                (bench, facts) = (same, told);
                match done {
                    Ok(()) => break,
                    Err(error) => warn!(%error, "the shadow pack tries again"),
                }
                if !follower.rest(back_off.next_wait()).await {
                    return;
                }
            }
            back_off.reset();
            follower.advance(to).await;
        }
    }
}

/// A pack is tried from now on: the past is for `rules diff`. Where the cursor cannot be moved it
/// reads the past as well, which takes longer and changes nothing.
async fn begin_now(log: &Log) {
    let reader = Arc::clone(&log.reader);
    let moved = match spawn_blocking(move || reader.last()).await {
        Ok(Ok(last)) if last > CommitSeq::default() => (log.advance)(SHADOW, last).await.is_ok(),
        Ok(Ok(_)) => true,
        Ok(Err(_)) | Err(_) => false,
    };
    if !moved {
        warn!("the shadow pack begins with the whole log");
    }
}

impl Bench {
    /// Judges everybody whom facts touch, and keeps what is new on disk.
    fn round(&mut self, facts: &[FeedEntry]) -> Result<(), RoundError> {
        let mut touched: Vec<PersonId> = Vec::new();
        for file in facts.iter().filter_map(|entry| self.touched(&entry.fact)) {
            // What came under a file that counts as another's is judged there.
            touched.push(self.reader.survivor(&file)?.unwrap_or(file));
        }
        touched.sort_unstable();
        touched.dedup();
        let mut homes = HashMap::new();
        for people in touched.chunks(AT_ONCE) {
            let pasts = Past::of(self.reader.as_ref(), people)?;
            for (person, past) in people.iter().zip(pasts) {
                let row = self.registered(&RegistryKey::Person(person.clone()))?;
                let Some(Registered::Person(row)) = row else { continue };
                if let Some(home) = row.household.clone()
                    && !homes.contains_key(&home)
                {
                    let found = self.registered(&RegistryKey::Household(home.clone()))?;
                    homes.insert(home, found);
                }
                let home = row.household.as_ref().and_then(|home| homes.get(home)?.as_ref());
                let record = self.record(&row, home, &past);
                self.records.add(record)?;
            }
        }
        Ok(self.records.sync()?)
    }

    fn registered(&self, key: &RegistryKey) -> Result<Option<Registered>, StoreError> {
        self.reader.registered(&Scope::Everything, key)
    }

    fn touched(&self, fact: &Fact) -> Option<PersonId> {
        match fact {
            Fact::Reading(stored) => {
                let here = self.sites.is_empty() || self.sites.contains(&stored.reading.site);
                let whose = stored.attribution.as_ref().filter(|_| here)?;
                Some(whose.person.clone())
            }
            // Events have no site: of those who were measured here before.
            Fact::Event(event) => {
                let here = self.sites.is_empty() || self.records.knows(&event.person);
                here.then(|| event.person.clone())
            }
            // Another diagnosis or cohort: of those who were measured here before.
            Fact::Registration(entry) => {
                let Registered::Person(row) = &entry.row else { return None };
                self.records.knows(&row.person).then(|| row.person.clone())
            }
            // A claim or its undoing: of whom it concerns now, else of whom it did.
            Fact::Attributed(moved) => {
                let whose = moved.after.as_ref().or(moved.before.as_ref())?;
                self.records.knows(&whose.person).then(|| whose.person.clone())
            }
            // Two files of one person: of whom it concerns, it shows at the other's next reading.
            Fact::Merged(merged) => {
                self.records.knows(&merged.survivor).then(|| merged.survivor.clone())
            }
            // A context, or another time, shows at the next reading of whom it concerns.
            Fact::Context(_)
            | Fact::Pack(_)
            | Fact::Retimed(_)
            | Fact::Clock(_)
            | Fact::Decided(_)
            | Fact::Refused(_)
            | Fact::Quarantined(_)
            | Fact::CardScan(_)
            | Fact::Presence(_)
            | Fact::Crossing(_)
            | Fact::Alert(_)
            | Fact::Attempt(_) => None,
        }
    }

    fn record(&self, row: &Person, home: Option<&Registered>, past: &Past) -> Record {
        let home = home.and_then(|home| {
            let Registered::Household(home) = home else { return None };
            Some(home)
        });
        let now = self.clock.now();
        let [a, b] = self.packs.each_ref().map(|pack| {
            decisions(&judged(pack, (row, home), past, now), &past.readings, self.since)
        });
        let site = past.readings.last().map(|stored| stored.reading.site.clone());
        Record { person: row.person.clone(), site, a, b }
    }
}

/// What could first be known at or after an instant, however late it came, each with the site of
/// the reading that completed it, or, where an event or time did, of the last reading before.
fn decisions(of: &Assessment, past: &[StoredReading], since: Timestamp) -> Vec<Decision> {
    let opened = of.episodes.iter().filter(|episode| episode.clock >= since);
    let decided = opened.map(|episode| {
        let completed = match episode.trigger {
            Trigger::Fact(id) => past.iter().find(|stored| FactId::from(stored.reading.id) == id),
            Trigger::Timer(_) => None,
        };
        let before = |stored: &&StoredReading| stored.reading.measured.at <= episode.at;
        let completed = completed.or_else(|| past.iter().rev().find(before));
        Decision {
            id: episode.id,
            concept: episode.concept.as_str().into(),
            level: episode.opened_level,
            at: episode.at,
            site: completed.map(|stored| stored.reading.site.clone()),
        }
    });
    decided.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use tokio::sync::watch;

    use super::*;
    use crate::{
        assess::Norm,
        store::ModelStore,
        supervise::Supervisor,
        trial::{
            Split, by_site, read,
            tests::{day, pack, reading, store},
        },
    };

    /// One value on each of four days: over the line of 2025 alone for P1, over both for P2.
    fn two_sites() -> Vec<StoredReading> {
        let visits = (0..4).flat_map(|visit| {
            let at = day(2 * visit);
            let number = 2 * u64::try_from(visit).unwrap();
            [
                reading(number, ("P1", "van-1"), at, (134, 82)),
                reading(number + 1, ("P2", "van-2"), at, (150, 92)),
            ]
        });
        visits.collect()
    }

    type Cursor = Arc<Mutex<CommitSeq>>;

    fn log(reader: Arc<dyn Reader>, cursor: &Cursor) -> (Log, watch::Sender<CommitSeq>) {
        let (commits, seen) = watch::channel(CommitSeq(0));
        let cursor = Arc::clone(cursor);
        let advance: crate::export::Advance = Arc::new(move |name, to| {
            assert_eq!(name, SHADOW);
            *cursor.lock().unwrap_or_else(PoisonError::into_inner) = to;
            Box::pin(async { Ok(()) })
        });
        (Log { reader, advance, commits: seen }, commits)
    }

    fn shadow(dir: &Path, log: Log, sites: &[&str]) -> Shadow {
        let packs = [Norm::Nbphs3, Norm::PrimaryCare2025].map(|norm| Arc::new(pack(norm)));
        let sites = sites.iter().map(|site| site.parse().unwrap()).collect();
        Shadow::new(dir, log, packs, sites, Clock::scripted(|| day(0))).unwrap()
    }

    /// What stands in the file after the whole log has been followed twice.
    fn followed(sites: &[&str]) -> Vec<Record> {
        let folder = tempfile::tempdir().unwrap();
        let (_store, reader): (ModelStore, _) = store(two_sites());
        let facts = reader.feed(CommitSeq(0), 1000).unwrap();
        let (log, _commits) = log(reader, &Cursor::default());
        let mut shadow = shadow(folder.path(), log, sites);
        shadow.bench.round(&facts).unwrap();
        let size = || std::fs::metadata(folder.path().join(crate::trial::FILE)).unwrap().len();
        let before = size();
        shadow.bench.round(&facts).unwrap();
        assert_eq!(size(), before, "the same facts again say nothing new");
        read(folder.path()).unwrap().unwrap().1.into_values().collect()
    }

    #[test]
    fn both_packs_decide_about_everybody_and_the_report_is_by_site() {
        let records = followed(&[]);
        let sites = by_site(records.iter());
        let first = "bp_uncontrolled_first";
        let at = |site: &str| &sites[&Some(site.parse().unwrap())];
        let one = Split { b_only: 1, ..Split::default() };
        assert_eq!(at("van-1").lines.get(first), Some(&one));
        assert_eq!((at("van-1").people, at("van-1").changed.len()), (1, 1));
        let both = Split { both: 1, ..Split::default() };
        assert_eq!(at("van-2").lines.get(first), Some(&both));
        assert_eq!((at("van-2").people, at("van-2").changed.len()), (1, 0));
        assert_eq!((at("van-1").levels[1], at("van-2").levels[1]), ([0, 1], [1, 1]));
    }

    #[test]
    fn it_may_be_bound_to_sites() {
        let people: Vec<_> =
            followed(&["van-2", "van-3"]).into_iter().map(|record| record.person).collect();
        assert_eq!(people, ["P2".parse().unwrap()]);
    }

    #[tokio::test]
    async fn it_begins_with_what_comes_and_leaves_the_past_to_the_diff() {
        let folder = tempfile::tempdir().unwrap();
        let (_store, reader) = store(two_sites());
        let (last, cursor) = (reader.last().unwrap(), Cursor::default());
        let (log, _commits) = log(reader, &cursor);
        let supervisor = Supervisor::new();
        let shadow = shadow(folder.path(), log, &[]);
        assert!(shadow.fresh);
        supervisor.stop();
        shadow.run(supervisor.stopping()).await;
        assert_eq!(*cursor.lock().unwrap(), last);
        assert_eq!(read(folder.path()).unwrap().unwrap().1.len(), 0);
    }
}
