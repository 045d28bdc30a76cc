//! What every page has around its own part.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::words::{EN, Words, ZH};
use crate::serve::{
    caller::{Caller, cookie},
    extract::Asked,
    refusal::Refusal,
    scope::Right,
    secret,
    shared::Shared,
    wire,
};

/// The style of every page, inside it: a second request costs a slow line two seconds.
pub(in crate::serve) const STYLE: &str = include_str!("../../../templates/style.css");

/// The style of the page that describes the interface: it has no cards, marks or tables.
pub(in crate::serve) const PLAIN_STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;\
max-width:60rem;margin:auto;padding:8px 12px}h2{font-size:1.05rem}span{color:#526073}";

/// What pages without script may load: their own style and nothing else.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; style-src '{}' '{}'; img-src data:; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
        style_hash(STYLE),
        style_hash(PLAIN_STYLE)
    );
    HeaderValue::from_str(&policy)
        .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
});

/// The policy of pages without script.
pub(in crate::serve) fn inline_csp() -> HeaderValue {
    POLICY.clone()
}

/// The hash by which a policy allows a style.
fn style_hash(style: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, style.as_bytes());
    format!("sha256-{}", STANDARD.encode(digest))
}

const LANG_COOKIE: &str = "xz_lang";

/// The language of the reader: asked for, else remembered, else Chinese.
#[derive(Debug, Clone, Copy)]
pub(in crate::serve) struct Lang {
    pub(in crate::serve) words: &'static Words,
    chosen: bool,
}

impl FromRequestParts<Arc<Shared>> for Lang {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        let Asked(asked) = Asked::<wire::PageWords>::from_request_parts(parts, shared).await?;
        let remembered = cookie(&parts.headers, LANG_COOKIE);
        let lang = asked.lang.as_deref().or(remembered);
        Ok(Self { words: if lang == Some("en") { &EN } else { &ZH }, chosen: asked.lang.is_some() })
    }
}

impl Lang {
    #[cfg(test)]
    pub(super) const ZH: Self = Self { words: &ZH, chosen: false };

    pub(super) fn english(self) -> bool {
        self.words.lang == "en"
    }
}

/// What every page says.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Page {
    pub(super) t: &'static Words,
    pub(super) style: &'static str,
    pub(super) title: String,
    pub(super) place: String,
    pub(super) as_of: String,
    pub(super) demo: bool,
    pub(super) silent: Option<String>,
    /// What somebody must look at between this gateway and its neighbours.
    pub(super) links: Vec<String>,
    /// Until when the reader looks beyond their own people.
    pub(super) glass: Option<String>,
    pub(super) who: Option<String>,
    pub(super) csrf: String,
    pub(super) reads_board: bool,
    pub(super) reads_alerts: bool,
    pub(super) reads_people: bool,
    pub(super) reads_indicators: bool,
    pub(super) decides: bool,
    pub(super) refresh_seconds: Option<u32>,
    chosen: bool,
    secure: bool,
}

impl Page {
    /// A page for somebody who signed in, or for nobody.
    pub(super) fn new(shared: &Shared, lang: Lang, caller: Option<&Caller>, title: &str) -> Self {
        let sending = shared.pack.borrow().sending.clone();
        let why = if lang.english() { sending.why_en } else { sending.why_zh };
        // A link or token of no account and no doctor is called by its role.
        let who = caller.map(|Caller { grant, .. }| match (&grant.doctor, &grant.account) {
            (None, None) => super::role_words::role(grant.role, lang).to_owned(),
            _named => grant.author().to_owned(),
        });
        let may = |right| caller.is_some_and(|caller| caller.reach.may(right));
        Self {
            t: lang.words,
            style: STYLE,
            title: title.to_owned(),
            place: shared.settings.place_name.clone(),
            as_of: clock_time(&shared.clock.now().to_string()),
            demo: shared.settings.demo,
            links: super::neighbours::alarms(shared, lang),
            silent: (!sending.enabled).then(|| why.unwrap_or_default()),
            glass: caller
                .and_then(|caller| Some(clock_time(&caller.glass.as_ref()?.until.to_string()))),
            who,
            csrf: caller.and_then(|caller| caller.csrf.clone()).unwrap_or_default(),
            reads_board: may(Right::ReadBoard),
            reads_alerts: may(Right::ReadAlerts),
            reads_people: may(Right::ReadPeople),
            reads_indicators: may(Right::ReadIndicators),
            decides: may(Right::Decide),
            refresh_seconds: None,
            chosen: lang.chosen,
            secure: shared.settings.secure,
        }
    }

    /// Written out, with the policy that allows its own style and nothing else.
    pub(super) fn answer(&self, page: &impl Template) -> Result<Response, Refused> {
        let mut response = html(StatusCode::OK, page)?;
        if self.chosen {
            let secure = if self.secure { "; Secure" } else { "" };
            let lang = self.t.lang;
            let line =
                format!("{LANG_COOKIE}={lang}; Path=/; Max-Age=31536000; SameSite=Lax{secure}");
            if let Ok(line) = HeaderValue::from_str(&line) {
                response.headers_mut().append(header::SET_COOKIE, line);
            }
        }
        Ok(response)
    }
}

fn html(status: StatusCode, page: &impl Template) -> Result<Response, Refusal> {
    let text = page.render().map_err(|error| Refusal::broken(&error))?;
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, inline_csp())];
    Ok((status, headers, text).into_response())
}

/// A refusal as a page, in both languages: it may come before the reader's is known.
#[derive(Debug)]
pub(in crate::serve) struct Refused(Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    style: &'static str,
    zh: &'a str,
    en: &'a str,
    detail: &'a str,
    sign_in: bool,
    /// Whoever signed in goes on there.
    on: &'a str,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = self.0.body();
        let named = body.detail.as_deref().and_then(Right::of).map(super::role_words::right);
        let named = named.map(|(zh, en)| format!("{zh} / {en}"));
        let detail = named.or(body.detail).unwrap_or_default();
        let page = RefusedPage {
            style: STYLE,
            zh: self.0.message_zh(),
            en: self.0.message(),
            detail: &detail,
            sign_in: self.0.status == StatusCode::UNAUTHORIZED
                || body.code == "provider_unreachable",
            on: if self.0.status == StatusCode::FORBIDDEN { "/account" } else { "/lite" },
        };
        html(self.0.status, &page).unwrap_or_else(IntoResponse::into_response)
    }
}

/// Somebody who signed in, or a page that says how.
#[derive(Debug)]
pub(in crate::serve) struct Guest(pub(in crate::serve) Caller);

impl FromRequestParts<Arc<Shared>> for Guest {
    type Rejection = Refused;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        let visitor = crate::serve::caller::Visitor::from_request_parts(parts, shared).await?;
        Ok(Self(visitor.0))
    }
}

impl Guest {
    /// Refuses a form that our own page did not make.
    pub(super) fn own_form(&self, form: &wire::FormSent) -> Result<(), Refusal> {
        self.own_csrf(&form.csrf)
    }

    /// The same of a form's token.
    pub(super) fn own_csrf(&self, sent: &str) -> Result<(), Refusal> {
        let same = |csrf: &String| secret::hash(csrf) == secret::hash(sent);
        if self.0.csrf.as_ref().is_none_or(same) { Ok(()) } else { Err(Refusal::cross_site()) }
    }
}

/// `2026-03-02T07:10:00+08:00` as people read it: the day, and the time to the minute.
pub(super) fn clock_time(rfc3339: &str) -> String {
    let minute = rfc3339.get(..16).unwrap_or(rfc3339);
    minute.replacen('T', " ", 1)
}
