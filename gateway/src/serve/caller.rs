//! Who is asking: a bearer token or the session of a browser, and what they reach.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, Uri, header, request::Parts},
};

use super::{
    refusal::Refusal,
    scope::{Reach, Right, View},
    secret,
    shared::Shared,
    trail,
};
use crate::{
    domain::{DeviceId, DoctorId},
    store::{Role, TokenRow, view::Scope},
};

/// The name of the session cookie.
pub(super) const COOKIE: &str = "xz_session";

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
}

impl Grant {
    /// A role without a place, a doctor or a device.
    #[must_use]
    pub const fn of_role(role: Role) -> Self {
        Self { role, place: None, doctor: None, device: None }
    }

    /// The name under which an act is recorded: the doctor's, else the role.
    pub(super) fn author(&self) -> &str {
        self.doctor.as_ref().map_or(self.role.as_str(), DoctorId::as_str)
    }
}

impl From<TokenRow> for Grant {
    fn from(row: TokenRow) -> Self {
        Self { role: row.role, place: row.place, doctor: row.doctor, device: row.device }
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
}

impl Caller {
    /// Refuses unless the caller has a right.
    pub(super) fn need(&self, right: Right) -> Result<(), Refusal> {
        if self.reach.may(right) {
            return Ok(());
        }
        tracing::info!(role = self.grant.role.as_str(), right = right.as_str(), "refused");
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
        let proof = proof(&parts.headers).ok_or(Refusal::unknown_caller())?;
        let caller = known(shared, proof, true).await?;
        trail::known(&caller);
        let from_browser = matches!(caller.proof, Proof::Session(_));
        if from_browser && !parts.method.is_safe() && !same_origin(parts, shared) {
            return Err(Refusal::cross_site());
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

async fn known(shared: &Arc<Shared>, proof: Proof, touch: bool) -> Result<Caller, Refusal> {
    let found = match proof {
        Proof::Session(id) => {
            Some(shared.sessions.find(&id, touch).ok_or(Refusal::unknown_caller())?)
        }
        Proof::Token(_) => None,
    };
    let open_house = shared.settings.open_house;
    let resolved = shared.ask(move |shared| {
        let token = match (proof, &found) {
            (Proof::Token(hash), _) => Some(hash),
            (Proof::Session(_), found) => found.as_ref().and_then(|found| found.token),
        };
        let row = match token {
            Some(hash) => match shared.reader.token(&hash)? {
                Some(row) if row.revoked_at.is_none() => Some(row),
                Some(_) | None => return Ok(None),
            },
            None => None,
        };
        let (grant, csrf) = match (found, row) {
            (Some(found), _) => (found.grant, Some(found.csrf)),
            (None, Some(row)) => (row.into(), None),
            (None, None) => return Ok(None),
        };
        let reach = Reach::of(&grant, open_house, shared.reader.as_ref())?;
        Ok(Some(Caller { grant, reach, proof, csrf }))
    });
    resolved.await?.ok_or(Refusal::unknown_caller())
}

fn proof(headers: &HeaderMap) -> Option<Proof> {
    if let Some(sent) = headers.get(header::AUTHORIZATION) {
        let (scheme, token) = sent.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        let bearer = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty();
        return bearer.then(|| Proof::Token(secret::hash(token)));
    }
    cookie(headers, COOKIE).map(|id| Proof::Session(secret::hash(id)))
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Whether a browser says that the request comes from our own page. An absent `Origin` is taken as
/// one: the cookie is `SameSite=Lax`, and the page's token or header is asked for as well.
fn same_origin(parts: &Parts, shared: &Shared) -> bool {
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
