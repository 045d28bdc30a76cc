//! A line over HTTP: the question is posted, the answer is its answer.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use reqwest::{StatusCode, header, redirect};

use super::line::{Line, LineError};
use crate::{
    asking::{bounded, causes},
    uplink::batch::ENVELOPE_MAX,
};

/// Longest time until a connection stands.
const CONNECT_MAX: Duration = Duration::from_secs(20);

/// Longest time for a whole exchange; see `ANSWER_MAX`.
const EXCHANGE_MAX: Duration = Duration::from_secs(90);

/// A connection is not used again after so long: the gateway above ends one that says nothing for 10 s, and
/// a question on its way to an end is lost.
const IDLE_MAX: Duration = Duration::from_secs(8);

/// Largest answer, in bytes.
const ANSWER_BYTES: usize = 4 * ENVELOPE_MAX;

/// What questions and answers are.
const ENVELOPES: &str = "application/octet-stream";

/// The route of the interface.
const ROUTE: &str = "/api/v1/uplink";

/// A line over HTTP.
pub struct HttpLine {
    client: reqwest::Client,
    url: String,
    token: String,
}

/// Without the token.
impl std::fmt::Debug for HttpLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpLine").field("url", &self.url).finish_non_exhaustive()
    }
}

impl HttpLine {
    /// A line to the gateway at this address; with TLS of our own choice, who alone is believed.
    ///
    /// # Errors
    /// The client could not be made.
    pub fn new(
        base: &str,
        token: String,
        tls: Option<Arc<rustls::ClientConfig>>,
    ) -> Result<Self, reqwest::Error> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("xunzhen/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .timeout(EXCHANGE_MAX);
        if let Some(tls) = tls {
            builder = builder.tls_backend_preconfigured(rustls::ClientConfig::clone(&tls));
        }
        let url = format!("{}{ROUTE}", base.trim_end_matches('/'));
        Ok(Self { client: builder.build()?, url, token })
    }

    async fn post(&self, question: Vec<u8>) -> Result<Vec<u8>, LineError> {
        let request = self
            .client
            .post(&self.url)
            .bearer_auth(&self.token)
            .header(header::CONTENT_TYPE, ENVELOPES)
            .body(question);
        let mut response = request.send().await.map_err(|error| broken(&error))?;
        let status = response.status();
        // The gateway above may say why, signed; whatever else says no, nobody has to believe.
        let signed =
            response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == ENVELOPES);
        let told = status == StatusCode::FORBIDDEN && signed;
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) && !told {
            return Err(LineError::Denied(status.to_string()));
        }
        if !status.is_success() && !told {
            return Err(LineError::Broken(status.to_string()));
        }
        let answer = bounded(&mut response, ANSWER_BYTES).await.map_err(|error| broken(&error))?;
        answer.ok_or_else(|| LineError::Broken("the answer is too large".to_owned()))
    }
}

impl Line for HttpLine {
    fn exchange(&mut self, question: Vec<u8>) -> BoxFuture<'_, Result<Vec<u8>, LineError>> {
        Box::pin(self.post(question))
    }
}

fn broken(error: &reqwest::Error) -> LineError {
    if error.is_timeout() { LineError::Silent } else { LineError::Broken(causes(error)) }
}
