//! Who is asking: a bearer token or the session of a browser, and what they reach.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, Uri, header, request::Parts},
};

use super::{
    refusal::Refusal,
    scope::{House, Reach, Right, View},
    secret,
    sessions::{Found, Glass},
    shared::Shared,
    trail,
};
use crate::{
    domain::{DeviceId, DoctorId},
    store::{AccountName, AccountRow, Role, StoreError, TokenRow, view::Scope},
};

/// The name of the session cookie without TLS.
pub(super) const COOKIE: &str = "xz_session";

/// The name of a cookie of ours. Behind TLS its beginning makes browsers refuse one that another host
/// of the same domain, or a plain connection, would plant.
pub(super) fn cookie_name(secure: bool, name: &str) -> String {
    if secure { format!("__Host-{name}") } else { name.to_owned() }
}

/// The header that a browser's own script sends, which a form of another site cannot.
const OWN_SCRIPT: (&str, &str) = ("x-requested-with", "xunzhen");

/// What a token or a session was given: a role, and where it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// The place it is bound to.
    pub place: Option<String>,
    /// The doctor it speaks for.
    pub doctor: Option<DoctorId>,
    /// The device it speaks for.
    pub device: Option<DeviceId>,
    /// The account that signed in.
    pub account: Option<AccountName>,
}

impl Grant {
    /// A role without a place, a doctor or a device.
    #[must_use]
    pub const fn of_role(role: Role) -> Self {
        Self { role, place: None, doctor: None, device: None, account: None }
    }

    /// The name under which an act is recorded: the doctor's, else the account's, else the role.
    pub(super) fn author(&self) -> &str {
        let account = || self.account.as_ref().map(AccountName::as_str);
        let doctor = self.doctor.as_ref().map(DoctorId::as_str);
        doctor.or_else(account).unwrap_or(self.role.as_str())
    }
}

impl From<TokenRow> for Grant {
    fn from(row: TokenRow) -> Self {
        let TokenRow { role, place, doctor, device, .. } = row;
        Self { role, place, doctor, device, account: None }
    }
}

impl From<&AccountRow> for Grant {
    fn from(row: &AccountRow) -> Self {
        Self {
            role: row.role,
            place: row.place.clone(),
            doctor: row.doctor.clone(),
            device: None,
            account: Some(row.name.clone()),
        }
    }
}

/// How the caller proved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Token([u8; 32]),
    Session([u8; 32]),
}

/// Somebody whom we know, with what they reach now.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) grant: Grant,
    pub(super) reach: Reach,
    pub(super) proof: Proof,
    /// What a form of this session must bring back.
    pub(super) csrf: Option<String>,
    /// They broke the glass: until then, and why.
    pub(super) glass: Option<Glass>,
    /// They must choose a password of their own first.
    pub(super) must_change: bool,
    /// A password opens their account.
    pub(super) has_password: bool,
}

impl Caller {
    /// Refuses unless the caller has a right.
    pub(super) fn need(&self, right: Right) -> Result<(), Refusal> {
        if self.reach.may(right) {
            return Ok(());
        }
        tracing::info!(role = self.grant.role.as_str(), right = right.as_str(), "refused");
        if self.must_change {
            return Err(Refusal::own_password_first());
        }
        Err(Refusal::forbidden(right.as_str()))
    }

    pub(super) const fn scope(&self) -> &Scope {
        &self.reach.people
    }

    pub(super) fn full(&self) -> bool {
        self.reach.view == View::Full
    }

    /// Tells one caller's idempotency keys from another's; a new log-in is the same caller.
    pub(super) fn principal(&self) -> String {
        match self.proof {
            Proof::Token(hash) => blake3::Hash::from_bytes(hash).to_hex().to_string(),
            Proof::Session(_) => format!(
                "{}|{}|{}",
                self.grant.role.as_str(),
                self.grant.author(),
                self.grant.place.as_deref().unwrap_or_default()
            ),
        }
    }

    /// The same caller, asked again: a token may have ended, an assignment changed.
    pub(super) async fn again(shared: &Arc<Shared>, proof: Proof) -> Result<Self, Refusal> {
        known(shared, proof, false).await
    }

    async fn of(parts: &Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let secure = shared.settings.secure;
        let proof = proof(&parts.headers, secure).ok_or(Refusal::unknown_caller())?;
        let caller = known(shared, proof, true).await?;
        trail::known(&caller);
        let from_browser = matches!(caller.proof, Proof::Session(_));
        if from_browser && !same_origin(parts, shared) {
            return Err(Refusal::cross_site());
        }
        if let Some(glass) = &caller.glass {
            let (by, until) = (caller.grant.author(), glass.until);
            let (method, path) = (&parts.method, parts.uri.path());
            tracing::warn!(target: "audit", %by, %until, %method, path, "beyond the glass");
        }
        Ok(caller)
    }
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        let caller = Self::of(parts, shared).await?;
        let (name, value) = OWN_SCRIPT;
        let own = parts.headers.get(name).is_some_and(|sent| sent == value);
        if matches!(caller.proof, Proof::Session(_)) && !parts.method.is_safe() && !own {
            return Err(Refusal::cross_site());
        }
        Ok(caller)
    }
}

/// A caller of a page: a form brings its session's token in its body, and the page checks it.
#[derive(Debug, Clone)]
pub(super) struct Visitor(pub(super) Caller);

impl FromRequestParts<Arc<Shared>> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        Caller::of(parts, shared).await.map(Self)
    }
}

/// The hash of the token that a request brings, whatever became of that token.
pub(super) fn bearer(headers: &HeaderMap) -> Option<[u8; 32]> {
    match proof(headers, true)? {
        Proof::Token(hash) => Some(hash),
        Proof::Session(_) => None,
    }
}

async fn known(shared: &Arc<Shared>, proof: Proof, touch: bool) -> Result<Caller, Refusal> {
    let found = match proof {
        Proof::Session(id) => {
            Some(shared.sessions.find(&id, touch).ok_or(Refusal::unknown_caller())?)
        }
        Proof::Token(_) => None,
    };
    let resolved = shared.ask(move |shared| resolve(shared, proof, found));
    resolved.await?.ok_or(Refusal::unknown_caller())
}

/// Everything is read again for each request: a token that was revoked, an account that was disabled
/// or changed, a session whose account was, end here.
fn resolve(
    shared: &Shared,
    proof: Proof,
    found: Option<Found>,
) -> Result<Option<Caller>, StoreError> {
    let reader = shared.reader.as_ref();
    let token = match (proof, &found) {
        (Proof::Token(hash), _) => Some(hash),
        (Proof::Session(_), found) => found.as_ref().and_then(|found| found.token),
    };
    let row = token.map(|hash| reader.token(&hash)).transpose()?.flatten();
    let row = row.filter(|row| row.revoked_at.is_none());
    if token.is_some() && row.is_none() {
        return Ok(None);
    }
    let (mut must_change, mut has_password) = (false, false);
    let (grant, csrf) = match (found, row) {
        (Some(Found { account: Some(account), csrf, .. }), _) => {
            let row = reader.account(&account.name)?.filter(|row| account.is_of(row));
            let Some(row) = row else { return Ok(None) };
            (must_change, has_password) = (row.must_change, !row.password.is_empty());
            (Grant::from(&row), Some(csrf))
        }
        (Some(found), _) => (found.grant, Some(found.csrf)),
        (None, Some(row)) => (row.into(), None),
        (None, None) => return Ok(None),
    };
    let house = House {
        open: shared.settings.open_house,
        separate_powers: shared.settings.accounts.separate_powers,
    };
    let own = Reach::of(&grant, house, reader)?;
    let (Proof::Token(key) | Proof::Session(key)) = proof;
    let glass = shared.sessions.glass(&key).filter(|_| own.may(Right::BreakGlass));
    let reach = match (must_change, &glass) {
        (true, _) => Reach::NOTHING,
        (false, Some(_)) => own.beyond(),
        (false, None) => own,
    };
    Ok(Some(Caller { grant, reach, proof, csrf, glass, must_change, has_password }))
}

fn proof(headers: &HeaderMap, secure: bool) -> Option<Proof> {
    if let Some(sent) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = sent.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        let bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
        return bearer.then(|| Proof::Token(secret::hash(token)));
    }
    cookie(headers, &cookie_name(secure, COOKIE)).map(|id| Proof::Session(secret::hash(id)))
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Whether a browser says that the request comes from our own page. What says nothing is taken as
/// one: the cookie is `SameSite=Lax`, and the page's token or header is asked for as well.
fn same_origin(parts: &Parts, shared: &Shared) -> bool {
    let safe = parts.method.is_safe();
    let from = parts.headers.get("sec-fetch-site").and_then(|from| from.to_str().ok());
    // A link from elsewhere may be followed; nothing may be done from there.
    let foreign = from.is_some_and(|from| from != "same-origin" && from != "none");
    if foreign && !safe {
        return false;
    }
    is_own_origin(parts, shared)
}

/// Whether a request names no origin, or ours.
pub(super) fn is_own_origin(parts: &Parts, shared: &Shared) -> bool {
    let Some(origin) = parts.headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let public = shared.settings.public_url.as_deref().map(|url| url.trim_end_matches('/'));
    let named = host(&parts.uri, &parts.headers);
    let same = origin.split_once("://").map(|(_, host)| host) == named && named.is_some();
    same || public == Some(origin)
}

fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let sent = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    uri.authority().map(axum::http::uri::Authority::as_str).or(sent)
}

/// Whether a method asks for something to be done.
pub(super) fn reads(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}
