//! The packs that were ever in force. A new one is a fact: it judges what happens from then on, and
//! history keeps its own.
//!
//! A gateway whose neighbour above has told its packs judges by those, each from the instant at which
//! it came into force there: the same day, judged at both, gives the same alerts. Its own pack counts
//! until then.

use std::sync::Arc;

use tokio::sync::watch::{self, Receiver, Sender};
use tracing::{error, info, warn};

use crate::{
    assess::{Pack, Packs},
    domain::Timestamp,
    store::{Change, Fact, PackInForce, Store, StoreError},
};

use super::watch::CURSOR;

/// What the writer judges by, and everybody else who asks.
#[derive(Debug)]
pub(super) struct PacksInForce {
    own: Arc<Pack>,
    all: Packs,
    told: Sender<Arc<Pack>>,
}

impl PacksInForce {
    /// At a start: our own pack, or those of the gateway above.
    pub(super) fn begin(
        store: &mut dyn Store,
        own: Arc<Pack>,
        now: Timestamp,
    ) -> Result<(Self, Receiver<Arc<Pack>>), StoreError> {
        let all = put_in_force(store, &own, now)?;
        let (told, last) = watch::channel(Arc::clone(all.last()));
        Ok((Self { own, all, told }, last))
    }

    /// Every pack that was ever in force.
    pub(super) const fn all(&self) -> &Packs {
        &self.all
    }

    /// Packs came from above, and are on disk: whatever is judged from now on is judged by them.
    pub(super) fn follow(
        &mut self,
        store: &mut dyn Store,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.all = read(&store.begin(now)?.packs()?, &self.own);
        let pack = self.all.last();
        info!(pack = pack.title().as_str(), hash = pack.hash(), "a rule pack of the gateway above");
        self.told.send_replace(Arc::clone(pack));
        Ok(())
    }
}

/// Puts a pack in force, if it is not and none came from above, and returns what is in force.
pub(super) fn put_in_force(
    store: &mut dyn Store,
    own: &Arc<Pack>,
    now: Timestamp,
) -> Result<Packs, StoreError> {
    let mut unit = store.begin(now)?;
    let mut held = unit.packs()?;
    let above = held.iter().any(|pack| pack.origin.is_some());
    let last = held.iter().rfind(|pack| pack.origin.is_none());
    if last.is_none_or(|last| last.hash != own.hash()) && !above {
        let (hash, text) = (own.hash().to_owned(), own.text().to_owned());
        let fact = PackInForce { hash, text, at: now, origin: None };
        unit.append(&[Fact::Pack(Box::new(fact.clone()))])?;
        // It changes when anybody's silence is due.
        unit.change(&[Change::Cursor { follower: CURSOR.to_owned(), to: None }])?;
        unit.commit()?;
        info!(pack = own.title().as_str(), hash = own.hash(), "a rule pack comes into force");
        held.push(fact);
    }
    let packs = read(&held, own);
    if above && packs.last().hash() != own.hash() {
        let in_force = packs.last().title();
        warn!(own = %own.title(), %in_force, "the rule pack of the gateway above is in force, not our own");
    }
    Ok(packs)
}

/// What is in force, of everything that was told.
fn read(held: &[PackInForce], own: &Arc<Pack>) -> Packs {
    // Whoever told of its packs last is the uppermost that is heard: it passes on nobody else's.
    let above = held.iter().rev().find_map(|pack| pack.origin.as_ref());
    if above.is_some()
        && let Some(packs) = of(held.iter().filter(|pack| pack.origin.as_ref() == above), own)
    {
        return packs;
    }
    let ours = held.iter().filter(|pack| pack.origin.is_none());
    of(ours, own).unwrap_or_else(|| Packs::new(Arc::clone(own)))
}

/// Packs of one gateway, by when they came into force; `None`: none can be read.
fn of<'p>(held: impl Iterator<Item = &'p PackInForce>, own: &Arc<Pack>) -> Option<Packs> {
    let mut held: Vec<_> = held.collect();
    held.sort_by_key(|pack| pack.at);
    let mut packs: Option<Packs> = None;
    for row in held {
        let pack = if row.hash == own.hash() { Some(Arc::clone(own)) } else { from_text(row) };
        let Some(pack) = pack else { continue };
        match &mut packs {
            None => packs = Some(Packs::new(pack)),
            Some(packs) => packs.follow(row.at, pack),
        }
    }
    packs
}

/// `None`, and told, where this program cannot read it: what it judged is judged by its neighbour.
fn from_text(row: &PackInForce) -> Option<Arc<Pack>> {
    match Pack::from_text(&row.text) {
        Ok(pack) => Some(Arc::new(pack)),
        Err(error) => {
            error!(%error, hash = row.hash, "a rule pack cannot be read by this program");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixtures::{NOON, id};

    fn pack(version: &str) -> Arc<Pack> {
        Arc::new(Pack::laid_over(&format!("{{\"version\": \"{version}\"}}")).unwrap())
    }

    /// A pack by version and minute, from a gateway above or our own.
    fn told(version: &str, origin: Option<&str>, minutes: i64) -> PackInForce {
        let pack = pack(version);
        let at = NOON.plus(crate::domain::Millis::minutes(minutes));
        let (hash, text) = (pack.hash().to_owned(), pack.text().to_owned());
        PackInForce { hash, text, at, origin: origin.map(id) }
    }

    /// Which packs are in force, in their order, when a program starts whose own is version 1.
    #[track_caller]
    fn check(held: &[PackInForce], expected: &[&str]) {
        let packs = read(held, &pack("1"));
        let versions: Vec<_> = packs.all().map(|pack| pack.version().to_owned()).collect();
        assert_eq!(versions, expected);
    }

    #[test]
    fn whoever_is_above_says_by_what_is_judged() {
        check(&[], &["1"]);
        check(&[told("0", None, 0), told("1", None, 9)], &["0", "1"]);
        check(&[told("1", None, 9), told("2", Some("town"), 5)], &["2"]);
        // They came in another order than they were in force.
        let town = [told("3", Some("town"), 7), told("1", None, 1), told("2", Some("town"), 5)];
        check(&town, &["2", "3"]);
        // The town above heard of its county: it passes on the county's alone.
        let county = [&town[..], &[told("9", Some("county"), 0)]].concat();
        check(&county, &["9"]);
    }

    #[test]
    fn what_this_program_cannot_read_judges_nothing() {
        let mut later = told("2", Some("town"), 5);
        (later.hash, later.text) = ("of a later program".to_owned(), "{\"x\": 1}".to_owned());
        check(&[told("1", None, 9), later.clone()], &["1"]);
        check(&[told("3", Some("town"), 4), later], &["3"]);
    }
}
