//! A box asks to be let in with its one-time code. No token: the code is what it brings.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json,
    body::Body,
    extract::{FromRequestParts, State},
    http::{HeaderMap, StatusCode, request::Parts},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::{
    commit::{Enrolling, Registering, Work},
    domain::{BoxId, BoxState, Neighbour, Registered, Timestamp},
    enrol::{Answers, Asked, Asks, Opens, Serial, Turned, encoded, weigh},
    intake::NotCommitted,
    serve::{
        accounts::{
            of_address,
            throttle::{Attempt, Throttle},
        },
        caller::Grant,
        extract,
        pages::sign_in::address,
        refusal::Refusal,
        secret,
        shared::Shared,
        trail,
    },
    store::{BoxChange, BoxCode, CodeUsed, RegistryKey, Role, TokenRow, view::Scope},
    uplink::batch::Code,
};

/// Largest body: names, a key and a signature.
const BODY_MAX: usize = 4 * 1024;

/// What enrolling keeps in memory.
#[derive(Debug, Default)]
pub(in crate::serve) struct Enrolments {
    throttle: Mutex<Throttle>,
}

/// What a box is told that is not let in.
impl Refusal {
    /// Nobody learns which boxes have a code.
    pub(in crate::serve) const fn enrol_wrong() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "enrol_code_wrong",
            "this code opens no box here: check it, or ask for another one",
            "注册码无效：请核对，或申请新的注册码",
        )
    }

    pub(in crate::serve) const fn enrol_expired() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "enrol_code_expired",
            "this code's time is over: ask for another one",
            "注册码已过期，请申请新的注册码",
        )
    }

    pub(in crate::serve) const fn enrol_used() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "enrol_code_used",
            "this code was used before: ask for another one, and find out by whom",
            "注册码已被使用：请查明使用者，并申请新的注册码",
        )
    }

    pub(in crate::serve) const fn enrol_unsigned() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "enrol_unsigned",
            "the request is not signed by the key that it names",
            "请求未由所示密钥签名",
        )
    }
}

/// From where a request came.
pub(in crate::serve) struct Whence(Option<IpAddr>);

impl FromRequestParts<Arc<Shared>> for Whence {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        std::future::ready(Ok(Self(address(parts, shared)))).await
    }
}

/// Lets a box in that brings its one-time code: its row enters the registry, and it gets a certificate
/// of its own key, a token, and the key by which it knows this gateway. The same request again gets the
/// same answer while the code's time lasts. The code is the credential; there is no token.
#[utoipa::path(post, path = "/api/v1/enrol", tag = "gateways",
    request_body = Asks, responses((status = 200, body = Answers)),
    extensions(("x-right" = json!("none"))))]
pub(in crate::serve) async fn enrol(
    State(shared): State<Arc<Shared>>,
    Whence(from): Whence,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Answers>, Refusal> {
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let asks: Asks = extract::json(&body)?;
    let source = of_address(from);
    let named = [source.as_slice(), asks.name.as_bytes()].concat();
    // Of one source against one box: whoever guesses from elsewhere keeps no box waiting.
    let account = *blake3::hash(&named).as_bytes();
    let attempt = Attempt { source, account, marked: false };
    let passing = || Timestamp::from_millis(shared.clock.elapsed().0);
    let begun = lock(&shared).begin(attempt, passing());
    begun.map_err(|wait| {
        let millis = u64::try_from(wait.0).unwrap_or_default();
        Refusal::too_many(Duration::from_millis(millis))
    })?;
    let asked = asks.read().ok_or_else(Refusal::enrol_unsigned)?;
    let answers = let_in(&shared, &asked).await?;
    lock(&shared).succeeded(attempt, passing());
    Ok(Json(answers))
}

fn lock(shared: &Shared) -> std::sync::MutexGuard<'_, Throttle> {
    shared.enrolments.throttle.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn let_in(shared: &Arc<Shared>, asked: &Asked) -> Result<Answers, Refusal> {
    shared.writable()?;
    // One at a time, as every row of the registry: no code opens twice.
    let turn = shared.entering.acquire().await;
    turn.as_ref().map_err(|_closed| Refusal::from(NotCommitted))?;
    let now = shared.office.floor.now();
    let name = asked.name.clone();
    let code = shared.ask(move |shared| shared.reader.box_code(&name)).await?;
    let opens = match weigh(code.as_ref(), asked, now) {
        Ok(opens) => opens,
        Err(turned) => return Err(turn_away(shared, asked, turned)),
    };
    let Some(code) = code else { return Err(Refusal::enrol_wrong()) };
    known(asked);
    let (at, first) = match opens {
        Opens::First => (now, true),
        Opens::Again(at) => (at, false),
    };
    let made = making(shared, asked.clone(), at).await?;
    if first {
        enter(shared, (asked, code), (&made, at)).await?;
    } else {
        still(shared, asked).await?;
    }
    Ok(made.answers)
}

/// Refuses, and alarms where a code was used by somebody else.
fn turn_away(shared: &Shared, asked: &Asked, turned: Turned) -> Refusal {
    let name = &asked.name;
    match turned {
        Turned::Wrong => Refusal::enrol_wrong(),
        Turned::Expired => {
            known(asked);
            Refusal::enrol_expired()
        }
        Turned::Used => {
            known(asked);
            warn!(gateway = %name, "a one-time code came again from another key");
            shared.upper.status().alarm(name, Code::CodeTwice, shared.clock.now());
            Refusal::enrol_used()
        }
    }
}

/// The audit log learns which box it is: it brought a code that was right.
fn known(asked: &Asked) {
    let device = crate::domain::DeviceId::new(asked.name.as_str()).ok();
    let short: String = asked.code.to_hex().chars().take(8).collect();
    trail::about(asked.name.as_str());
    trail::by(&Grant { device, ..Grant::of_role(Role::Device) }, &format!("enrol:{short}"));
}

/// What a box gets, and what is kept of it.
struct Made {
    answers: Answers,
    kept: crate::store::BoxCertificate,
}

/// The same for the same request at the same instant, but for the noise of a signature.
async fn making(shared: &Arc<Shared>, asked: Asked, at: Timestamp) -> Result<Made, Refusal> {
    let task = Arc::clone(shared);
    let made = tokio::task::spawn_blocking(move || make(&task, &asked, at)).await;
    made.map_err(|error| Refusal::broken(&error))?
}

fn make(shared: &Shared, asked: &Asked, at: Timestamp) -> Result<Made, Refusal> {
    let office = &shared.office;
    let authority = office.authority().map_err(|error| Refusal::broken(&error))?;
    let parts: [&[u8]; 2] = [asked.hash.as_slice(), &at.as_millis().to_be_bytes()];
    let mut serial = [0; 16];
    for (to, from) in serial.iter_mut().zip(authority.derived("serial", &parts)) {
        *to = from;
    }
    let token = format!("xzt_{}", URL_SAFE_NO_PAD.encode(authority.derived("token", &parts)));
    let issued = (at, secret::hash(&token));
    let certified = office.certify((&asked.name, &asked.key), Serial(serial), issued);
    let (certificate, kept) = certified.map_err(|error| Refusal::broken(&error))?;
    let (parent, _) = shared.reader.gateway().map_err(|error| Refusal::store(&error))?;
    let answers = Answers {
        name: asked.name.to_string(),
        parent,
        parent_key: shared.key.public().to_string(),
        ca: encoded(authority.certificate()),
        certificate: encoded(&certificate),
        serial: kept.serial.to_string(),
        until: kept.until,
        said_at: office.floor.now(),
        token,
        signature: String::new(),
    };
    Ok(Made { answers: answers.signed(&asked.hash, &shared.key), kept })
}

/// Enters the box, burns its code and ends the token that it had before: one transaction.
async fn enter(
    shared: &Arc<Shared>,
    (asked, code): (&Asked, BoxCode),
    (made, at): (&Made, Timestamp),
) -> Result<(), Refusal> {
    let key = asked.key.to_string();
    let row = Registered::Box(Neighbour {
        name: asked.name.clone(),
        key: key.clone(),
        site: code.site.clone(),
        serves: code.serves.clone(),
        state: BoxState::Enabled,
        epoch: Some(asked.epoch),
        attributes: std::collections::BTreeMap::new(),
    });
    let token = TokenRow {
        hash: made.kept.token,
        role: Role::Device,
        place: None,
        doctor: None,
        device: crate::domain::DeviceId::new(asked.name.as_str()).ok(),
        created_at: shared.clock.now(),
        revoked_at: None,
    };
    let tokens = ended(shared, &asked.name).await?.into_iter().chain([token]).collect();
    let author = smol_str::format_smolstr!("enrol/{}", code.made_by);
    let used = Some(CodeUsed { at, request: asked.hash, key });
    let changes = vec![
        BoxChange::Code(Box::new(BoxCode { used, ..code })),
        BoxChange::Certificate(Box::new(made.kept.clone())),
    ];
    let (reply, done) = oneshot::channel();
    let rows = Registering { rows: vec![row], author, reply };
    shared.inlet.hand_over(Work::Enrol(Enrolling { rows, tokens, changes })).await?;
    done.await.map_err(|_dropped| Refusal::from(NotCommitted))?;
    info!(gateway = %asked.name, fingerprint = %asked.key.fingerprint(), "a box was enrolled");
    Ok(())
}

/// The token that a box has, ended now.
pub(in crate::serve) async fn ended(
    shared: &Arc<Shared>,
    name: &BoxId,
) -> Result<Option<TokenRow>, Refusal> {
    let (name, now) = (name.clone(), shared.clock.now());
    let held = move |shared: &Shared| match shared.reader.box_certificate(&name)? {
        Some(before) => shared.reader.token(&before.token),
        None => Ok(None),
    };
    let held = shared.ask(held).await?.filter(|token| token.revoked_at.is_none());
    Ok(held.map(|token| TokenRow { revoked_at: Some(now), ..token }))
}

/// A request that came again is answered only while its box is still believed.
async fn still(shared: &Arc<Shared>, asked: &Asked) -> Result<(), Refusal> {
    let key = RegistryKey::neighbour(&asked.name);
    let row = shared.ask(move |shared| shared.reader.registered(&Scope::Everything, &key)).await?;
    let Some(Registered::Box(row)) = row else { return Err(Refusal::enrol_used()) };
    if row.state == BoxState::Enabled && row.key == asked.key.to_string() {
        Ok(())
    } else {
        Err(Refusal::enrol_used())
    }
}
