//! For how long gateways below this one have not told everything that they have: silence above is not
//! judged beyond it, as it is not judged here.

use super::run::Follower;
use crate::{
    domain::{BoxState, Registered, Timestamp},
    store::{Reader, RegistryKey, StoreError, view::Paging},
};

/// Boxes of one page of the registry.
const PAGE: usize = 1_000;

impl Follower {
    /// In milliseconds, of whichever was heard least of late; 0 where nothing stands below.
    pub(super) async fn lag(&mut self) -> Result<u64, StoreError> {
        let now = self.log.clock.now();
        let since = self.ask(silent_since).await?;
        let lag = since.map_or(0, |since| now.since(since).0);
        Ok(u64::try_from(lag).unwrap_or(0))
    }
}

/// Since when a box that serves somebody has not told everything, whichever it is of the longest.
fn silent_since(reader: &dyn Reader) -> Result<Option<Timestamp>, StoreError> {
    let heard = reader.heard()?;
    let (mut since, mut after) = (None::<Timestamp>, None);
    loop {
        let page = reader.registry("box", &Paging { limit: PAGE, after })?;
        for row in page.items {
            let Registered::Box(row) = row else { continue };
            if row.state == BoxState::Revoked || (row.serves.is_empty() && row.site.is_none()) {
                continue;
            }
            let known = heard.iter().find(|(name, _)| *name == row.name).map(|(_, until)| *until);
            let until = match known {
                Some(until) => Some(until),
                None => {
                    let rows = reader.history(&RegistryKey::neighbour(&row.name))?;
                    rows.first().map(|(_, row)| row.at)
                }
            };
            since = since.into_iter().chain(until).min();
        }
        after = page.next;
        if after.is_none() {
            return Ok(since);
        }
    }
}
