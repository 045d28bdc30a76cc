//! What attribution costs, measured by doing it: for `xunzhen bench attribute`. Nothing of what is
//! attributed here is kept.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    assess::{Pack, Packs},
    domain::{Reading, Timestamp},
    intake::Item,
    store::{CardScan, StoreError, Unit},
};

use super::{
    attribute::{Whose, attribute},
    desk::Desk,
    group::Group,
    people::People,
};

/// What attributing some readings came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// How long it took.
    pub time: Duration,
    /// How many are somebody's.
    pub attributed: u64,
}

/// Attributes readings at the end of a unit, in groups of so many: what the writer does for each
/// group before it knows whose its readings are, and nothing else. The rows that they name are in its
/// memory, as they are after some minutes of work.
///
/// # Errors
/// Any error of the store.
pub fn cost_of_attribution(
    unit: &mut dyn Unit,
    pack: Pack,
    (cards, readings): (Vec<CardScan>, Vec<Reading>),
    (group, now): (usize, Timestamp),
) -> Result<Cost, StoreError> {
    let (packs, gateway) = (Packs::new(Arc::new(pack)), ("bench".to_owned(), 1));
    let mut desk = Desk::new(People::new(1));
    let cards: Vec<Item> = cards.into_iter().map(Item::Card).collect();
    let items: Vec<Item> = readings.into_iter().map(|it| Item::Reading(Box::new(it))).collect();
    let mut cost = Cost::default();
    let mut works = Group::new(unit, &mut desk, &packs, &gateway, now);
    works.cards(cards.iter())?;
    for measured in [false, true] {
        for items in items.chunks(group.max(1)) {
            let items: Vec<&Item> = items.iter().collect();
            let begin = Instant::now();
            works.hear(&items)?;
            let mut attributed = 0_u64;
            for item in items {
                let Item::Reading(reading) = item else { continue };
                let whose = attribute(works.desk, works.unit, reading)?;
                attributed = attributed.saturating_add(u64::from(matches!(whose, Whose::Known(_))));
            }
            if measured {
                cost.time = cost.time.saturating_add(begin.elapsed());
                cost.attributed = cost.attributed.saturating_add(attributed);
            }
        }
    }
    Ok(cost)
}
