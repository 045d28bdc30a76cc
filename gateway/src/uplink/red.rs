//! Sites' days that are not green: what the latest word of a neighbour says otherwise, and the first
//! record that differs, where it was found. A word that is the same again ends both.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;
use tokio::sync::oneshot;
use tracing::warn;

use super::{Alarm, Status, batch::Code};
use crate::{
    commit::Work,
    domain::{BoxId, SiteId, Timestamp},
    intake::{Inlet, NotCommitted},
    receipt::{Day, Receipt},
    store::{KeptAlarm, NeighbourSaid, Reader, ReceiptDiffers, ReceiptSaid, StoreError},
};

/// Days that are remembered as red; more than a county has in a quarter. One more is shown when it is
/// looked at, and not counted.
const RED_MAX: usize = 200_000;

/// A site's day and a neighbour.
type Name = (SiteId, Day, SmolStr);

/// What is not equal at both ends.
#[derive(Debug, Default)]
pub struct Days {
    red: BTreeSet<Name>,
    differs: BTreeMap<Name, ReceiptDiffers>,
}

impl Days {
    /// Days of which a neighbour's latest word is not what is held here.
    #[must_use]
    pub fn red(&self) -> usize {
        self.red.len()
    }

    /// The first records that differ, by site and day.
    pub fn differs(&self) -> impl ExactSizeIterator<Item = &ReceiptDiffers> {
        self.differs.values()
    }

    /// Those of them that a neighbour spoke of.
    pub(super) fn red_with(&self, by: &BoxId) -> Vec<(Day, SiteId)> {
        let with = self.red.iter().filter(|(_, _, of)| of.as_str() == by.as_str());
        with.map(|(site, day, _)| (*day, site.clone())).collect()
    }

    /// A neighbour said what it holds. What is to be kept of it besides: that nothing differs any more.
    pub(super) fn said(&mut self, said: &ReceiptSaid, ours: &Receipt) -> Option<ReceiptDiffers> {
        let name = (said.receipt.site.clone(), said.receipt.day, said.by.clone());
        if said.receipt.hash != ours.hash {
            if self.red.len() < RED_MAX {
                self.red.insert(name);
            }
            return None;
        }
        self.red.remove(&name);
        let found = self.differs.remove(&name)?;
        Some(ReceiptDiffers { first: None, at: said.at, ..found })
    }

    /// The first record that differs was found.
    pub(super) fn found(&mut self, found: &ReceiptDiffers) {
        let name = (found.site.clone(), found.day, found.by.clone());
        if self.red.len() < RED_MAX {
            self.red.insert(name.clone());
            self.differs.insert(name, found.clone());
        }
    }
}

impl Status {
    /// What was known when the process before this one ended. Blocks.
    pub(super) fn recall(&self, reader: &dyn Reader) {
        let recalled = || -> Result<(), StoreError> {
            let (alarms, differs) = (reader.kept_alarms()?, reader.receipts_differ()?);
            self.days(|days| differs.iter().for_each(|found| days.found(found)));
            alarms.iter().for_each(|alarm| self.recall_alarm(alarm));
            Ok(())
        };
        if let Err(error) = recalled() {
            warn!(%error, "what stood against neighbours before the start is not known");
        }
    }

    fn recall_alarm(&self, kept: &KeptAlarm) {
        let code = kept.code.as_deref().unwrap_or_default();
        let Some(code) = Code::ALL.into_iter().find(|known| known.as_str() == code) else { return };
        let alarm = Some(Alarm { code, since: kept.since, times: kept.times });
        match BoxId::new(&kept.of) {
            Ok(of) => self.change_below(&of, |below| below.alarm = alarm),
            Err(_the_one_above) => self.change_up(|up| up.alarm = alarm),
        }
    }
}

/// An alarm that stands over a start: it cannot come from a sound box, nor from a bad line.
const fn outlives(code: Code) -> bool {
    matches!(code, Code::Chain | Code::Forged | Code::OtherEpoch | Code::Revoked)
}

/// What is to be kept when an alarm was raised, if it is to be.
pub(super) fn to_keep(of: &str, alarm: Option<&Alarm>) -> Option<NeighbourSaid> {
    let alarm = alarm.filter(|alarm| alarm.times == 1 && outlives(alarm.code))?;
    let code = Some(alarm.code.as_str().into());
    let Alarm { since, times, .. } = *alarm;
    Some(NeighbourSaid::Alarm(KeptAlarm { of: of.into(), code, since, times }))
}

/// What is to be kept when an alarm ended.
pub(super) fn ended(of: &str, now: Timestamp) -> NeighbourSaid {
    NeighbourSaid::Alarm(KeptAlarm { of: of.into(), code: None, since: now, times: 0 })
}

/// Keeps what is known of neighbours; resolves when it is on disk.
pub(super) async fn keep(
    inlet: &Inlet,
    all: impl IntoIterator<Item = NeighbourSaid>,
) -> Result<(), NotCommitted> {
    let mut waiting = Vec::new();
    for said in all {
        let (reply, done) = oneshot::channel();
        inlet.hand_over(Work::Said { said: Box::new(said), reply }).await?;
        waiting.push(done);
    }
    for done in waiting {
        done.await.map_err(|_dropped| NotCommitted)?;
    }
    Ok(())
}
