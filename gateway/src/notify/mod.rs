//! Owed notifications reach doctors: signed webhooks, retried until somebody has them or they have
//! lost their sense.
//!
//! A row stays owed in the store until its attempt is committed. Between the two this process
//! holds it, so a restart sends again what it cannot know to have arrived, under the same
//! `webhook-id`, and forgets nothing. What leaves is [`text::ThirdPartyText`]: a code, a level and a
//! link. Nothing leaves while the [`Gate`] is closed; the rows wait.
//!
//! The MQTT channel is published by the listener, from the log. Its rows end here, when the
//! doctor's durable cursor has passed the alert's step (`mqtt.rs`).
//!
//! It never slows ingest: it reads beside the writer, and its attempts are work like any other.

mod board;
mod dispatch;
#[cfg(test)]
pub(crate) mod double;
mod guard;
mod lanes;
mod mqtt;
mod pace;
mod plan;
mod post;
mod record;
mod rehearse;
mod retry;
mod settle;
mod sign;
#[cfg(test)]
mod tests;
mod text;

use std::{future::Future, pin::Pin, sync::Arc};

use smol_str::SmolStr;
use tokio::sync::watch;

pub use board::{Alarm, Board, Numbers, Standing};
pub use guard::{Guard, PrivateAddress, is_public};
pub use mqtt::{MqttCursor, mqtt_follower};
pub use pace::{Cap, Caps};
pub use plan::Wording;
pub use post::{Answer, Client, Envelope, NoClient};
pub use rehearse::{Left, Rehearsal, Turned};
pub use sign::{Secret, SecretError, timestamp};
pub use text::{Kind, Link, Links, ThirdPartyText, level_code, level_zh};

use crate::{
    domain::{AlertId, Clock, Doctor, Level, Timestamp},
    intake::Inlet,
    store::{AlertChange, CommitSeq, Reader},
    supervise::Stop,
};

/// Settings of the channels, filled from the configuration file.
#[derive(Debug, Clone)]
pub struct NotifyConfig {
    /// Makes the links.
    pub links: Links,
    /// First letters of case codes.
    pub case_prefix: SmolStr,
    /// Whether receivers may stand in private networks (ATTACKS A20).
    pub allow_private: bool,
    /// Silence is no consent: nothing about somebody leaves before they agreed.
    pub consent_required: bool,
    /// Limits of what one recipient is sent.
    pub caps: Caps,
}

impl NotifyConfig {
    /// With the caps of the design, and receivers in public networks alone.
    #[must_use]
    pub fn new(links: Links, case_prefix: &str) -> Self {
        let case_prefix = SmolStr::new(case_prefix);
        Self {
            links,
            case_prefix,
            allow_private: false,
            consent_required: false,
            caps: Caps::default(),
        }
    }
}

/// Whether messages may leave for doctors at all (DESIGN section 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// They may.
    Open,
    /// The rule pack in force is not signed, or was changed after it was: rows stay owed, and the
    /// board says so.
    Unsigned,
}

impl Gate {
    /// Open in `demo` and `--dev`, or when the pack in force carries who signed it and the hash of
    /// what it says.
    #[must_use]
    pub fn of(practice: bool, signed_by: Option<&str>, hash: Option<&str>) -> Self {
        let said = |text: Option<&str>| text.is_some_and(|text| !text.trim().is_empty());
        if practice || (said(signed_by) && said(hash)) { Self::Open } else { Self::Unsigned }
    }

    /// Whether messages may leave.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open)
    }

    /// Why not, in Chinese; empty when they may.
    #[must_use]
    pub const fn why_zh(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::Unsigned => "当前规则包未签署或签署后有改动，消息暂不外发",
        }
    }

    /// Why not, in English; empty when they may.
    #[must_use]
    pub const fn why_en(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::Unsigned => {
                "the rule pack in force is not signed, or was changed since: no message leaves"
            }
        }
    }
}

/// How a message leaves. [`Client::post`], except in tests.
pub type Post =
    Arc<dyn Fn(Envelope, Timestamp) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// What the notifier needs from the rest of the gateway.
#[derive(Clone)]
pub struct Parts {
    /// The reading side of the store.
    pub reader: Arc<dyn Reader>,
    /// Where attempts are handed over to the writer.
    pub inlet: Inlet,
    /// Ticks when something was committed.
    pub commits: watch::Receiver<CommitSeq>,
    /// Whether messages may leave.
    pub gate: watch::Receiver<Gate>,
    /// The time.
    pub clock: Clock,
    /// How far a doctor's MQTT client has been served.
    pub mqtt_cursor: MqttCursor,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("gate", &*self.gate.borrow()).finish_non_exhaustive()
    }
}

/// Sends what is owed.
pub struct Notifier {
    parts: Parts,
    config: NotifyConfig,
    post: Post,
    board: Arc<Board>,
}

impl std::fmt::Debug for Notifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifier").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Notifier {
    /// A notifier over real connections.
    ///
    /// # Errors
    /// [`NoClient`] when the HTTP client cannot be made.
    pub fn new(parts: Parts, config: NotifyConfig) -> Result<Self, NoClient> {
        let client = Client::new(Guard { allow_private: config.allow_private })?;
        let post: Post = Arc::new(move |envelope, at| {
            let client = client.clone();
            Box::pin(async move { client.post(&envelope, at).await })
        });
        Ok(Self::with_post(parts, config, post))
    }

    fn with_post(parts: Parts, config: NotifyConfig, post: Post) -> Self {
        Self { parts, config, post, board: Arc::default() }
    }

    /// What the operator sees. Taken before [`Notifier::run`].
    #[must_use]
    pub fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Sends what is owed until it is told to stop. What is on its way then is cut off; its row is
    /// still owed and goes again after the restart.
    pub async fn run(self, stop: Stop) {
        dispatch::Dispatcher::new(self).run(stop).await;
    }
}

/// Sends a message that says only that it is a test, to a doctor's webhook.
///
/// # Errors
/// Why the doctor's secret cannot sign.
pub async fn send_test(
    client: &Client,
    wording: &Wording,
    doctor: &Doctor,
    now: Timestamp,
) -> Result<Answer, SecretError> {
    let secret = match Secret::parse(&doctor.webhook_secret) {
        Ok(secret) => Some(secret),
        Err(SecretError::Empty) => None,
        Err(error) => return Err(error),
    };
    let alert = AlertId::from_bytes([0; 16]);
    let text = ThirdPartyText {
        kind: Kind::Test,
        alert,
        case_prefix: wording.case_prefix.clone(),
        level: Level::Blue,
        change: AlertChange::Noted,
        deadline: None,
        alerts: Vec::new(),
        link: wording.links.to_inbox(),
    };
    let id = format!("test-{}", now.as_millis());
    let envelope = Envelope { url: doctor.webhook.clone(), id, secret, body: text.body() };
    Ok(client.post(&envelope, now).await)
}
