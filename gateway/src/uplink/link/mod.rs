//! The upper end of a link: what gateways below send is believed or refused, entered, and answered
//! with a signed watermark; what they lack of their places goes down with the answer.
//!
//! An answer says that something is on disk only after its commit. Nothing is believed of a box that
//! the registry does not hold, holds as revoked, or whose key did not sign it; what is refused is
//! kept for the auditor, told in one code, and alarms once. No time that a box states is looked at
//! but our own that it repeats (`statement`): its sequence decides.

mod down;
mod evidence;
mod lanes;
mod receipts;
mod renew;
pub(in crate::uplink) mod roster;
mod statement;
#[cfg(test)]
mod tests;
mod upper;
mod withdraw;

pub use upper::{Parts, Upper};

/// Envelopes that are answered at once, of boxes that go on and of those that come back each; others wait
/// their turn, at most [`TURN_WAIT`].
const EXCHANGES_AT_ONCE: usize = 8;

/// Longest wait for a turn, in seconds. Then the box is told to come again later.
const TURN_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// What a box is told to wait when there was no turn, in seconds, and by chance up to as many more:
/// a thousand vans that come at once are spread over a minute (issue 5, figures).
const BUSY_WAIT_SECONDS: u32 = 20;

/// What a box is told to wait when somebody must look at it first, in seconds.
const ALARM_WAIT_SECONDS: u32 = 60;
