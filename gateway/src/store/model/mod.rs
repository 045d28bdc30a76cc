//! The store in memory: the oracle of the conformance suite, and a store for tests of the stages.
//!
//! It keeps facts in a list and answers by looking at all of them. Nothing is derived, so nothing
//! can be out of step. Nothing is durable either: its proofs hold for as long as the process lives.

mod access;
mod asked;
mod board;
mod carry;
mod change;
mod correct;
mod enrol;
mod held;
mod merge;
mod message;
mod reader;
mod receipt;
mod roster;
mod scope;
mod staff;
mod state;
mod unit;

use std::sync::{Arc, PoisonError, RwLock};

use self::{reader::ModelReader, state::State, unit::ModelUnit};
use super::{CommitSeq, Reader, Store, StoreError, Unit};
use crate::domain::Timestamp;

/// What the writer and its readers share: one state, replaced as a whole by each commit.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<RwLock<Arc<State>>>);

impl Shared {
    fn now(&self) -> Arc<State> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, state: State) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
    }
}

/// A store without a disk.
#[derive(Debug, Default)]
pub struct ModelStore {
    shared: Shared,
}

impl ModelStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store with a name of its own.
    #[cfg(test)]
    pub(crate) fn numbered(number: u32) -> Self {
        let mut state = State::default();
        state.carried.number = number;
        let store = Self::default();
        store.shared.replace(state);
        store
    }

    fn move_follower(&self, follower: &str, to: CommitSeq) {
        let mut state = State::clone(&self.shared.now());
        let cursor = state.followers.entry(follower.to_owned()).or_default();
        *cursor = to.max(*cursor);
        self.shared.replace(state);
    }
}

/// The follower that a store with rollups would move.
const ROLLUP: &str = "rollup";

impl Store for ModelStore {
    fn begin(&mut self, now: Timestamp) -> Result<Box<dyn Unit + '_>, StoreError> {
        let state = State::clone(&self.shared.now());
        Ok(Box::new(ModelUnit::new(&self.shared, state, now)))
    }

    fn reopen(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn roll_up(&mut self, limit: usize) -> Result<CommitSeq, StoreError> {
        let state = self.shared.now();
        let from = state.followers.get(ROLLUP).copied().unwrap_or_default();
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        let to = CommitSeq(from.0.saturating_add(most).min(state.last().0));
        self.move_follower(ROLLUP, to);
        Ok(to)
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(ModelReader::new(self.shared.clone()))
    }
}
