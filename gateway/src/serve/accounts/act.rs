//! What those who give access do to an account.

use std::sync::Arc;

use tracing::info;

use super::{commit_once, find, password, totp, trace};
use crate::{
    serve::{refusal::Refusal, shared::Shared, wire},
    store::{AccessChange, AccountName, AccountRow, Request, Role, Vouched},
};

/// Longest name that a provider has for somebody (`OpenID` Connect Core 1.0, section 2).
const SUBJECT_MAX: usize = 255;

/// What is done to an account.
#[derive(Debug, Clone)]
pub(in crate::serve) enum Act {
    /// It has another password, which its owner replaces by their own: what is kept of it.
    Password(String),
    /// It has another second factor: its secret, or none until the next sign-in.
    Second(String),
    /// It means something else.
    Mean {
        /// The role.
        role: Role,
        /// The place.
        place: Option<String>,
        /// The doctor.
        doctor: Option<crate::domain::DoctorId>,
    },
    /// The identity provider vouches for its owner, or does no more.
    Vouched(Vouched),
    /// Nobody signs in.
    Disable,
    /// It may be signed in to, at once.
    Enable,
    /// Its sessions end.
    Revoke,
}

impl Act {
    pub(in crate::serve) const fn as_str(&self) -> &'static str {
        match self {
            Self::Password(_) => "password",
            Self::Second(_) => "second factor",
            Self::Mean { .. } => "role",
            Self::Vouched(_) => "identity provider",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Revoke => "revoke",
        }
    }
}

/// Who acts.
#[derive(Debug)]
pub(in crate::serve) struct By<'a> {
    /// The name under which the act is recorded.
    pub(in crate::serve) name: &'a str,
    /// The request that asks for it, if that may come again: it is done once.
    pub(in crate::serve) request: Option<Request>,
}

/// What became of an act: the account as it then stood, as JSON.
#[derive(Debug)]
pub(in crate::serve) struct Acted {
    /// As whoever asks is told, at first and whenever they ask again.
    pub(in crate::serve) told: String,
    /// It was done when it was first asked for, and nothing was done now.
    pub(in crate::serve) before: bool,
}

/// Does it. Whatever it is, the account's sessions end with their next request.
pub(in crate::serve) async fn act(
    shared: &Arc<Shared>,
    name: AccountName,
    act: Act,
    by: By<'_>,
) -> Result<Acted, Refusal> {
    let said = act.as_str();
    let turn = shared.accounts.turn.acquire().await;
    turn.as_ref().map_err(|_closed| Refusal::busy())?;
    let mut row = find(shared, name).await?.ok_or(Refusal::not_found())?;
    apply(&mut row, act);
    row.changed_at = shared.clock.now();
    row.changed_by = by.name.into();
    let shown = wire::AccountShown::of(&row);
    let change = AccessChange::Account(Box::new(row.clone()));
    let before = commit_once(shared, Some(change), (by.request, &shown)).await?;
    drop(turn);
    if let Some(told) = before {
        return Ok(Acted { told, before: true });
    }
    shared.sessions.end_all(&row.name);
    shared.accounts.throttle().pardon(trace(row.name.as_str()));
    info!(target: "audit", account = %row.name, by = by.name, act = said, "an account was changed");
    let told = serde_json::to_string(&shown).map_err(|error| Refusal::broken(&error))?;
    Ok(Acted { told, before: false })
}

fn apply(row: &mut AccountRow, act: Act) {
    row.generation = row.generation.saturating_add(1);
    match act {
        Act::Password(kept) => {
            row.password = kept;
            row.must_change = true;
        }
        Act::Second(secret) => {
            row.second = secret;
            row.second_step = 0;
        }
        Act::Mean { role, place, doctor } => {
            row.role = role;
            row.place = place;
            row.doctor = doctor;
        }
        Act::Vouched(vouched) => row.vouched = vouched,
        Act::Disable => row.disabled = true,
        Act::Enable => row.disabled = false,
        Act::Revoke => {}
    }
}

/// Whom the provider vouches for: by its name for them, or the first of the account's name. Nobody has
/// two accounts.
pub(super) async fn vouched(
    shared: &Arc<Shared>,
    name: &AccountName,
    subject: Option<String>,
) -> Result<Vouched, Refusal> {
    let none = Refusal::bad("oidc: no identity provider is configured / 未配置统一身份认证");
    let oidc = shared.settings.oidc.as_ref().ok_or(none)?;
    let Some(subject) = subject else { return Ok(Vouched::Open) };
    if subject.is_empty() || subject.len() > SUBJECT_MAX || subject.contains(char::is_control) {
        return Err(Refusal::bad(format!("subject: 1 to {SUBJECT_MAX} bytes")));
    }
    let vouched = Vouched::By { issuer: oidc.issuer().to_owned(), subject };
    let asked = vouched.clone();
    let other = shared.ask(move |shared| shared.reader.account_of(&asked)).await?;
    match other {
        Some(other) if other.name != *name => {
            Err(Refusal::bad(format!("subject: account {} is theirs", other.name)))
        }
        Some(_) | None => Ok(vouched),
    }
}

/// What is kept of a password that somebody else chose.
pub(super) async fn chosen(
    shared: &Arc<Shared>,
    name: &AccountName,
    text: String,
) -> Result<String, Refusal> {
    password::weigh(&text, name.as_str()).map_err(|weak| Refusal::weak_password(&weak))?;
    let kept = shared.accounts.hashing(move || password::kept(&text, password::COST)).await?;
    kept.map_err(|error| Refusal::broken(&error))
}

/// A new second factor, and the address by which a phone takes it over.
pub(super) fn second(name: &AccountName) -> Result<(String, String), Refusal> {
    let secret = totp::new_secret().map_err(|error| Refusal::broken(&error))?;
    let uri = totp::uri(name.as_str(), &secret);
    Ok((secret, uri))
}
