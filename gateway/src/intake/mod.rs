//! A line, a socket or a request becomes a delivery: bytes, where they came from, and the
//! acknowledgement that is still owed.
//!
//! Every source admits what it read, hands it to the [`Inlet`], and acknowledges only on a
//! [`Receipt`]. A source never stores, never assesses, and never drops.

mod arrival;
mod book;
mod boxes;
pub mod broker;
mod delivery;
pub mod mqtt;
pub mod serial;
mod topic;

pub use arrival::{Admission, Admit, Arrival, Identity, Rights, Sites};
pub use book::DeviceBook;
pub use boxes::{BoxBook, Changed, Standing};
pub use delivery::{
    Delivery, INLET_BYTES, INLET_DEPTH, Inlet, Item, KeyReused, NotCommitted, Pending, Receipt,
};
pub use topic::Topic;
