//! For how long gateways below this one have not told everything that they have: silence above is not
//! judged beyond it, as it is not judged here.

use super::run::Follower;
use crate::{
    domain::Timestamp,
    store::{Reader, StoreError},
    uplink::serving::serving,
};

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
    Ok(serving(reader)?.into_iter().map(|below| below.until).min())
}
