//! The operator's door to accounts: `user …` of the command line.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde_json::value::RawValue;

use super::{
    Act, By, act,
    act::{chosen, second, vouched},
    commit_once, find, is_a_persons, told_before,
};
use crate::{
    domain::DoctorId,
    serve::{
        answers::{self, Answered},
        extract::{self, Asked, name, paging},
        refusal::Refusal,
        secret,
        shared::Shared,
        wire,
    },
    store::{AccessChange, AccountName, AccountRow, Request, Role, Vouched},
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
) -> Result<Answered, Refusal> {
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let asked: wire::AccountAsked = extract::json(&body)?;
    let named = account_name(&asked.name)?;
    let meant = Meant::of(&shared, asked.role.as_str(), asked.scope, asked.doctor.as_deref())?;
    let password = match asked.password {
        Some(password) => chosen(&shared, &named, password.0).await?,
        None if asked.oidc => String::new(),
        None => return Err(Refusal::bad("password: missing")),
    };
    let vouched = match asked.oidc {
        true => vouched(&shared, &named, asked.subject).await?,
        false => Vouched::No,
    };
    let now = shared.clock.now();
    let row = AccountRow {
        key: secret::random::<16>().map_err(|error| Refusal::broken(&error))?,
        name: named.clone(),
        called: asked.called.unwrap_or_default(),
        role: meant.role,
        place: meant.place,
        doctor: meant.doctor,
        must_change: !password.is_empty(),
        password,
        second: String::new(),
        second_step: 0,
        vouched,
        disabled: false,
        generation: 0,
        created_at: now,
        created_by: BY.into(),
        changed_at: now,
        changed_by: BY.into(),
    };
    let turn = shared.accounts.turn.acquire().await;
    turn.as_ref().map_err(|_closed| Refusal::busy())?;
    let request = repeatable(&headers, "user add", &body)?;
    if let Some(told) = told_before(&shared, request.as_ref()).await? {
        return Ok(Answered { status: StatusCode::OK, body: told });
    }
    if find(&shared, named).await?.is_some() {
        return Err(Refusal::account_exists());
    }
    let shown = wire::AccountShown::of(&row);
    let change = AccessChange::Account(Box::new(row.clone()));
    commit_once(&shared, Some(change), (request, &shown)).await?;
    tracing::info!(target: "audit", account = %row.name, role = row.role.as_str(), "an account was made");
    Answered::ok(&shown)
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
    let request = repeatable(&headers, "user change", &body)?;
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
        "oidc" => Act::Vouched(vouched(&shared, &name, asked.subject).await?),
        "forget-oidc" => Act::Vouched(Vouched::No),
        "disable" => Act::Disable,
        "enable" => Act::Enable,
        "revoke" => Act::Revoke,
        other => return Err(Refusal::bad(format!("act: {other:?} is unknown"))),
    };
    let done = act(&shared, name, what, By { name: BY, request }).await?;
    if done.before {
        // The secret in hand is not the account's, and the one that is was told once.
        (secret, otpauth) = (None, None);
    }
    let account = RawValue::from_string(done.told).map_err(|error| Refusal::broken(&error))?;
    Ok(Json(wire::AccountChanged { account, secret, otpauth, repeated: done.before }))
}

/// The request, if it brings a key.
fn repeatable(headers: &HeaderMap, route: &str, body: &[u8]) -> Result<Option<Request>, Refusal> {
    Ok(answers::key(headers)?.map(|key| answers::request(key, BY, route, body)))
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
