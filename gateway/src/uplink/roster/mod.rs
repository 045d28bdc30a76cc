//! The roster of some places: who lives there, who answers for them, what stands there, as one signed
//! package for the gateway that serves them (DESIGN section 2, "down the same link").
//!
//! A package says from which position of its maker's log to which it goes, so that a second one
//! carries only what changed; a person whom anything changed about comes with their whole history,
//! so that both ends judge alike. Applying one twice, or going on after a cut, changes nothing.
//! Never half believed: nothing of a package is entered before all of it is known to be its maker's.

mod make;
mod package;
mod select;
mod take;
#[cfg(test)]
mod tests;

pub use make::{Made, make};
pub use package::{Header, Line, Opened, PackageError, Writer};
pub use select::{Asked, SelectError};
pub use take::{TakeError, Taken, take};
