//! Whether the writer commits: what readiness answers, and why not.

/// Whether the writer takes what it is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It commits.
    Ready,
    /// It does not: acknowledgements are withheld.
    Refusing {
        /// Why, for people. No patient value.
        why: String,
    },
}
