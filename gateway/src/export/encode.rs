//! Facts of the log to lines: readings alone, each with the township of its site.
//!
//! The township is what the registry says when the site is first met, and then what the log says of
//! it. A site that moves to another township begins new series.

use std::collections::BTreeMap;

use super::line::line;
use crate::{
    domain::{Registered, SiteId},
    store::{
        CommitSeq, Fact, Reader, RegistryKey, StoreError,
        view::{FeedEntry, Scope},
    },
};

/// A reading's line and its position.
pub(super) struct Line {
    pub(super) seq: CommitSeq,
    pub(super) text: String,
}

/// Townships by site, as the registry last said.
pub(super) type Townships = BTreeMap<SiteId, String>;

/// Lines of the readings among facts, and the positions of those that have none. Blocks.
pub(super) fn encode(
    reader: &dyn Reader,
    facts: Vec<FeedEntry>,
    townships: &mut Townships,
) -> Result<(Vec<Line>, Vec<CommitSeq>), StoreError> {
    let (mut lines, mut unwritable) = (Vec::new(), Vec::new());
    for FeedEntry { seq, fact } in facts {
        match fact {
            Fact::Reading(stored) => {
                let site = &stored.reading.site;
                if !townships.contains_key(site) {
                    townships.insert(site.clone(), township(reader, site)?);
                }
                let township = townships.get(site).map(String::as_str);
                match line(&stored, township) {
                    Some(text) => lines.push(Line { seq, text }),
                    None => unwritable.push(seq),
                }
            }
            Fact::Registration(registration) => {
                if let Registered::Site(site) = registration.row {
                    townships.insert(site.site, site.township);
                }
            }
            Fact::Refused(_)
            | Fact::Quarantined(_)
            | Fact::CardScan(_)
            | Fact::Presence(_)
            | Fact::Pack(_)
            | Fact::Crossing(_)
            | Fact::Alert(_)
            | Fact::Attempt(_) => {}
        }
    }
    Ok((lines, unwritable))
}

fn township(reader: &dyn Reader, site: &SiteId) -> Result<String, StoreError> {
    let found = reader.registered(&Scope::Everything, &RegistryKey::Site(site.clone()))?;
    Ok(match found {
        Some(Registered::Site(site)) => site.township,
        _ => String::new(),
    })
}
