//! The box's side of being enrolled: one request, pinned to whoever made the code, said again until there
//! is an answer or a reason.

use std::{net::IpAddr, time::Duration};

use reqwest::{StatusCode, Url, redirect};
use serde::Deserialize;
use tokio::time::sleep;

use super::{
    certificate::box_of_certificate,
    client::pinned_tls,
    code::Code,
    enrolment::Enrolment,
    spoken::{Answers, Asks},
};
use crate::{
    asking::{bounded, causes},
    secrets::Secret,
    uplink::GatewayKey,
};

/// The route of the interface.
const ROUTE: &str = "/api/v1/enrol";

/// Longest time until a connection stands.
const CONNECT_MAX: Duration = Duration::from_secs(20);

/// Longest time for one attempt.
const ATTEMPT_MAX: Duration = Duration::from_secs(60);

/// Attempts while there is no answer. The same request again gets the same answer.
const ATTEMPTS: u32 = 5;

/// The pause after the first attempt; doubled after each.
const PAUSE_FIRST: Duration = Duration::from_secs(1);

/// Largest answer, in bytes: two certificates.
const ANSWER_MAX: usize = 64 * 1024;

/// Why a box was not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The address is none that a code may be said to.
    #[error("{to}: expected https://…, or http:// on this very machine / 地址须以 https:// 开头")]
    Address {
        /// As it was given.
        to: String,
    },
    /// The gateway above says no.
    #[error("{en} / {zh} ({code})")]
    Refused {
        /// Its code.
        code: String,
        /// In English.
        en: String,
        /// In Chinese.
        zh: String,
    },
    /// Whoever answers is not who made the code.
    #[error(
        "whoever answers at {to} is not who made this code: somebody may stand in between, or the \
         certificate was changed / 对方证书与注册码不符，可能被冒充: {why}"
    )]
    Stranger {
        /// The address.
        to: String,
        /// What is wrong.
        why: String,
    },
    /// There was no answer.
    #[error(
        "no answer from {to}; the same command goes on where it stopped / 未收到答复，可重新执行: {why}"
    )]
    Silent {
        /// The address.
        to: String,
        /// The last cause.
        why: String,
    },
}

/// What one attempt came to.
enum Attempt {
    Answered(Answers),
    Again { why: String, pause: Option<Duration> },
    Ended(JoinError),
}

/// The refusal of an interface.
#[derive(Deserialize)]
struct Said {
    code: String,
    message: String,
    message_zh: String,
}

/// The address at which a box may say its code.
///
/// # Errors
/// [`JoinError::Address`].
pub fn address(to: &str) -> Result<String, JoinError> {
    let wrong = || JoinError::Address { to: to.to_owned() };
    let url = Url::parse(to).map_err(|_no_url| wrong())?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    match url.scheme() {
        "https" if bare => Ok(to.trim_end_matches('/').to_owned()),
        "http" if bare && here => Ok(to.trim_end_matches('/').to_owned()),
        _ => Err(wrong()),
    }
}

/// Says the code, and makes an enrolment of the answer.
///
/// # Errors
/// [`JoinError`].
pub async fn join(
    to: &str,
    code: &Code,
    (key, epoch): (&GatewayKey, u64),
) -> Result<Enrolment, JoinError> {
    let to = address(to)?;
    let asks = Asks::of(code, key, epoch);
    let silent = |why: String| JoinError::Silent { to: to.clone(), why };
    let client = client(code).map_err(&silent)?;
    let mut pause = PAUSE_FIRST;
    let mut last = String::new();
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
        match ask(&client, &to, &asks).await {
            Attempt::Answered(answers) => {
                let stranger =
                    |why: &str| JoinError::Stranger { to: to.clone(), why: why.to_owned() };
                return believe(&to, code, (&asks, key), answers).map_err(stranger);
            }
            Attempt::Ended(error) => return Err(error),
            Attempt::Again { why, pause: asked } => {
                last = why;
                pause = pause.max(asked.unwrap_or_default());
            }
        }
    }
    Err(silent(last))
}

fn client(code: &Code) -> Result<reqwest::Client, String> {
    let tls = pinned_tls(code.pin).map_err(|error| error.to_string())?;
    let builder = reqwest::Client::builder()
        .user_agent(concat!("xunzhen/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_MAX)
        .timeout(ATTEMPT_MAX)
        .tls_backend_preconfigured(rustls::ClientConfig::clone(&tls));
    builder.build().map_err(|error| causes(&error))
}

async fn ask(client: &reqwest::Client, to: &str, asks: &Asks) -> Attempt {
    let again = |why: String| Attempt::Again { why, pause: None };
    let Ok(body) = serde_json::to_vec(asks) else {
        return again("it cannot be written".to_owned());
    };
    let request = client.post(format!("{to}{ROUTE}")).header("content-type", "application/json");
    let response = match request.body(body).send().await {
        Ok(response) => response,
        Err(error) => {
            let why = causes(&error);
            let stranger = why.contains("certificate") || why.contains("UnknownIssuer");
            let to = to.to_owned();
            let ended = JoinError::Stranger { to, why: why.clone() };
            return if stranger { Attempt::Ended(ended) } else { again(why) };
        }
    };
    let status = response.status();
    let wait = response.headers().get("retry-after").and_then(|wait| wait.to_str().ok());
    let wait = wait.and_then(|wait| wait.parse().ok()).map(Duration::from_secs);
    let body = match read(response).await {
        Ok(body) => body,
        Err(why) => return again(why),
    };
    if status.is_success() {
        return match serde_json::from_slice(&body) {
            Ok(answers) => Attempt::Answered(answers),
            Err(error) => again(error.to_string()),
        };
    }
    let busy = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
    match serde_json::from_slice::<Said>(&body) {
        Ok(said) if !busy => {
            let Said { code, message: en, message_zh: zh } = said;
            Attempt::Ended(JoinError::Refused { code, en, zh })
        }
        Ok(Said { message, message_zh, .. }) => {
            let pause = wait.map(|wait| wait.min(ATTEMPT_MAX));
            Attempt::Again { why: format!("{message} / {message_zh}"), pause }
        }
        Err(_other) => again(status.to_string()),
    }
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, String> {
    let body = bounded(&mut response, ANSWER_MAX).await.map_err(|error| causes(&error))?;
    body.ok_or_else(|| "the answer is too large".to_owned())
}

/// Believes an answer that the key of the code signed for this very request, and that is about this box
/// and its key.
fn believe(
    to: &str,
    code: &Code,
    (asks, key): (&Asks, &GatewayKey),
    answers: Answers,
) -> Result<Enrolment, &'static str> {
    let asked = asks.read().ok_or("the request cannot be read")?;
    let parent_key = answers.verify(&asked.hash).map_err(|_forged| "the answer is not signed")?;
    if !code.is_of(&parent_key) {
        return Err("the answer is signed by another key than the code's");
    }
    let (ca, certificate) = answers.certificates().ok_or("a certificate cannot be read")?;
    if box_of_certificate(&certificate) != Some((code.name.clone(), key.public())) {
        return Err("the certificate is not of this box and its key");
    }
    Ok(Enrolment {
        name: code.name.clone(),
        to: to.to_owned(),
        parent_key,
        pin: code.pin,
        ca,
        certificate,
        serial: answers.serial,
        until: answers.until,
        said_at: answers.said_at,
        token: Secret::new(answers.token),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(to: &str, expected: Option<&str>) {
        assert_eq!(address(to).ok().as_deref(), expected, "{to}");
    }

    #[test]
    fn a_code_is_said_over_tls_or_on_this_very_machine() {
        check("https://centre.example", Some("https://centre.example"));
        check("https://centre.example:8443/", Some("https://centre.example:8443"));
        check("http://127.0.0.1:8080", Some("http://127.0.0.1:8080"));
        check("http://[::1]:8080", Some("http://[::1]:8080"));
        check("http://localhost:8080", Some("http://localhost:8080"));
        check("http://centre.example", None);
        check("http://10.0.0.1", None);
        check("http://127.0.0.1.centre.example", None);
        check("https://centre.example/elsewhere", None);
        check("https://me@centre.example", None);
        check("mqtts://centre.example", None);
        check("centre.example", None);
    }
}
