//! Between gateways: what one hands to another is signed by the box that made it, and believed by
//! nobody who does not trust that box's key (DESIGN section 7).

pub mod batch;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod fake_enrolled;
#[cfg(test)]
pub(crate) mod fake_reader;
pub mod follower;
mod key;
pub mod link;
pub mod parcel;
mod red;
pub mod roster;
pub(crate) mod serving;
mod signer;
mod status;

pub use key::{Forged, GatewayKey, NoKey, PublicKey};
pub use red::Days;
pub use signer::signer;
pub use status::{Alarm, Below, Status, Upward};
