//! One attempt: a signed POST to a registered address, and what its answer means.
//!
//! Success is decided from the answer, not from the status alone: robots of this field say "no"
//! with HTTP 200 (UX section 3.1). No redirect is followed, no proxy of the environment is used,
//! and no address of the own network is reached unless the configuration allows it.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use reqwest::{Response, StatusCode, Url, header, redirect};
use serde_json::Value;

use super::{
    guard::{Guard, PrivateAddress},
    sign::{Secret, timestamp},
};
use crate::domain::{Millis, Timestamp};

/// Longest time until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest time for a whole attempt (Standard Webhooks: a receiver answers within 15 s).
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes of an answer that are read; what comes after is not an answer of a receiver of ours.
const ANSWER_BYTES: usize = 64 * 1024;

/// Connections kept open to one receiver.
const IDLE_PER_HOST: usize = 2;

/// Characters of a receiver's own words that are kept for the operator.
const WORDS_KEPT: usize = 200;

/// Codes in an answer that ask for another try: busy, and too many messages (UX section 3.1:
/// -1 and 45009 of WeCom, 130101 of DingTalk).
const BUSY_CODES: [i64; 3] = [-1, 45009, 130_101];

/// Codes by which WeCom says that the message itself is wrong (UX section 3.1: 40058).
const WRONG_CODES: std::ops::RangeInclusive<i64> = 40_000..=49_999;

/// The HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the client for webhooks could not be made")]
pub struct NoClient(#[from] reqwest::Error);

/// A message on its way to one receiver.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Where to.
    pub url: String,
    /// The same for every attempt of one message: `webhook-id`.
    pub id: String,
    /// With what it is signed; `None` where the registry has no secret for the receiver.
    pub secret: Option<Secret>,
    /// What it says.
    pub body: String,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The receiver has it.
    Delivered,
    /// It may have it later.
    Again {
        /// What it or the connection said.
        why: String,
        /// How long it asked us to wait.
        after: Option<Millis>,
    },
    /// It will never take this message.
    Never {
        /// What it said.
        why: String,
        /// It takes no message any more.
        gone: bool,
    },
}

/// Sends webhooks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    guard: Guard,
}

impl Client {
    /// A client with the limits above.
    ///
    /// # Errors
    /// [`NoClient`], for instance when the machine has no root certificates.
    pub fn new(guard: Guard) -> Result<Self, NoClient> {
        // An error says that the process has a provider already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .user_agent(concat!("xunzhen/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ATTEMPT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .dns_resolver(Arc::new(guard))
            .build()?;
        Ok(Self { http, guard })
    }

    /// Makes one attempt.
    pub async fn post(&self, envelope: &Envelope, at: Timestamp) -> Answer {
        let url = match self.target(&envelope.url) {
            Ok(url) => url,
            Err(why) => return Answer::Never { why, gone: false },
        };
        let stamp = timestamp(at);
        let sign = |secret: &Secret| secret.sign(&envelope.id, &stamp, &envelope.body);
        let mut request = self
            .http
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &envelope.id)
            .header("webhook-timestamp", &stamp)
            .body(envelope.body.clone());
        if let Some(signature) = envelope.secret.as_ref().map(sign) {
            request = request.header("webhook-signature", signature);
        }
        match request.send().await {
            Ok(response) => read(response, at).await,
            Err(error) => Answer::Again { why: in_words(error), after: None },
        }
    }

    fn target(&self, text: &str) -> Result<Url, String> {
        let url = Url::parse(text).map_err(|error| format!("address is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("address has the scheme {}, not http or https", url.scheme()));
        }
        let host = url.host_str().ok_or("address has no host")?;
        self.guard.check_literal(host).map_err(|error| error.to_string())?;
        Ok(url)
    }
}

async fn read(mut response: Response, at: Timestamp) -> Answer {
    let status = response.status();
    let after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| retry_after(text, at));
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES => {
                body.extend_from_slice(&chunk);
            }
            Ok(_) => return judge(status, after, &body),
            // The answer broke off: nobody knows whether the receiver has the message.
            Err(error) => return Answer::Again { why: in_words(error), after },
        }
    }
}

/// What an answer means.
fn judge(status: StatusCode, after: Option<Millis>, body: &[u8]) -> Answer {
    let why = || format!("HTTP {}: {}", status.as_u16(), words(&String::from_utf8_lossy(body)));
    match status.as_u16() {
        200..=299 => judge_body(after, body),
        410 => Answer::Never { why: why(), gone: true },
        408 | 429 | 500..=599 => Answer::Again { why: why(), after },
        _ => Answer::Never { why: why(), gone: false },
    }
}

/// What the body of a well-meaning status says: `errcode` or `code` other than 0, or
/// `success: false`, is a refusal. A body that is not a JSON object says nothing.
fn judge_body(after: Option<Millis>, body: &[u8]) -> Answer {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(body) else {
        return Answer::Delivered;
    };
    let number = |name| fields.get(name).and_then(as_code);
    let errcode = number("errcode").filter(|code| *code != 0);
    let code = number("code").filter(|code| *code != 0 && !(200..300).contains(code));
    let denied = fields.get("success") == Some(&Value::Bool(false));
    let why = || format!("answered: {}", words(&Value::Object(fields.clone()).to_string()));
    match errcode.or(code) {
        Some(got) if BUSY_CODES.contains(&got) => Answer::Again { why: why(), after },
        Some(410) => Answer::Never { why: why(), gone: true },
        Some(got) if WRONG_CODES.contains(&got) || is_refusal(got) => {
            Answer::Never { why: why(), gone: false }
        }
        Some(_) => Answer::Again { why: why(), after },
        None if denied => Answer::Again { why: why(), after },
        None => Answer::Delivered,
    }
}

fn is_refusal(code: i64) -> bool {
    (400..500).contains(&code) && code != 408 && code != 429
}

fn as_code(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// Seconds, or an HTTP date.
fn retry_after(text: &str, at: Timestamp) -> Option<Millis> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Millis::seconds(i64::from(seconds)));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Millis(Timestamp::from_millis(date.as_millisecond()).since(at).0.max(0)))
}

/// What went wrong with the connection, without the address: it may hold a robot's key.
fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut why = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if let Some(private) = cause.downcast_ref::<PrivateAddress>() {
            return private.to_string();
        }
        why = format!("{why}: {cause}");
        source = cause.source();
    }
    words(&why)
}

/// A stranger's words, short and on one line.
fn words(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(WORDS_KEPT)
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::double::{Receiver, Script};

    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        let status = StatusCode::from_u16(status).unwrap();
        let got = match judge(status, None, body.as_bytes()) {
            Answer::Delivered => "delivered",
            Answer::Again { .. } => "again",
            Answer::Never { gone: true, .. } => "gone",
            Answer::Never { gone: false, .. } => "never",
        };
        assert_eq!(got, expected, "{status} {body}");
    }

    #[test]
    fn a_good_status_is_believed_unless_the_body_denies_it() {
        check(200, "", "delivered");
        check(204, "", "delivered");
        check(200, "ok", "delivered");
        check(200, "[1]", "delivered");
        check(200, r#"{"errcode":0,"errmsg":"ok"}"#, "delivered");
        check(200, r#"{"code":0}"#, "delivered");
        check(200, r#"{"code":200}"#, "delivered");
        check(200, r#"{"success":true}"#, "delivered");
    }

    #[test]
    fn a_refusal_inside_a_good_status_is_a_refusal() {
        check(200, r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#, "again");
        check(200, r#"{"errcode":"45009"}"#, "again");
        check(200, r#"{"errcode":-1}"#, "again");
        check(200, r#"{"errcode":130101}"#, "again");
        check(200, r#"{"errcode":40058}"#, "never");
        check(200, r#"{"code":400,"msg":"bad"}"#, "never");
        check(200, r#"{"code":429,"msg":"too many request"}"#, "again");
        check(200, r#"{"code":500}"#, "again");
        check(200, r#"{"success":false}"#, "again");
    }

    #[test]
    fn statuses_decide_whether_another_try_has_sense() {
        for status in [408, 429, 500, 502, 503, 504] {
            check(status, "", "again");
        }
        for status in [301, 302, 307, 400, 401, 403, 404, 413, 422] {
            check(status, "", "never");
        }
        check(410, "", "gone");
    }

    #[test]
    fn a_receiver_may_ask_for_time_in_seconds_or_by_a_date() {
        let at = Timestamp::parse("2026-03-02T00:00:00Z").unwrap();
        assert_eq!(retry_after("120", at), Some(Millis::seconds(120)));
        let date = "Mon, 02 Mar 2026 00:01:00 GMT";
        assert_eq!(retry_after(date, at), Some(Millis::minutes(1)));
        assert_eq!(retry_after("Sun, 01 Mar 2026 00:01:00 GMT", at), Some(Millis(0)));
        assert_eq!(retry_after("soon", at), None);
    }

    fn envelope(url: &str) -> Envelope {
        Envelope {
            url: url.to_owned(),
            id: "msg_1".to_owned(),
            secret: Some(Secret::parse("s3cret").unwrap()),
            body: r#"{"type":"test"}"#.to_owned(),
        }
    }

    async fn post(script: Script, allow_private: bool) -> (Answer, Receiver) {
        let receiver = Receiver::start(script).await;
        let client = Client::new(Guard { allow_private }).unwrap();
        let at = Timestamp::from_millis(1_772_406_600_000);
        let answer = client.post(&envelope(&receiver.url()), at).await;
        (answer, receiver)
    }

    #[tokio::test]
    async fn a_message_arrives_whole_and_signed() {
        let (answer, receiver) = post(Script::Status(204, ""), true).await;
        assert_eq!(answer, Answer::Delivered);
        let seen = receiver.seen();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].header("webhook-id"), "msg_1");
        assert_eq!(seen[0].header("webhook-timestamp"), "1772406600");
        let secret = Secret::parse("s3cret").unwrap();
        let expected = secret.sign("msg_1", "1772406600", &seen[0].body);
        assert_eq!(seen[0].header("webhook-signature"), expected);
        assert_eq!(seen[0].body, r#"{"type":"test"}"#);
    }

    #[tokio::test]
    async fn a_private_address_is_never_spoken_to() {
        let (answer, receiver) = post(Script::Status(204, ""), false).await;
        assert!(
            matches!(&answer, Answer::Never { why, .. } if why.contains("private")),
            "{answer:?}"
        );
        assert_eq!(receiver.seen().len(), 0);
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_never_spoken_to() {
        let receiver = Receiver::start(Script::Status(204, "")).await;
        let client = Client::new(Guard { allow_private: false }).unwrap();
        let url = receiver.url().replace("127.0.0.1", "localhost");
        let answer = client.post(&envelope(&url), Timestamp::from_millis(0)).await;
        let expected = |why: &str| why.contains("localhost leads to a private address");
        assert!(matches!(&answer, Answer::Again { why, .. } if expected(why)), "{answer:?}");
        assert_eq!(receiver.seen().len(), 0);
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let elsewhere = Receiver::start(Script::Status(204, "")).await;
        let (answer, _receiver) = post(Script::Redirect(elsewhere.url()), true).await;
        assert!(matches!(answer, Answer::Never { gone: false, .. }), "{answer:?}");
        assert_eq!(elsewhere.seen().len(), 0);
    }

    #[tokio::test]
    async fn a_busy_receiver_is_asked_again_when_it_says() {
        let (answer, _receiver) = post(Script::Busy(7), true).await;
        let after = Some(Millis::seconds(7));
        assert!(matches!(answer, Answer::Again { after: got, .. } if got == after));
    }

    #[tokio::test]
    async fn a_broken_connection_or_answer_is_tried_again() {
        for script in [Script::Reset, Script::HalfAnswer] {
            let (answer, _receiver) = post(script.clone(), true).await;
            assert!(matches!(answer, Answer::Again { .. }), "{script:?}: {answer:?}");
        }
    }

    #[tokio::test]
    async fn an_endless_answer_is_cut() {
        let (answer, _receiver) = post(Script::Endless, true).await;
        assert_eq!(answer, Answer::Delivered);
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_a_dead_letter() {
        let client = Client::new(Guard { allow_private: true }).unwrap();
        for url in ["", "gw.example", "file:///etc/passwd", "ftp://gw.example/"] {
            let answer = client.post(&envelope(url), Timestamp::from_millis(0)).await;
            assert!(matches!(answer, Answer::Never { gone: false, .. }), "{url}: {answer:?}");
        }
    }

    #[tokio::test]
    async fn what_went_wrong_never_shows_the_address() {
        let client = Client::new(Guard { allow_private: true }).unwrap();
        let url = "http://127.0.0.1:1/robot?key=SECRETKEY";
        let answer = client.post(&envelope(url), Timestamp::from_millis(0)).await;
        assert!(!format!("{answer:?}").contains("SECRETKEY"), "{answer:?}");
    }
}
