//! What those who give access do to an account.

use std::sync::Arc;

use tracing::info;

use super::{altered, password, totp, trace};
use crate::{
    serve::{refusal::Refusal, shared::Shared},
    store::{AccountName, AccountRow, Role},
};

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
    /// Nobody signs in.
    Disable,
    /// It may be signed in to, at once.
    Enable,
    /// Its sessions end.
    Revoke,
}

impl Act {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Password(_) => "password",
            Self::Second(_) => "second factor",
            Self::Mean { .. } => "role",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::Revoke => "revoke",
        }
    }
}

/// Does it. Whatever it is, the account's sessions end with their next request, but by enabling it.
pub(in crate::serve) async fn act(
    shared: &Arc<Shared>,
    name: AccountName,
    act: Act,
    by: &str,
) -> Result<AccountRow, Refusal> {
    let said = act.as_str();
    let row = altered(shared, name, by, |row| {
        apply(row, act);
        Ok(())
    });
    let row = row.await?.ok_or(Refusal::not_found())?;
    shared.sessions.end_all(&row.name);
    shared.accounts.throttle().pardon(trace(row.name.as_str()));
    info!(target: "audit", account = %row.name, %by, act = said, "an account was changed");
    Ok(row)
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
        Act::Disable => row.disabled = true,
        Act::Enable => row.disabled = false,
        Act::Revoke => {}
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
