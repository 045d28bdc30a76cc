//! Accounts, as those who give access see them; never a secret that is kept.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::store::{AccountRow, BrokenGlass, Vouched};

/// A text that no log shows.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// An account to make.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountAsked {
    /// The name to sign in with.
    pub name: String,
    /// What people call them.
    #[serde(default)]
    pub called: Option<String>,
    /// The role.
    pub role: String,
    /// The place, for a team its name.
    #[serde(default)]
    pub scope: Option<String>,
    /// The doctor.
    #[serde(default)]
    pub doctor: Option<String>,
    /// The first password, which its owner replaces; absent only with `oidc`.
    #[serde(default)]
    pub password: Option<Hidden>,
    /// The identity provider vouches for its owner.
    #[serde(default)]
    pub oidc: bool,
    /// The provider's name for the owner; absent: whoever signs in there first by the account's name.
    #[serde(default)]
    pub subject: Option<String>,
}

/// A change of an account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// Which.
    pub name: String,
    /// `passwd`, `totp`, `forget-totp`, `role`, `oidc`, `forget-oidc`, `disable`, `enable` or `revoke`.
    pub act: String,
    /// The new password.
    #[serde(default)]
    pub password: Option<Hidden>,
    /// The new role.
    #[serde(default)]
    pub role: Option<String>,
    /// Its place.
    #[serde(default)]
    pub scope: Option<String>,
    /// Its doctor.
    #[serde(default)]
    pub doctor: Option<String>,
    /// With `oidc`: the provider's name for the owner; absent: whoever signs in there first by the name.
    #[serde(default)]
    pub subject: Option<String>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountShown {
    /// The name to sign in with.
    pub name: String,
    /// What people call them.
    pub called: String,
    /// The role.
    pub role: &'static str,
    /// The place it is bound to.
    pub scope: Option<String>,
    /// The doctor it speaks for.
    pub doctor: Option<String>,
    /// `active`, `disabled` or `must_change`: somebody else chose its password.
    pub state: &'static str,
    /// Whether the second factor is set up.
    pub second_factor: bool,
    /// Whether a password opens it.
    pub password: bool,
    /// Whether the identity provider vouches for its owner: `no`, `open` to the first of its name, or
    /// `bound`.
    pub oidc: &'static str,
    /// When it was made.
    pub created_at: String,
    /// By whom.
    pub created_by: String,
    /// When it was changed last.
    pub changed_at: String,
    /// By whom.
    pub changed_by: String,
}

impl AccountShown {
    pub(in crate::serve) fn of(row: &AccountRow) -> Self {
        Self {
            name: row.name.to_string(),
            called: row.called.clone(),
            role: row.role.as_str(),
            scope: row.place.clone(),
            doctor: row.doctor.as_ref().map(ToString::to_string),
            state: match (row.disabled, row.must_change) {
                (true, _) => "disabled",
                (false, true) => "must_change",
                (false, false) => "active",
            },
            second_factor: !row.second.is_empty(),
            password: !row.password.is_empty(),
            oidc: match row.vouched {
                Vouched::No => "no",
                Vouched::Open => "open",
                Vouched::By { .. } => "bound",
            },
            created_at: row.created_at.to_string(),
            created_by: row.created_by.to_string(),
            changed_at: row.changed_at.to_string(),
            changed_by: row.changed_by.to_string(),
        }
    }
}

/// What became of a change.
#[derive(Debug, Serialize)]
pub struct AccountChanged {
    /// The account as it then stood.
    pub account: Box<RawValue>,
    /// It was asked for before under this key, and done then: a secret was told then, and is not again.
    pub repeated: bool,
    /// The second factor's secret, said once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The address by which a phone takes it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otpauth: Option<String>,
}

/// An open session of an account.
#[derive(Debug, Serialize)]
pub struct SessionShown {
    /// Whose.
    pub account: String,
    /// How long it is open.
    pub opened_seconds_ago: i64,
    /// How long nothing was asked.
    pub idle_seconds: i64,
}

/// Which part of a list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
pub struct Paged {
    /// At most so many.
    pub limit: Option<usize>,
    /// The cursor of the last page.
    pub after: Option<String>,
}

/// Why somebody must see more than their own people.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GlassAsked {
    /// In their words, at least 10 characters.
    #[serde(default)]
    pub reason: String,
}

/// The glass is broken.
#[derive(Debug, Serialize, ToSchema)]
pub struct GlassShown {
    /// From this instant.
    pub at: String,
    /// Until this instant, or until they end it.
    pub until: String,
    /// Who: a doctor, an account, or a role.
    pub by: String,
    /// Their role.
    pub role: &'static str,
    /// Why.
    pub reason: String,
}

impl GlassShown {
    pub(in crate::serve) fn of(broken: &BrokenGlass) -> Self {
        Self {
            at: broken.at.to_string(),
            until: broken.until.to_string(),
            by: broken.by.to_string(),
            role: broken.role.as_str(),
            reason: broken.reason.clone(),
        }
    }
}

/// What the pages for signing in send.
#[derive(Debug, Default, Deserialize)]
pub struct SignInForm {
    /// What stands in the cookie too.
    #[serde(default)]
    pub csrf: Hidden,
    /// The account's name.
    #[serde(default)]
    pub name: String,
    /// Its password.
    #[serde(default)]
    pub password: Hidden,
    /// The second step: six digits.
    #[serde(default)]
    pub code: Option<Hidden>,
}

/// What the identity provider sends a browser back with.
#[derive(Debug, Default, Deserialize)]
pub struct SentBack {
    /// What its token is had for.
    pub code: Option<String>,
    /// What it was given.
    pub state: Option<String>,
    /// Who it is.
    pub iss: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// What the page of one's own account sends.
#[derive(Debug, Default, Deserialize)]
pub struct AccountForm {
    /// The session's token.
    #[serde(default)]
    pub csrf: String,
    /// What the button says.
    #[serde(default)]
    pub act: String,
    /// The present password.
    #[serde(default)]
    pub old: Hidden,
    /// The new one.
    #[serde(default)]
    pub new: Hidden,
    /// The new one again.
    #[serde(default)]
    pub again: Hidden,
    /// Why the glass is broken.
    #[serde(default)]
    pub reason: String,
}

/// What the page of one's own account is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct AccountPageAsked {
    /// Go on to the board, if there is one.
    pub next: Option<String>,
}
