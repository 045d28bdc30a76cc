//! Between gateways: what one hands to another is signed by the box that made it, and believed by
//! nobody who does not trust that box's key (DESIGN section 7).

pub mod batch;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod fake_enrolled;
pub mod follower;
mod key;
pub mod link;
pub mod parcel;
pub mod roster;
mod status;

pub use key::{Forged, GatewayKey, NoKey, PublicKey};
pub use status::{Alarm, Below, Status, Upward};
