//! The operator's door to accounts: `user …` of the command line.

use std::sync::Arc;

use axum::{Json, body::Body, extract::State, http::HeaderMap};

use super::{
    Act, act,
    act::{chosen, second},
    commit, find, is_a_persons,
};
use crate::{
    domain::DoctorId,
    serve::{
        extract::{self, Asked, name, paging},
        refusal::Refusal,
        secret,
        shared::Shared,
        wire,
    },
    store::{AccessChange, AccountName, AccountRow, Role},
};

/// Largest body.
const BODY_MAX: usize = 16 * 1024;

/// Who acts through the door: whoever may open its socket owns the data.
const BY: &str = "operator";

/// `POST /admin/users`
pub(in crate::serve) async fn add(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::AccountShown>, Refusal> {
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let asked: wire::AccountAsked = extract::json(&body)?;
    let named = account_name(&asked.name)?;
    let meant = Meant::of(&shared, asked.role.as_str(), asked.scope, asked.doctor.as_deref())?;
    let password = chosen(&shared, &named, asked.password.0).await?;
    let now = shared.clock.now();
    let row = AccountRow {
        key: secret::random::<16>().map_err(|error| Refusal::broken(&error))?,
        name: named.clone(),
        called: asked.called.unwrap_or_default(),
        role: meant.role,
        place: meant.place,
        doctor: meant.doctor,
        password,
        must_change: true,
        second: String::new(),
        second_step: 0,
        disabled: false,
        generation: 0,
        created_at: now,
        created_by: BY.into(),
        changed_at: now,
        changed_by: BY.into(),
    };
    let turn = shared.accounts.turn.acquire().await;
    turn.as_ref().map_err(|_closed| Refusal::busy())?;
    if find(&shared, named).await?.is_some() {
        return Err(Refusal::account_exists());
    }
    commit(&shared, AccessChange::Account(Box::new(row.clone()))).await?;
    tracing::info!(target: "audit", account = %row.name, role = row.role.as_str(), "an account was made");
    Ok(Json(wire::AccountShown::of(&row)))
}

/// `GET /admin/users`
pub(in crate::serve) async fn list(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<wire::Paged>,
) -> Result<Json<wire::List<wire::AccountShown>>, Refusal> {
    let paging = paging(asked.limit, asked.after)?;
    let page = shared.ask(move |shared| shared.reader.accounts(&paging)).await?;
    let items = page.items.iter().map(wire::AccountShown::of).collect();
    Ok(Json(wire::List { items, next: page.next }))
}

/// `GET /admin/users/sessions`
pub(in crate::serve) async fn sessions(
    State(shared): State<Arc<Shared>>,
) -> Json<wire::List<wire::SessionShown>> {
    let items = shared.sessions.of_accounts().into_iter().map(|open| wire::SessionShown {
        account: open.account.to_string(),
        opened_seconds_ago: open.open_for.0 / 1000,
        idle_seconds: open.idle_for.0 / 1000,
    });
    std::future::ready(Json(wire::List { items: items.collect(), next: None })).await
}

/// `POST /admin/users/change`
pub(in crate::serve) async fn change(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::AccountChanged>, Refusal> {
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let asked: wire::AccountChange = extract::json(&body)?;
    let name = account_name(&asked.name)?;
    let (mut secret, mut otpauth) = (None, None);
    let what = match asked.act.as_str() {
        "passwd" => {
            let password = asked.password.ok_or(Refusal::bad("password: missing"))?;
            Act::Password(chosen(&shared, &name, password.0).await?)
        }
        "totp" => {
            let (text, uri) = second(&name)?;
            (secret, otpauth) = (Some(text.clone()), Some(uri));
            Act::Second(text)
        }
        "forget-totp" => Act::Second(String::new()),
        "role" => {
            let role = asked.role.as_deref().unwrap_or_default();
            let meant = Meant::of(&shared, role, asked.scope, asked.doctor.as_deref())?;
            Act::Mean { role: meant.role, place: meant.place, doctor: meant.doctor }
        }
        "disable" => Act::Disable,
        "enable" => Act::Enable,
        "revoke" => Act::Revoke,
        other => return Err(Refusal::bad(format!("act: {other:?} is unknown"))),
    };
    let row = act(&shared, name, what, BY).await?;
    Ok(Json(wire::AccountChanged { account: wire::AccountShown::of(&row), secret, otpauth }))
}

fn account_name(text: &str) -> Result<AccountName, Refusal> {
    AccountName::new(text).map_err(|error| Refusal::bad(format!("name: {error}")))
}

/// What an account means: role, place and doctor that fit together.
struct Meant {
    role: Role,
    place: Option<String>,
    doctor: Option<DoctorId>,
}

impl Meant {
    fn of(
        shared: &Shared,
        role: &str,
        place: Option<String>,
        doctor: Option<&str>,
    ) -> Result<Self, Refusal> {
        let role = crate::serve::admin::role(role)?;
        let place = place.filter(|place| !place.is_empty());
        let doctor = name("doctor", doctor)?;
        if !is_a_persons(role) {
            return Err(Refusal::bad("role: devices and walls have tokens, not accounts"));
        }
        crate::serve::admin::fits_powers(shared, role)?;
        if role == Role::Doctor && doctor.is_none() {
            return Err(Refusal::bad("doctor: an account of role doctor is one doctor's"));
        }
        let placed = matches!(
            role,
            Role::Nurse | Role::Team | Role::Township | Role::County | Role::Assistant
        );
        if placed && place.is_none() {
            return Err(Refusal::bad(format!("scope: a {} is bound to a place", role.as_str())));
        }
        Ok(Self { role, place, doctor })
    }
}
