//! The gateways below that serve somebody, and since when nothing is known of what each of them
//! serves: for whoever says so to people, and to the gateway above. A county has 1,628 of them, so
//! everything is asked in a few questions, and in none for each.

use std::collections::BTreeMap;

use crate::{
    domain::{BoxId, BoxState, Registered, SiteId, Timestamp},
    store::{Reader, StoreError, view::Paging},
};

/// A gateway that serves somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serving {
    pub(crate) name: BoxId,
    /// Its site, else its name.
    pub(crate) called: String,
    /// Up to when everything that it had is here, or since when it serves anybody.
    pub(crate) until: Timestamp,
}

/// Every one of them, by name.
pub(crate) fn serving(reader: &dyn Reader) -> Result<Vec<Serving>, StoreError> {
    let heard: BTreeMap<BoxId, Timestamp> = reader.heard()?.into_iter().collect();
    let since: BTreeMap<BoxId, Timestamp> = reader.boxes_since()?.into_iter().collect();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = reader.registry("box", &Paging { limit: Paging::LIMIT_MAX, after })?;
        for row in page.items {
            let Registered::Box(row) = row else { continue };
            if row.state == BoxState::Revoked || (row.serves.is_empty() && row.site.is_none()) {
                continue;
            }
            let until = heard.get(&row.name).or_else(|| since.get(&row.name)).copied();
            let Some(until) = until else { continue };
            let called = row.site.as_ref().map_or(row.name.as_str(), SiteId::as_str).to_owned();
            all.push(Serving { name: row.name, called, until });
        }
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}
