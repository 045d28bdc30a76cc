//! One's own account: what it may do, its password, its sessions, and looking beyond one's people.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    access_words::{AccessWords, words},
    page::{Guest, Lang, Page, Refused, clock_time},
    role_words,
    sign_in::{Stranger, add, said},
};
use crate::serve::{
    accounts::{Act, By, act as act_on, change_own},
    api::glass,
    caller::{COOKIE, Proof},
    extract::Asked,
    refusal::Refusal,
    scope::Right,
    shared::Shared,
    wire,
};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    page: Page,
    w: &'static AccessWords,
    problem: String,
    role: &'static str,
    scope: String,
    rights: String,
    has_password: bool,
    must_change: bool,
    may_break: bool,
    glass_until: Option<String>,
}

/// `GET /account`. With `next`, whoever has a board goes on to it.
pub(in crate::serve) async fn look(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    Asked(asked): Asked<wire::AccountPageAsked>,
    guest: Guest,
) -> Result<Response, Refused> {
    if asked.next.is_some() && guest.0.reach.may(Right::ReadBoard) {
        return Ok(Redirect::to("/").into_response());
    }
    std::future::ready(show(&shared, lang, &guest, None)).await
}

fn show(
    shared: &Shared,
    lang: Lang,
    guest: &Guest,
    problem: Option<&Refusal>,
) -> Result<Response, Refused> {
    let (caller, w) = (&guest.0, words(lang));
    let page = Page::new(shared, lang, Some(caller), w.account);
    let until = caller.glass.as_ref().map(|glass| clock_time(&glass.until.to_string()));
    let page = AccountPage {
        page,
        w,
        problem: problem.map(|refusal| said(lang, refusal)).unwrap_or_default(),
        role: role_words::role(caller.grant.role, lang),
        scope: caller.grant.place.clone().unwrap_or_default(),
        rights: role_words::rights(caller.reach.all(), lang),
        has_password: caller.has_password,
        must_change: caller.must_change,
        may_break: caller.reach.may(Right::BreakGlass),
        glass_until: until,
    };
    let mut response = page.page.answer(&page)?;
    if let Some(refusal) = problem {
        *response.status_mut() = refusal.status;
    }
    Ok(response)
}

/// `POST /account`
pub(in crate::serve) async fn act(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    stranger: Stranger,
    guest: Guest,
    form: Result<Form<wire::AccountForm>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    guest.own_csrf(&form.csrf)?;
    let done = match form.act.as_str() {
        "password" => password(&shared, &guest, &stranger, form).await,
        "everywhere" => everywhere(&shared, &guest).await,
        "glass" => {
            let broken = glass::begin(&shared, &guest.0, &form.reason, None).await;
            broken.map(|_kept| Redirect::to("/lite").into_response())
        }
        "mend" => {
            let (Proof::Token(key) | Proof::Session(key)) = guest.0.proof;
            shared.sessions.mend_glass(&key);
            Ok(Redirect::to("/account").into_response())
        }
        _ => Err(Refusal::bad("act: none of ours")),
    };
    match done {
        Ok(response) => Ok(response),
        Err(refusal) => show(&shared, lang, &guest, Some(&refusal)),
    }
}

async fn password(
    shared: &Arc<Shared>,
    guest: &Guest,
    stranger: &Stranger,
    form: wire::AccountForm,
) -> Result<Response, Refusal> {
    let account = guest.0.grant.account.as_ref().ok_or(Refusal::not_found())?;
    if form.new.0 != form.again.0 {
        return Err(Refusal::passwords_differ());
    }
    change_own(shared, account, (form.old.0, form.new.0), stranger.from()).await?;
    shared.sessions.end_all(account);
    out(shared)
}

/// Ends every session of the account; without an account, this one.
async fn everywhere(shared: &Arc<Shared>, guest: &Guest) -> Result<Response, Refusal> {
    match &guest.0.grant.account {
        Some(account) => {
            let by = By { name: account.as_str(), request: None };
            act_on(shared, account.clone(), Act::Revoke, by).await?;
        }
        None => {
            if let Proof::Session(id) = guest.0.proof {
                shared.sessions.log_out(&id);
            }
        }
    }
    out(shared)
}

fn out(shared: &Shared) -> Result<Response, Refusal> {
    let mut response = Redirect::to("/login").into_response();
    add(shared, &mut response, (COOKIE, ""), "; SameSite=Lax; Max-Age=0")?;
    Ok(response)
}
