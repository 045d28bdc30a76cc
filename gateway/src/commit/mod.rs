//! The only writer.

mod work;

pub use work::{Act, ActRefused, Deed, Registering, Work};
