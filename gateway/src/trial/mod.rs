//! Trying a rule pack out: on the stored past, and beside the pack in force. Nothing here is sent to
//! anybody, and nothing here decides about anybody.

mod compare;
mod past;
mod record;
mod shadow;
mod sites;
mod sweep;

pub use compare::{Changed, Opening, Split, Tally};
pub use past::{Homes, Past, judged};
pub use record::{ByPerson, Decision, FILE, Head, Named, Record, RecordError, read};
pub use shadow::{SHADOW, Shadow};
pub use sites::{SiteReport, by_site};
pub use sweep::{Counted, Question, sweep};

#[cfg(test)]
mod tests;
