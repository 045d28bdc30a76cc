//! Answers of other programs that we ask over HTTP: as much of one as the asker takes, and what went
//! wrong in words. It never says an address: there may be a secret in it.

use reqwest::{Error, Response};

/// The whole of an answer; `None`: it has more bytes than that.
///
/// # Errors
/// It broke off.
pub(crate) async fn bounded(
    response: &mut Response,
    bytes: usize,
) -> Result<Option<Vec<u8>>, Error> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if answer.len().saturating_add(chunk.len()) > bytes {
            return Ok(None);
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(Some(answer))
}

/// The causes in words, without the address.
pub(crate) fn causes(error: &Error) -> String {
    let mut words = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    if words.is_empty() { "it broke off".to_owned() } else { words.join(": ") }
}
