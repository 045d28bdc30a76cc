//! Trying a rule pack out: on the stored past, and beside the pack in force. Nothing here is sent to
//! anybody, and nothing here decides about anybody.

mod compare;
mod past;
mod sweep;

pub use compare::{Changed, Opening, Split, Tally};
pub use past::{Homes, judged};
pub use sweep::{Counted, Question, sweep};

#[cfg(test)]
mod tests;
