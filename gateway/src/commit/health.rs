//! Whether the writer commits: what readiness answers, and why not.

use std::sync::{Arc, PoisonError, RwLock};

/// Shared by the writer, who sets it, and by everybody who must know. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<RwLock<Option<String>>>);

impl Health {
    /// Why nothing is committed at present; `None` while everything is.
    #[must_use]
    pub fn refusing(&self) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_ready(&self) {
        if self.refusing().is_some() {
            *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Says why nothing is committed.
    pub fn set_refusing(&self, why: String) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(why);
    }
}
