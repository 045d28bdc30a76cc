//! The whole process through its real edges: what every suite here shares.
//!
//! [`gateway`] starts, kills and stops the real program, a [`process`]. [`http`], [`mqtt`] and [`webhook`] are its
//! edges, written here anew so that a mistake of the gateway's own libraries cannot hide itself.
//! [`ledger`] is the oracle: it knows what was sent and what was acknowledged, and asks nobody.
//! [`audit`] compares the oracle with the store, by the API and by reading the store's file.
//! [`proxy`] is a line between two processes that is cut, delayed or slow; [`mod@line`] has the kernel lose packets.
//! [`places`] are the disks and mounts that faults need, [`patience`] waits without sleeping, [`words`] reads what a text says.
//!
//! Nothing here may leave loopback, and nothing is killed that was not started here.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy's exemptions for tests do not reach the functions that tests share"
)]

pub mod audit;
pub mod browser;
pub mod gateway;
pub mod http;
pub mod ledger;
pub mod line;
pub mod load;
pub mod mqtt;
pub mod patience;
pub mod places;
pub mod process;
pub mod proxy;
pub mod registry;
pub mod skip;
pub mod webhook;
pub mod words;
