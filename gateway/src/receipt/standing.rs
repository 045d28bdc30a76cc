//! Whether a day is green: the far end's word against our own receipt of now.

use serde::Serialize;

use super::{Receipt, VillageReceipt};

/// How a site's day, or a village of it, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Green: whoever said anything said what we hold now.
    Equal,
    /// Red: somebody holds something else.
    Differs,
    /// Grey: nobody has said anything yet.
    Unsaid,
}

impl Standing {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Differs => "differs",
            Self::Unsaid => "unsaid",
        }
    }

    fn of(mut equal: impl Iterator<Item = bool>) -> Self {
        match equal.next() {
            None => Self::Unsaid,
            Some(first) if first && equal.all(|equal| equal) => Self::Equal,
            Some(_) => Self::Differs,
        }
    }
}

/// How a day stands, by what each of the others says of it.
#[must_use]
pub fn standing(ours: &Receipt, theirs: &[&Receipt]) -> Standing {
    Standing::of(theirs.iter().map(|said| said.hash == ours.hash))
}

/// How a village of it stands.
#[must_use]
pub fn standing_of(ours: Option<&VillageReceipt>, theirs: &[Option<&VillageReceipt>]) -> Standing {
    Standing::of(theirs.iter().map(|said| *said == ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(equal: &[bool], expected: Standing) {
        assert_eq!(Standing::of(equal.iter().copied()), expected, "{equal:?}");
    }

    #[test]
    fn a_day_is_green_only_if_somebody_said_so_and_nobody_said_otherwise() {
        check(&[], Standing::Unsaid);
        check(&[true], Standing::Equal);
        check(&[true, true], Standing::Equal);
        check(&[false], Standing::Differs);
        check(&[true, false], Standing::Differs);
        check(&[false, true], Standing::Differs);
    }
}
