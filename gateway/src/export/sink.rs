//! Where lines go: one POST a batch, and what its answer means.

use std::time::Duration;

use reqwest::{Client, Url, header, redirect};

/// Longest time for one write. A sink that takes longer counts as broken.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Where readings are exported to.
#[derive(Clone)]
pub struct InfluxConfig {
    /// `http://host:port`: plain HTTP on loopback, or behind a proxy that speaks TLS. The client
    /// follows `HTTP_PROXY` of the environment.
    pub url: String,
    /// The organisation; VictoriaMetrics ignores it.
    pub org: String,
    /// The bucket; VictoriaMetrics ignores it.
    pub bucket: String,
    /// The API token; empty: none is sent.
    pub token: String,
}

impl std::fmt::Debug for InfluxConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InfluxConfig")
            .field("url", &self.url)
            .field("org", &self.org)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

/// The configuration names no sink.
#[derive(Debug, thiserror::Error)]
pub enum InfluxError {
    /// Not an address of the kind that works.
    #[error("influx url {url:?} is not http://host[:port]")]
    Url {
        /// As configured.
        url: String,
    },
    /// The HTTP client could not be made.
    #[error("the client for the sink could not be made")]
    Client(#[from] reqwest::Error),
}

/// What a write came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    /// The sink understands the request and refuses a line of it.
    Refused(u16),
    /// Try later. Holds no line: a sink's own words may quote values.
    Broken(String),
}

/// Where lines are posted to, with the time in nanoseconds (InfluxDB 2 API, `POST /api/v2/write`).
pub(super) struct Sink {
    client: Client,
    url: Url,
    /// The value of `Authorization`; none where there is no token.
    token: Option<String>,
}

impl Sink {
    pub(super) fn of(config: &InfluxConfig) -> Result<Self, InfluxError> {
        let usable = |url: &Url| url.scheme() == "http" && url.has_host();
        let base = Url::parse(&config.url).ok().filter(usable);
        let Some(mut url) = base else {
            return Err(InfluxError::Url { url: config.url.clone() });
        };
        let path = format!("{}/api/v2/write", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let named = [("bucket", &*config.bucket), ("org", &*config.org), ("precision", "ns")];
        url.query_pairs_mut().clear().extend_pairs(named);
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().redirect(redirect::Policy::none()).timeout(WRITE_TIMEOUT);
        let token = (!config.token.is_empty()).then(|| format!("Token {}", config.token));
        Ok(Self { client: client.build()?, url, token })
    }

    pub(super) async fn take(&self, body: String) -> Outcome {
        let mut request = self.client.post(self.url.clone()).body(body);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Outcome::Accepted,
            Ok(answer) => judge(answer.status().as_u16()),
            Err(error) if error.is_timeout() => {
                Outcome::Broken("the sink did not answer in time".to_owned())
            }
            Err(error) => {
                Outcome::Broken(format!("the connection failed: {}", error.without_url()))
            }
        }
    }
}

/// 400, 413 and 422 are about the lines; 401, 403, 404 about the set-up; the rest passes.
fn judge(status: u16) -> Outcome {
    match status {
        400 | 413 | 422 => Outcome::Refused(status),
        _ => Outcome::Broken(format!("the sink answers HTTP {status}")),
    }
}
