//! Questions to the provider: over TLS, at addresses that it named itself, without redirects, in
//! bounded time, with bounded answers.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{RequestBuilder, Url, header, redirect};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{Fault, unreachable};
use crate::asking::{bounded, causes};

/// Longest time until a connection stands.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// Longest time for one question; a sign-in asks four at most, and a page's answer takes 30 s at most.
const QUESTION_MAX: Duration = Duration::from_secs(6);

/// Largest answer, in bytes. Sets of keys and descriptions of real providers have a tenth of it.
const ANSWER_BYTES: usize = 128 * 1024;

/// Questions at once. Full: the next waits its turn, at most [`QUESTION_MAX`].
const AT_ONCE: usize = 8;

/// Longest word of a provider that is written into the log.
const WORD_MAX: usize = 64;

/// The client cannot be made, for instance because the machine has no root certificates.
#[derive(Debug, thiserror::Error)]
#[error("the client for the identity provider cannot be made")]
pub struct NoClient(#[from] reqwest::Error);

#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    turns: Semaphore,
}

impl Client {
    pub(super) fn new(tls: Option<&rustls::ClientConfig>) -> Result<Self, NoClient> {
        // An error says that the process has a provider already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("xunzhen/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_MAX)
            .timeout(QUESTION_MAX);
        if let Some(tls) = tls {
            builder = builder.tls_backend_preconfigured(tls.clone());
        }
        Ok(Self { http: builder.build()?, turns: Semaphore::new(AT_ONCE) })
    }

    /// A JSON object from an address; `access`: for whom.
    pub(super) async fn get(&self, url: &Url, access: Option<&str>) -> Result<Value, Fault> {
        let question = self.http.get(url.clone());
        let question = access.into_iter().fold(question, RequestBuilder::bearer_auth);
        self.ask(question).await
    }

    /// A form, and the JSON object that it is answered with. `login`: name and secret of ours.
    pub(super) async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        login: Option<(&str, &str)>,
    ) -> Result<Value, Fault> {
        let mut question = self
            .http
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(escaped(form));
        if let Some((name, secret)) = login {
            // Both are escaped as in a form first (RFC 6749, section 2.3.1).
            let both = escaped(&[("", name), ("", secret)]);
            let both = both.trim_start_matches('=').replacen("&=", ":", 1);
            let login = format!("Basic {}", STANDARD.encode(both));
            question = question.header(header::AUTHORIZATION, login);
        }
        self.ask(question).await
    }

    async fn ask(&self, question: RequestBuilder) -> Result<Value, Fault> {
        let turn = tokio::time::timeout(QUESTION_MAX, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else { return Err(unreachable("too many ask it at once")) };
        let question = question.header(header::ACCEPT, "application/json");
        let mut response = question.send().await.map_err(|error| broken(&error))?;
        let status = response.status();
        let answer = bounded(&mut response, ANSWER_BYTES).await.map_err(|error| broken(&error))?;
        let Some(answer) = answer else {
            return Err(unreachable(format!("its answer is over {ANSWER_BYTES} bytes")));
        };
        let told: Option<Value> = serde_json::from_slice(&answer).ok().filter(Value::is_object);
        if status.is_client_error() {
            let why =
                told.as_ref().and_then(|told| told.get("error")?.as_str()).unwrap_or_default();
            return Err(Fault::Refused(format!("the provider says {status} {}", word(why))));
        }
        if !status.is_success() {
            return Err(unreachable(status.to_string()));
        }
        told.ok_or(unreachable("its answer is no JSON object"))
    }
}

/// A word of the provider's, as far as a log may hold it.
pub(super) fn word(text: &str) -> String {
    let plain = |sign: &char| sign.is_ascii_alphanumeric() || "_-. ".contains(*sign);
    text.chars().filter(plain).take(WORD_MAX).collect()
}

/// An address that may be asked: over TLS, or plainly on this very machine where the issuer is there.
pub(super) fn endpoint(text: &str, plain: bool) -> Result<Url, Fault> {
    let url = Url::parse(text).ok();
    let fits = url.filter(|url| {
        let home = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        let way = url.scheme() == "https" || (url.scheme() == "http" && plain && home);
        way && url.has_host() && url.username().is_empty() && url.password().is_none()
    });
    fits.ok_or(unreachable("an address of it is not https"))
}

fn escaped(pairs: &[(&str, &str)]) -> String {
    let url = Url::parse_with_params("http://form", pairs);
    url.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

/// The causes in words, without the address.
fn broken(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        return unreachable("it does not answer in time");
    }
    unreachable(causes(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, plain: bool, expected: bool) {
        assert_eq!(endpoint(text, plain).is_ok(), expected, "{text}");
    }

    #[test]
    fn only_tls_is_asked_or_this_very_machine_where_the_issuer_is_there() {
        check("https://id.example/token", false, true);
        check("https://id.example:8443/token?a=b", true, true);
        check("http://127.0.0.1:9/token", true, true);
        check("http://[::1]:9/token", true, true);
        check("http://localhost:9/token", true, true);
        check("http://127.0.0.1:9/token", false, false);
        check("http://id.example/token", true, false);
        check("http://127.0.0.1.example/token", true, false);
        check("https://us:secret@id.example/token", false, false);
        check("file:///etc/passwd", true, false);
        check("/token", false, false);
        check("", true, false);
    }

    #[test]
    fn a_form_and_a_login_are_escaped() {
        assert_eq!(escaped(&[("a", "x y&=+é"), ("b", "")]), "a=x+y%26%3D%2B%C3%A9&b=");
        assert_eq!(escaped(&[("", "a:b"), ("", "c&d")]), "=a%3Ab&=c%26d");
    }

    #[test]
    fn a_word_of_the_provider_is_short_and_plain() {
        assert_eq!(word("invalid_grant"), "invalid_grant");
        assert_eq!(word("a\u{1b}[31m\nb"), "a31mb");
        assert_eq!(word(&"x".repeat(1000)).len(), WORD_MAX);
    }
}
