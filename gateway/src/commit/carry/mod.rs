//! Facts of other gateways enter the log: each once, with its id, its times, its author and the
//! attribution that it had there, and whoever it concerns is judged in the same transaction.
//!
//! What a gateway decided for itself it decides here too: alerts are judged anew from the facts, acts
//! of people go through care, on the alert that has that id or had it. What refers to a fact that is
//! not here yet waits as it came and is tried again. Nothing of a batch is entered without its
//! watermark, and no watermark moves without its batch.
//!
//! Of two things that people said of the same reading or item at two ends, the later one stands at
//! both, by the time at which it was said; the other is kept with what was refused.

mod act;
mod bring;
mod moved;
mod odd;

use std::collections::BTreeSet;

use super::{
    group::Group,
    work::{CarryRefused, Carrying, Link},
};
use crate::{
    domain::{EventId, ReadingId},
    store::{
        Came, CarryChange, Change, CommitSeq, Landed, StoreError, Uploaded, WaitingParcel,
        Watermark,
    },
    uplink::parcel::{self, Body, Brought, Parcel},
};

/// Parcels that wait and are tried in one group; those that were tried least come first.
const TRIED_AT_ONCE: usize = 256;

type Refusable<T> = Result<Result<T, CarryRefused>, StoreError>;

/// What of a batch is not in the log yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Where facts of it will be.
    landed: Vec<Change>,
    readings: BTreeSet<ReadingId>,
    events: BTreeSet<EventId>,
}

/// What became of a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is here, now or before.
    Here,
    /// What it refers to is not.
    Waits,
}

/// A parcel with how it came.
struct Load<'p> {
    came: Came,
    line: &'p [u8],
    /// It lies behind everything of its sender that was here before.
    in_turn: bool,
}

impl Group<'_> {
    /// Enters the facts of another gateway; says up to where its log is here then.
    pub(super) fn carry(&mut self, carrying: &Carrying) -> Refusable<Watermark> {
        self.bring_in()?;
        let have = self.unit.uploaded(&carrying.sender)?;
        match self.continues(carrying, have)? {
            Err(refused) => return Ok(Err(refused)),
            Ok(Some(known)) => return Ok(Ok(known)),
            Ok(None) => {}
        }
        let brought = match opened(carrying) {
            Ok(brought) => brought,
            Err(refused) => return Ok(Err(refused)),
        };
        // Of another life of its log nobody knows what lies before what.
        let had = match have {
            Some(have) if have.epoch == carrying.epoch => have.upto,
            Some(_) => CommitSeq(i64::MAX),
            None => CommitSeq(0),
        };
        for (parcel, brought) in carrying.parcels.iter().zip(brought) {
            let Brought { id, down, body } = brought;
            let came = Came { id, by: carrying.sender.clone(), down };
            let load = Load { came, line: &parcel.line, in_turn: parcel.seq > had };
            if self.bring(&load, body)? == Fate::Waits {
                self.wait(load);
            }
        }
        self.bring_in()?;
        self.try_waiting()?;
        let mark = match &carrying.link {
            Some(link) => Watermark { epoch: carrying.epoch, upto: link.upto, hash: link.hash },
            None => have
                .filter(|have| have.epoch == carrying.epoch)
                .unwrap_or(Watermark { epoch: carrying.epoch, ..Watermark::default() }),
        };
        let uploaded = Uploaded { sender: carrying.sender.clone(), mark, at: self.now };
        self.changes.push(Change::Carry(Box::new(CarryChange::Upload(uploaded))));
        self.flush()?;
        Ok(Ok(mark))
    }

    /// Whether a batch continues what is here; `Some`: everything in it is here already.
    fn continues(
        &mut self,
        carrying: &Carrying,
        have: Option<Watermark>,
    ) -> Refusable<Option<Watermark>> {
        let epoch = carrying.epoch;
        let Some(have) = have.filter(|have| have.epoch == epoch) else {
            if let Some(have) = have
                && self.unit.followed(&carrying.sender, epoch)?
            {
                return Ok(Err(CarryRefused::OtherEpoch { have: have.epoch }));
            }
            return Ok(match carrying.link {
                None => Ok(None),
                Some(Link { after: CommitSeq(0), previous, .. }) if previous == [0; 32] => Ok(None),
                Some(_) => {
                    Err(CarryRefused::Gap { have: Watermark { epoch, ..Watermark::default() } })
                }
            });
        };
        let Some(link) = carrying.link else { return Ok(Ok(None)) };
        let other_end = link.upto == have.upto && link.hash != have.hash && link.after < link.upto;
        Ok(if link.upto <= have.upto {
            if other_end { Err(CarryRefused::Chain) } else { Ok(Some(have)) }
        } else if link.after != have.upto {
            Err(CarryRefused::Gap { have })
        } else if link.previous != have.hash {
            Err(CarryRefused::Chain)
        } else {
            Ok(None)
        })
    }

    /// Writes and judges what was brought so far, so that what comes next finds it.
    fn bring_in(&mut self) -> Result<(), StoreError> {
        self.judge()?;
        self.flush()?;
        self.changes.append(&mut self.joins);
        self.flush()?;
        let pending = std::mem::take(&mut self.pending);
        self.changes.extend(pending.landed);
        self.flush()
    }

    /// Says where a fact is, once it is there.
    fn landed(&mut self, load: &Load<'_>, landed: Landed) {
        let landed = CarryChange::Landed(landed, load.came.clone());
        self.pending.landed.push(Change::Carry(Box::new(landed)));
    }

    /// Writes what is pending, the last of it being a fact that came.
    fn landed_last(&mut self, load: &Load<'_>) -> Result<(), StoreError> {
        self.flush()?;
        let last = self.unit.last()?;
        self.landed(load, Landed::At(last));
        Ok(())
    }

    fn wait(&mut self, load: Load<'_>) {
        let parcel = WaitingParcel { came: load.came, line: load.line.to_vec(), at: self.now };
        self.changes.push(Change::Carry(Box::new(CarryChange::Wait(parcel))));
    }

    /// Tries parcels that wait, as long as one of them finds what it refers to.
    fn try_waiting(&mut self) -> Result<(), StoreError> {
        let mut in_vain;
        loop {
            let waiting = self.unit.waiting_parcels(TRIED_AT_ONCE)?;
            let mut found = false;
            in_vain = Vec::new();
            for parcel in waiting {
                let id = parcel.came.id.clone();
                // A program of another version kept it: what this one cannot read waits on.
                let Ok(brought) = parcel::decode(&parcel.line) else { continue };
                let load = Load { came: parcel.came, line: &parcel.line, in_turn: false };
                match self.bring(&load, brought.body)? {
                    Fate::Here => {
                        self.changes.push(Change::Carry(Box::new(CarryChange::Unwait(id))));
                        found = true;
                    }
                    Fate::Waits => in_vain.push(id),
                }
            }
            self.bring_in()?;
            if !found {
                break;
            }
        }
        let tried = |id| Change::Carry(Box::new(CarryChange::Tried(id)));
        self.changes.extend(in_vain.into_iter().map(tried));
        self.flush()
    }
}

/// What the parcels of a batch say, if every one can be read and stands where it should.
fn opened(carrying: &Carrying) -> Result<Vec<Brought>, CarryRefused> {
    let mut before = carrying.link.map_or(CommitSeq(0), |link| link.after);
    let end = carrying.link.map_or(CommitSeq(i64::MAX), |link| link.upto);
    let mut all = Vec::with_capacity(carrying.parcels.len());
    for Parcel { seq, line } in &carrying.parcels {
        if *seq <= before || *seq > end {
            let why = format!("it stands outside its batch, after {} up to {}", before.0, end.0);
            return Err(CarryRefused::Malformed { seq: *seq, why });
        }
        before = *seq;
        let malformed = |error: parcel::ParcelError| CarryRefused::Malformed {
            seq: *seq,
            why: error.to_string(),
        };
        let brought = parcel::decode(line).map_err(malformed)?;
        let why = if brought.down != carrying.above {
            Some("it says that it goes the other way")
        } else if matches!(brought.body, Body::Pack(_)) && !carrying.above {
            Some("a rule pack comes from above alone")
        } else {
            None
        };
        if let Some(why) = why {
            return Err(CarryRefused::Malformed { seq: *seq, why: why.to_owned() });
        }
        all.push(brought);
    }
    Ok(all)
}
