//! A roster of another gateway, taken into this one's registry.

use std::io::{BufRead, Seek};

use tokio::sync::oneshot;

use super::package::{Header, Line, Opened, PackageError};
use crate::{
    commit::{Rostering, Work},
    domain::Registered,
    intake::{Inlet, NotCommitted},
    store::{CommitSeq, Reader, Registration, RosterHeld, StoreError},
};

/// Rows of one commit.
const ROWS_AT_ONCE: usize = 500;

/// What became of a roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Its rows.
    pub rows: u64,
    /// Those that were new here.
    pub new: u64,
}

/// Why a roster was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// It is not to be believed.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// Something between what is held and what it brings was never taken.
    #[error(
        "the roster goes on from position {after} of {issuer}, and {held} is held here: \
         ask for a whole one / 名册不连续，请索取完整名册"
    )]
    Gap {
        /// Who made it.
        issuer: String,
        /// From where it goes on.
        after: i64,
        /// What is held: a position, or nothing of that area.
        held: String,
    },
    /// It is older than what is held: taking it would change nothing.
    #[error(
        "the roster ends at position {to} of {issuer}, and {held} is held here already / 名册已过期"
    )]
    Older {
        /// Who made it.
        issuer: String,
        /// Where it ends.
        to: i64,
        /// What is held.
        held: i64,
    },
    /// It would have this gateway trust another one: that is for its own operator to say.
    #[error("the roster holds a row of boxes, which is taken from nobody / 名册不得包含网关登记")]
    Box,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway stopped, or refuses everything at present.
    #[error(transparent)]
    NotCommitted(#[from] NotCommitted),
}

/// Takes a roster that is known to be its maker's. Broken off, it goes on when it comes again: what
/// was entered is known, and it is held only from its last row on. Blocks.
///
/// # Errors
/// [`TakeError`].
pub fn take<R: BufRead + Seek>(
    opened: &mut Opened<R>,
    reader: &dyn Reader,
    inlet: &Inlet,
) -> Result<Taken, TakeError> {
    let header = opened.header.clone();
    fits(&header, reader.roster_held(&header.issuer)?)?;
    let (mut rows, mut new) = (Vec::new(), 0_u64);
    let total = opened.lines;
    opened.each(|Line::Row { at, author, row }| {
        if matches!(*row, Registered::Box(_)) {
            return Err(TakeError::Box);
        }
        rows.push(Registration { row: *row, author, at });
        if rows.len() >= ROWS_AT_ONCE {
            new = new.saturating_add(enter(inlet, std::mem::take(&mut rows), None)?);
        }
        Ok::<_, TakeError>(())
    })?;
    let held = RosterHeld {
        issuer: header.issuer,
        epoch: header.epoch,
        villages: header.villages,
        upto: CommitSeq(header.to),
    };
    new = new.saturating_add(enter(inlet, rows, Some(held))?);
    Ok(Taken { rows: total, new })
}

/// A whole roster fits always, unless it is older than what is held; one that goes on fits to what it
/// goes on from.
fn fits(header: &Header, held: Option<RosterHeld>) -> Result<(), TakeError> {
    let same = held.filter(|held| held.epoch == header.epoch && held.villages == header.villages);
    let issuer = || header.issuer.to_string();
    match same {
        Some(held) if header.to < held.upto.0 => {
            Err(TakeError::Older { issuer: issuer(), to: header.to, held: held.upto.0 })
        }
        Some(held) if header.after <= held.upto.0 => Ok(()),
        None if header.after == 0 => Ok(()),
        other => {
            let held = other.map_or("nothing".to_owned(), |held| held.upto.0.to_string());
            Err(TakeError::Gap { issuer: issuer(), after: header.after, held })
        }
    }
}

fn enter(
    inlet: &Inlet,
    rows: Vec<Registration>,
    held: Option<RosterHeld>,
) -> Result<u64, TakeError> {
    let (reply, done) = oneshot::channel();
    inlet.hand_over_blocking(Work::Roster(Rostering { rows, held, reply }))?;
    let (_proof, new) = done.blocking_recv().map_err(|_dropped| NotCommitted)?;
    Ok(u64::try_from(new).unwrap_or(u64::MAX))
}
