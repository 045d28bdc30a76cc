//! The lower end of a link: this gateway's log handed to the next one up, and what comes down.
//!
//! It promises that nothing is counted as uploaded before the gateway above said so, signed and in
//! answer to the question that was asked; that it goes on from where that gateway says it is, so a cut,
//! a lost answer or a parent brought back from a backup cost nothing but time; that alerts overtake the
//! backlog; and that it never slows ingest: it reads beside the writer and waits alone.
//!
//! A watermark that no batch of this gateway ends at is not followed: it is disputed, and alarms.

mod again;
mod answer;
mod days;
mod express;
mod http;
pub(in crate::uplink) mod incoming;
mod lag;
mod line;
mod mqtt;
mod pace;
mod receipts;
#[cfg(test)]
mod receipts_tests;
mod renew;
mod run;
mod sent;
mod take;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use http::HttpLine;
pub use line::{Line, LineError};
pub use mqtt::{MqttLine, MqttTo};
pub(crate) use pace::{Pace, chance};
pub use run::{Follower, Log, Settings};

/// How often the gateway above is asked when there is nothing to send.
const GREET_EVERY: Duration = Duration::from_secs(15);

/// What came within so long goes in one batch: a bench that measures every few seconds makes no batch
/// of each value.
const GATHER: Duration = Duration::from_secs(2);

/// Longest wait for an answer: a batch of some ten seconds on a line that loses a third of it.
const ANSWER_MAX: Duration = Duration::from_secs(90);
