//! What goes over the line between two gateways: one signed envelope a message.
//!
//! An envelope says who made it, and is signed by that box's key from its first byte to its last:
//! one that was cut, edited, lengthened or put together from two is none, and says so by one code.
//! Nothing of it is unpacked before its signature is known to be good, and never more than stated
//! here. It holds no time of the lower end: what is fresh is decided by sequence and by the question that an answer
//! repeats, so that a clock that is years off keeps nobody's readings back.

mod chain;
mod envelope;
mod facts;
mod hello;
mod message;
mod pieces;
mod receipts;
mod refused;
mod said_no;
#[cfg(test)]
mod tests;

pub use chain::{Hash, NoHash, Point, batch_hash};
pub use envelope::{
    BODY_MAX, ENVELOPE_MAX, EnvelopeError, FORMAT, PACKED_MAX, Sealed, seal, split,
};
pub use hello::Hello;
pub use message::{
    Batch, Dispute, Holds, Message, Nonce, Refusal, RosterState, Stated, Told, Wants,
};
pub use pieces::{Certified, Renew, RosterPart};
pub use receipts::{DaySaid, Found, PAGE, PartAsked, ReceiptsAsked, ReceiptsSaid};
pub use refused::Code;
pub use said_no::refusal_of;
