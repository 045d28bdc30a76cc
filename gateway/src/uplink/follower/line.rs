//! A line to the gateway above: a question, and the answer to it.

use futures_util::future::BoxFuture;

/// Why there was no answer. What was asked may have been done all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The line is down, or was cut.
    #[error("the line broke: {0}")]
    Broken(String),
    /// Nothing came in time.
    #[error("no answer in time")]
    Silent,
    /// It does not let us in.
    #[error("the gateway above does not let us in: {0}")]
    Denied(String),
}

/// A line to the gateway above.
pub trait Line: Send {
    /// Sends an envelope and brings back those that answer it, one after the other.
    fn exchange(&mut self, question: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, LineError>>;
}
