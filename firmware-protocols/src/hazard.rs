//! The opt-in for commands that act on a patient or destroy records (FORMATS §2.4).

/// Proof that the caller means to start a cuff, clear a memory or power a device off.
///
/// Functions that build such a command take one of these, so that no such command can be built by
/// accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HazardOptIn(());

impl HazardOptIn {
    /// Says: this code inflates cuffs, clears memories or switches devices off, on purpose.
    #[must_use]
    pub const fn i_mean_to_act_on_the_device() -> Self {
        Self(())
    }
}
