//! The packs that were ever in force. A new one is a fact: it judges what happens from then on, and
//! history keeps its own.

use std::sync::Arc;

use tracing::{error, info};

use crate::{
    assess::{Pack, Packs},
    domain::Timestamp,
    store::{Change, Fact, PackInForce, Store, StoreError},
};

use super::watch;

/// Puts a pack in force, if it is not, and returns it behind all those before it.
pub(super) fn put_in_force(
    store: &mut dyn Store,
    pack: &Arc<Pack>,
    now: Timestamp,
) -> Result<Packs, StoreError> {
    let mut unit = store.begin(now)?;
    let mut held = unit.packs()?;
    if held.last().is_none_or(|last| last.hash != pack.hash()) {
        let (hash, text) = (pack.hash().to_owned(), pack.text().to_owned());
        let fact = PackInForce { hash, text, at: now };
        unit.append(&[Fact::Pack(Box::new(fact.clone()))])?;
        // It changes when anybody's silence is due.
        unit.change(&[Change::Cursor { follower: watch::CURSOR.to_owned(), to: None }])?;
        unit.commit()?;
        info!(pack = pack.title().as_str(), hash = pack.hash(), "a rule pack comes into force");
        held.push(fact);
    }
    Ok(read(&held, pack))
}

fn read(held: &[PackInForce], now: &Arc<Pack>) -> Packs {
    let mut packs: Option<Packs> = None;
    for row in held {
        let pack = if row.hash == now.hash() { Some(Arc::clone(now)) } else { from_text(row) };
        let Some(pack) = pack else { continue };
        match &mut packs {
            None => packs = Some(Packs::new(pack)),
            Some(packs) => packs.follow(row.at, pack),
        }
    }
    packs.unwrap_or_else(|| Packs::new(Arc::clone(now)))
}

/// `None`, and told, where this program cannot read it: what it judged is judged by its neighbour.
fn from_text(row: &PackInForce) -> Option<Arc<Pack>> {
    match Pack::from_text(&row.text) {
        Ok(pack) => Some(Arc::new(pack)),
        Err(error) => {
            error!(%error, hash = row.hash, "a rule pack of the past cannot be read any more");
            None
        }
    }
}
