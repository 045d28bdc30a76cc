//! Between gateways: what one hands to another is signed by the box that made it, and believed by
//! nobody who does not trust that box's key (DESIGN section 7).

pub mod batch;
mod key;
pub mod parcel;
pub mod roster;

pub use key::{Forged, GatewayKey, NoKey, PublicKey};
