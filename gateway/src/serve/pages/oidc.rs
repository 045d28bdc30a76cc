//! Signing in at the identity provider: a link that leads there, and the way back.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    page::{Lang, Refused},
    sign_in::{Stranger, add, further},
};
use crate::serve::{
    accounts::{begin, check_back},
    extract::Asked,
    oidc::Back,
    refusal::Refusal,
    shared::Shared,
    wire,
};

/// Which sign-in this browser began.
pub(super) const BEGUN: &str = "xz_oidc";

/// Longest code or state that is looked at, in bytes.
const TEXT_MAX: usize = 4096;

/// `GET /login/oidc`. A link and no form: browsers hold the policy about forms against where those
/// are redirected to.
pub(in crate::serve) async fn go(
    State(shared): State<Arc<Shared>>,
    method: Method,
    stranger: Stranger,
) -> Result<Response, Refused> {
    if method == Method::HEAD {
        return Err(Refusal::method().into());
    }
    let (kept, to) = begin(&shared, stranger.from()).await?;
    let to = HeaderValue::from_str(&to).map_err(|error| Refusal::broken(&error))?;
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    // The provider's own page leads back here, so that `Strict` would not come along.
    add(&shared, &mut response, (BEGUN, &kept), "; SameSite=Lax; Max-Age=600")?;
    Ok(response)
}

/// `GET /login/oidc/back`
pub(in crate::serve) async fn back(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    method: Method,
    Asked(asked): Asked<wire::SentBack>,
    stranger: Stranger,
) -> Result<Response, Refused> {
    if method == Method::HEAD {
        return Err(Refusal::method().into());
    }
    let [code, state] = [asked.code.as_deref(), asked.state.as_deref()]
        .map(|text| text.filter(|text| text.len() <= TEXT_MAX).unwrap_or_default());
    let (issuer, error) = (asked.iss.as_deref(), asked.error.as_deref());
    let back = Back { code, state, issuer, error };
    let kept = stranger.begun().unwrap_or_default();
    let passed = check_back(&shared, kept, &back, stranger.from()).await?;
    let mut response = further(&shared, lang, None, passed)?;
    add(&shared, &mut response, (BEGUN, ""), "; SameSite=Lax; Max-Age=0")?;
    Ok(response)
}
