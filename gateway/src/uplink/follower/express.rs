//! Copies that overtake what goes up in its turn. They move no watermark.

use super::{answer::Trouble, run::Follower};
use crate::{
    store::{CommitSeq, Toward},
    uplink::{
        batch::{Batch, Hash, Message, Point},
        parcel::Parcel,
    },
};

/// Facts of one look for alerts that overtake.
const EXPRESS_COUNT: usize = 500;

/// Bytes of one express envelope, before it is packed.
const EXPRESS_BYTES: usize = 64 * 1024;

impl Follower {
    /// Copies of what alerts are made of, ahead of the rest.
    pub(super) async fn express(&mut self, at: Point) -> Result<(), Trouble> {
        let after = self.expressed.max(at.upto);
        let cargo =
            self.ask(move |reader| reader.express(&Toward::Up, after, EXPRESS_COUNT)).await?;
        self.overtake(cargo.parcels).await?;
        self.expressed = cargo.upto.max(after);
        Ok(())
    }

    /// Sends copies.
    pub(super) async fn overtake(&mut self, mut parcels: Vec<Parcel>) -> Result<(), Trouble> {
        parcels.sort_by_key(|parcel| parcel.seq);
        parcels.dedup_by_key(|parcel| parcel.seq);
        for parcels in pieces(parcels) {
            let told = self.next_told();
            let nonce = told.nonce;
            let first = parcels.first().map_or(CommitSeq(0), |parcel| parcel.seq);
            let upto = parcels.last().map_or(first, |parcel| parcel.seq);
            let after = CommitSeq(first.0.saturating_sub(1));
            let previous = Hash::default();
            let batch = Batch { told, after, upto, previous, last: upto, parcels };
            let answers = self.exchange(&Message::Express(batch), nonce).await?;
            self.take(answers).await?;
        }
        Ok(())
    }
}

/// Parcels by envelope: each fits one.
fn pieces(parcels: Vec<Parcel>) -> Vec<Vec<Parcel>> {
    let (mut all, mut piece, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for parcel in parcels {
        let length = parcel.line.len();
        if !piece.is_empty() && bytes.saturating_add(length) > EXPRESS_BYTES {
            all.push(std::mem::take(&mut piece));
            bytes = 0;
        }
        bytes = bytes.saturating_add(length);
        piece.push(parcel);
    }
    if !piece.is_empty() {
        all.push(piece);
    }
    all
}
