//! Signing in: a page that asks for name and password, then one that asks for a code.
//!
//! There is no session yet, so what shows that a form is ours is a random text that stands in a
//! cookie and in the form alike: another site can send the form, and cannot read or set the cookie.

use std::{net::IpAddr, sync::Arc};

use askama::Template;
use axum::{
    Form,
    extract::{FromRequestParts, State, rejection::FormRejection},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    access_words::{AccessWords, words},
    page::{Lang, Page, Refused},
};
use crate::serve::{
    accounts::{From, Passed, Typed, check_code, check_password, totp},
    caller::{COOKIE, cookie, cookie_name, is_own_origin},
    http::Peer,
    refusal::Refusal,
    secret,
    shared::Shared,
    wire,
};

/// Shows that a form is ours before there is a session.
const FORM: &str = "xz_form";

/// What passed the password.
const TICKET: &str = "xz_ticket";

/// Says that this browser signed in to an account before.
const MARK: &str = "xz_mark";

/// Who asks, before anybody signed in.
#[derive(Debug)]
pub(in crate::serve) struct Stranger {
    from: From,
    form: Option<String>,
    ticket: Option<String>,
    begun: Option<String>,
    own_origin: bool,
}

impl FromRequestParts<Arc<Shared>> for Stranger {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        let own = |name| {
            let name = cookie_name(shared.settings.secure, name);
            cookie(&parts.headers, &name).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let stranger = Self {
            from: From { address: address(parts, shared), mark: own(MARK) },
            form: own(FORM),
            ticket: own(TICKET),
            begun: own(super::oidc::BEGUN),
            own_origin: is_own_origin(parts, shared),
        };
        std::future::ready(Ok(stranger)).await
    }
}

impl Stranger {
    pub(super) const fn from(&self) -> &From {
        &self.from
    }

    /// Which sign-in at the provider this browser began.
    pub(super) fn begun(&self) -> Option<&str> {
        self.begun.as_deref()
    }
}

/// The address that a request came from; what a proxy says only where it is said to be there.
pub(in crate::serve) fn address(parts: &Parts, shared: &Shared) -> Option<IpAddr> {
    let peer = parts.extensions.get::<Peer>().and_then(|peer| peer.0);
    if !shared.settings.accounts.forwarded {
        return peer;
    }
    let forwarded = HeaderName::from_static("x-forwarded-for");
    // The last one is what our proxy itself saw; whatever stands before it, the sender may have made up.
    let said = parts.headers.get_all(forwarded).iter().next_back()?.to_str().ok()?;
    said.rsplit(',').next()?.trim().parse().ok().or(peer)
}

#[derive(Template)]
#[template(path = "login.html")]
struct SignInPage {
    page: Page,
    w: &'static AccessWords,
    problem: String,
    name: String,
    /// The host of the identity provider, where there is one.
    provider: String,
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage {
    page: Page,
    w: &'static AccessWords,
    wrong: bool,
    secret: String,
    uri: String,
}

/// `GET /login`
pub(in crate::serve) async fn form(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    stranger: Stranger,
) -> Result<Response, Refused> {
    std::future::ready(ask(&shared, lang, &stranger, None)).await
}

/// The page that asks for name and password; with what was typed and why it is asked for again.
fn ask(
    shared: &Shared,
    lang: Lang,
    stranger: &Stranger,
    again: Option<(&Refusal, String)>,
) -> Result<Response, Refused> {
    let w = words(lang);
    let mut page = Page::new(shared, lang, None, w.sign_in);
    page.silent = None;
    page.csrf = match &stranger.form {
        Some(form) => form.clone(),
        None => secret::text().map_err(|error| Refusal::broken(&error))?,
    };
    let wait = again.as_ref().map_or(0, |(refusal, _)| refusal.wait_seconds);
    let (status, problem, name) = match again {
        None => (StatusCode::OK, String::new(), String::new()),
        Some((refusal, name)) => (refusal.status, said(lang, refusal), name),
    };
    let provider =
        shared.settings.oidc.as_ref().map_or_else(String::new, |oidc| oidc.host().to_owned());
    let page = SignInPage { page, w, problem, name, provider };
    let mut response = page.page.answer(&page)?;
    *response.status_mut() = status;
    if wait > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    add(shared, &mut response, (FORM, &page.page.csrf), "; SameSite=Strict")?;
    add(shared, &mut response, (TICKET, ""), "; SameSite=Strict; Max-Age=0")?;
    Ok(response)
}

/// A refusal in the reader's language, with its detail.
pub(super) fn said(lang: Lang, refusal: &Refusal) -> String {
    let text = if lang.english() { refusal.message() } else { refusal.message_zh() };
    match refusal.body().detail {
        Some(detail) => format!("{text} ({})", in_one(lang, &detail)),
        None => text.to_owned(),
    }
}

/// Of a detail in both languages, the reader's.
fn in_one(lang: Lang, detail: &str) -> &str {
    match detail.split_once(" / ").filter(|(en, zh)| en.is_ascii() && !zh.is_ascii()) {
        Some((en, zh)) => {
            if lang.english() {
                en
            } else {
                zh
            }
        }
        None => detail,
    }
}

/// `POST /login`
pub(in crate::serve) async fn step(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    stranger: Stranger,
    form: Result<Form<wire::SignInForm>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    let sent = secret::hash(&form.csrf.0);
    let ours = stranger.form.as_deref().is_some_and(|form| secret::hash(form) == sent);
    if !ours || !stranger.own_origin {
        return Err(Refusal::cross_site().into());
    }
    let name = form.name.clone();
    let passed = match form.code {
        Some(code) => {
            let ticket = stranger.ticket.as_deref().unwrap_or_default();
            check_code(&shared, ticket, &code.0).await
        }
        None => {
            let typed = Typed { name: form.name, password: form.password.0 };
            check_password(&shared, typed, &stranger.from).await
        }
    };
    match passed {
        Ok(passed) => further(&shared, lang, stranger.form, passed),
        Err(refusal) => ask(&shared, lang, &stranger, Some((&refusal, name))),
    }
}

/// What comes after a step that was right: the next page. Without a form of ours before it, it begins
/// one.
pub(super) fn further(
    shared: &Shared,
    lang: Lang,
    form: Option<String>,
    passed: Passed,
) -> Result<Response, Refused> {
    match passed {
        Passed::In { session, mark } => Ok(welcome(shared, &session, &mark)?),
        Passed::Code { ticket, fresh, wrong } => {
            let w = words(lang);
            let mut page = Page::new(shared, lang, None, w.code);
            page.silent = None;
            page.csrf = match form {
                Some(form) => form,
                None => secret::text().map_err(|error| Refusal::broken(&error))?,
            };
            let (account, secret) =
                fresh.map_or_else(Default::default, |(name, secret)| (name.to_string(), secret));
            let uri = if secret.is_empty() { String::new() } else { totp::uri(&account, &secret) };
            let page = CodePage { page, w, wrong, secret, uri };
            let mut response = page.page.answer(&page)?;
            if wrong {
                *response.status_mut() = StatusCode::UNAUTHORIZED;
            }
            add(shared, &mut response, (FORM, &page.page.csrf), "; SameSite=Strict")?;
            add(shared, &mut response, (TICKET, &ticket), "; SameSite=Strict; Max-Age=300")?;
            Ok(response)
        }
    }
}

fn welcome(shared: &Shared, session: &str, mark: &str) -> Result<Response, Refusal> {
    let mut response = Redirect::to("/account?next=1").into_response();
    add(shared, &mut response, (COOKIE, session), "; SameSite=Lax")?;
    add(shared, &mut response, (MARK, mark), "; SameSite=Strict; Max-Age=15552000")?;
    add(shared, &mut response, (TICKET, ""), "; SameSite=Strict; Max-Age=0")?;
    add(shared, &mut response, (FORM, ""), "; SameSite=Strict; Max-Age=0")?;
    Ok(response)
}

/// Sets a cookie of ours: for this host alone, hidden from scripts, and over TLS only where it is.
pub(super) fn add(
    shared: &Shared,
    response: &mut Response,
    (name, value): (&str, &str),
    further: &str,
) -> Result<(), Refusal> {
    let secure = if shared.settings.secure { "; Secure" } else { "" };
    let name = cookie_name(shared.settings.secure, name);
    let line = format!("{name}={value}; Path=/; HttpOnly{secure}{further}");
    let line = HeaderValue::from_str(&line).map_err(|error| Refusal::broken(&error))?;
    response.headers_mut().append(header::SET_COOKIE, line);
    Ok(())
}
