//! Sessions begin with a one-time link and end with a button.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    http::Method,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    page::{Guest, Refused},
    sign_in::add,
};
use crate::{
    audit::Kind,
    serve::{
        caller::{COOKIE, Proof},
        refusal::Refusal,
        secret,
        shared::Shared,
        trail, wire,
    },
    store::Role,
};

/// `/login/{code}`
pub(in crate::serve) async fn log_in(
    State(shared): State<Arc<Shared>>,
    method: Method,
    Path(code): Path<String>,
) -> Result<Response, Refused> {
    std::future::ready(open(&shared, &method, &code)).await
}

fn open(shared: &Shared, method: &Method, code: &str) -> Result<Response, Refused> {
    // A look at the head of an answer must not use the link up.
    if *method == Method::HEAD {
        return Err(Refusal::method().into());
    }
    let (id, grant) = shared.sessions.log_in(code).ok_or(Refusal::unknown_caller())?;
    trail::by(&grant, "login link");
    trail::is(Kind::LogIn);
    let to = if grant.role == Role::Wall { "/wall" } else { "/" };
    Ok(with_cookie(shared, Redirect::to(to), &id, "")?)
}

/// A wall's token becomes a session that does not idle out, and ends with the token.
pub(super) async fn wall_token(shared: &Arc<Shared>, token: &str) -> Result<Response, Refusal> {
    let hash = secret::hash(token);
    let row = shared.ask(move |shared| shared.reader.token(&hash)).await?;
    let row = row.filter(|row| row.role == Role::Wall && row.revoked_at.is_none());
    let row = row.ok_or(Refusal::unknown_caller())?;
    trail::by(&row.clone().into(), "token");
    trail::is(Kind::LogIn);
    let id = shared.sessions.open(row.into(), Some(hash)).ok_or(Refusal::unknown_caller())?;
    with_cookie(shared, Redirect::to("/wall"), &id, "")
}

/// `POST /logout`
pub(in crate::serve) async fn log_out(
    State(shared): State<Arc<Shared>>,
    guest: Guest,
    form: Result<Form<wire::FormSent>, FormRejection>,
) -> Result<Response, Refused> {
    std::future::ready(close(&shared, &guest, form)).await
}

fn close(
    shared: &Shared,
    guest: &Guest,
    form: Result<Form<wire::FormSent>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    guest.own_form(&form)?;
    if let Proof::Session(id) = guest.0.proof {
        shared.sessions.log_out(&id);
        trail::is(Kind::LogOut);
    }
    Ok(with_cookie(shared, Redirect::to("/lite"), "", "; Max-Age=0")?)
}

fn with_cookie(
    shared: &Shared,
    to: Redirect,
    id: &str,
    further: &str,
) -> Result<Response, Refusal> {
    let mut response = to.into_response();
    add(shared, &mut response, (COOKIE, id), &format!("; SameSite=Lax{further}"))?;
    Ok(response)
}
