//! The only writer: everything that is to be true goes through here, in one order.
//!
//! It drains what queued while the last sync ran, attributes readings, asks the lines what each
//! touched person's facts now say, lets care decide who is told, and writes all of it in one
//! transaction with one sync. Then, and only then, it acknowledges.
//!
//! It never sends, never formats for people, and never does anything twice in halves: a group that
//! fails leaves nothing behind.

mod act;
mod again;
mod attribute;
mod card;
mod carry;
mod cause;
mod clock;
mod context;
mod cost;
mod dark;
mod decide;
mod desk;
mod docket;
mod entered;
mod event;
mod group;
mod health;
mod heard;
mod judge;
mod merge;
mod nobody;
mod packs;
mod people;
mod rebase;
mod receive;
mod repeat;
mod roster;
mod served;
#[cfg(test)]
mod tests;
mod told;
mod watch;
mod window;
mod work;
mod writer;

pub use attribute::BENCH_SESSION_LIMIT;
pub use clock::Trust;
pub use cost::{Cost, cost_of_attribution};
pub use dark::SILENT_AFTER;
pub use health::Health;
pub use roster::BY_ROSTER;
pub use window::Pace;
pub use work::{
    AccessAsked, AccessDone, Act, ActRefused, Acted, CarryRefused, Carrying, Decide, DecideRefused,
    Deed, Enrolling, Link, Registering, Rostering, Wish, Work,
};
pub use writer::{Settings, WriterHandle, start};
