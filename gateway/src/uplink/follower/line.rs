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
    /// It refuses our certificate as withdrawn.
    #[error("the gateway above refuses this box's certificate as withdrawn")]
    Withdrawn,
}

/// Whether a connection ended because the other end said, within TLS, that our certificate is withdrawn.
pub(super) fn is_withdrawal(error: &(dyn std::error::Error + 'static)) -> bool {
    use rustls::{AlertDescription::CertificateRevoked, Error};
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = inner.and_then(|inner| inner.downcast_ref::<Error>()).or(error.downcast_ref());
        if tls == Some(&Error::AlertReceived(CertificateRevoked)) {
            return true;
        }
        cause = inner.map(|inner| inner as &(dyn std::error::Error + 'static)).or(error.source());
    }
    false
}

/// A line to the gateway above.
pub trait Line: Send {
    /// Sends an envelope and brings back those that answer it, one after the other.
    fn exchange(&mut self, question: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, LineError>>;
}
