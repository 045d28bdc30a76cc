//! What follows the log: each follower reads facts in commit order behind a durable cursor of its
//! own, and can lag, break and start over without anybody else noticing.

mod board;
mod encode;
mod follower;
mod influx;
mod line;
#[cfg(test)]
pub(crate) mod script;
mod sink;
#[cfg(test)]
mod tests;
mod trail;

pub use board::ExportBoard;
pub use follower::{Advance, BackOff, Follower, Log, NotAdvanced, Progress, Step};
pub use influx::{Influx, NAME as INFLUX};
pub use line::line;
pub use sink::{InfluxConfig, InfluxError};
