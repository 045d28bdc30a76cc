//! What the audit log is told of a request: the one place around every route, so that none can forget
//! it. Who is asking is told where a caller becomes known, whom an answer shows where people are
//! described; the rest is the request's own.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};
use smol_str::SmolStr;

use super::{
    caller::{Caller, Grant, Proof, reads},
    refusal::Refusal,
    router::POSTED,
    shared::Shared,
};
use crate::{
    audit::{Entry, Kind},
    domain::{PersonId, Registered},
};

/// Digits from which on a name in an address may be a person's number: it is not kept.
const NUMBER_DIGITS: usize = 11;

/// Longest name in an address that is kept.
const NAME_MAX: usize = 64;

/// Bytes of a token's or a session's hash that tell one from another.
const SHORT: usize = 4;

tokio::task_local! {
    static TRAIL: Arc<Trail>;
}

/// What a request has shown so far.
#[derive(Debug, Default)]
pub(super) struct Trail(Mutex<Seen>);

#[derive(Debug, Default, Clone)]
struct Seen {
    who: Option<Who>,
    whom: BTreeSet<PersonId>,
    kind: Option<Kind>,
    about: Option<SmolStr>,
}

#[derive(Debug, Clone)]
struct Who {
    role: SmolStr,
    name: SmolStr,
    via: SmolStr,
}

fn told(tell: impl FnOnce(&mut Seen)) {
    // Outside a request nobody is shown anything.
    TRAIL
        .try_with(|trail| tell(&mut trail.0.lock().unwrap_or_else(PoisonError::into_inner)))
        .unwrap_or_default();
}

/// The trail of the request in work, to be carried to another thread.
pub(super) fn current() -> Option<Arc<Trail>> {
    TRAIL.try_with(Arc::clone).ok()
}

/// Works on behalf of a request.
pub(super) fn within<T>(trail: Option<Arc<Trail>>, work: impl FnOnce() -> T) -> T {
    match trail {
        Some(trail) => TRAIL.sync_scope(trail, work),
        None => work(),
    }
}

/// Somebody is known.
pub(super) fn known(caller: &Caller) {
    let short = |hash: &[u8; 32]| {
        hash.iter().take(SHORT).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let via = match &caller.proof {
        Proof::Token(hash) => format!("token:{}", short(hash)),
        Proof::Session(hash) => format!("session:{}", short(hash)),
    };
    by(&caller.grant, &via);
}

/// Somebody is known by a grant.
pub(super) fn by(grant: &Grant, via: &str) {
    let device = grant.device.as_ref().map(crate::domain::Id::as_str);
    let who = Who {
        role: grant.role.as_str().into(),
        name: device.unwrap_or(grant.author()).into(),
        via: via.into(),
    };
    told(|seen| seen.who = Some(who));
}

/// The answer shows somebody, or concerns them.
pub(super) fn shows(person: &PersonId) {
    told(|seen| {
        if !seen.whom.contains(person) {
            seen.whom.insert(person.clone());
        }
    });
}

/// What the request is, where its method does not say it.
pub(super) fn is(kind: Kind) {
    told(|seen| seen.kind = Some(kind));
}

/// What the request is about, by an id that is nobody's, where its address does not say it.
pub(super) fn about(object: &str) {
    told(|seen| seen.about = Some(object.into()));
}

/// Records every request for pages and the interface.
pub(super) async fn follow(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    recorded(&shared, None, request, next).await
}

/// Records every request at the operator's own door.
pub(super) async fn follow_door(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let operator =
        Who { role: "operator".into(), name: "operator".into(), via: SmolStr::new_static("door") };
    recorded(&shared, Some(operator), request, next).await
}

async fn recorded(
    shared: &Arc<Shared>,
    who: Option<Who>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_in_work) = shared.audit.begin().await else { return Refusal::busy().into_response() };
    let asked = Asking::of(&request);
    let trail = Arc::new(Trail(Mutex::new(Seen { who, ..Seen::default() })));
    let response = TRAIL.scope(Arc::clone(&trail), next.run(request)).await;
    let seen = trail.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(entry) = asked.entry(seen, response.status()) else { return response };
    let entry = if entry.role.is_empty() { shared.audit.of_stranger(entry) } else { Some(entry) };
    let Some(entry) = entry else { return response };
    match shared.audit.record(entry).await {
        Ok(()) => response,
        // What cannot be recorded is not shown.
        Err(_unrecorded) => Refusal::busy().into_response(),
    }
}

/// A request, as far as the log may know it.
struct Asking {
    method: Method,
    route: SmolStr,
    object: SmolStr,
}

impl Asking {
    fn of(request: &Request) -> Self {
        let matched = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
        let route = matched.unwrap_or_default();
        let object = kind_asked(request.uri().query().unwrap_or_default())
            .unwrap_or_else(|| object(route, request.uri().path()));
        Self { method: request.method().clone(), route: route.into(), object }
    }

    /// The line about a request; `None` where it tells of nothing: parts of pages, health, and the
    /// deliveries that the log of facts has.
    fn entry(self, seen: Seen, status: StatusCode) -> Option<Entry> {
        let Self { method, route, object } = self;
        let object = seen.about.clone().unwrap_or(object);
        let stranger = seen.who.is_none();
        let missed = status == StatusCode::NOT_FOUND && !(stranger && object.is_empty());
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::Denied,
            _ if missed || (secret(&route) && status == StatusCode::NOT_FOUND) => Kind::Denied,
            _ if seen.kind.is_some() => seen.kind?,
            _ if stranger => return None,
            _ if reads(&method) => Kind::View,
            // Deliveries wait for no line: the log of facts has what was taken.
            _ if route == POSTED => return None,
            _ => Kind::Change,
        };
        let who = seen.who;
        let part = |part: fn(&Who) -> &SmolStr| who.as_ref().map(part).cloned().unwrap_or_default();
        Some(Entry {
            kind,
            role: part(|who| &who.role),
            who: part(|who| &who.name),
            via: part(|who| &who.via),
            act: smol_str::format_smolstr!("{method} {route}"),
            object,
            whom: seen.whom.into_iter().collect(),
            outcome: status.as_u16(),
        })
    }
}

/// Routes whose address is a secret.
fn secret(route: &str) -> bool {
    ["/login/{code}", "/a/{token}"].contains(&route)
}

/// Which kind of row an operator asks for.
fn kind_asked(query: &str) -> Option<SmolStr> {
    let asked = query.split('&').find_map(|pair| pair.strip_prefix("kind="))?;
    let kind = Registered::KINDS.into_iter().find(|known| *known == asked);
    Some(kind.map(SmolStr::new_static).unwrap_or_default())
}

/// The names that an address holds at the places of a route, never a secret, nor what may be a number
/// of somebody.
fn object(route: &str, path: &str) -> SmolStr {
    if secret(route) {
        return SmolStr::default();
    }
    let named = |(place, name): (&str, &str)| place.starts_with('{').then(|| kept(route, name));
    let names: Vec<&str> = route
        .split('/')
        .zip(path.split('/'))
        .filter_map(|(place, name)| named((place, name)).map(|keep| if keep { name } else { "?" }))
        .collect();
    names.join("/").into()
}

fn kept(route: &str, name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let number = route.contains("/people/") && digits >= NUMBER_DIGITS;
    !number && name.len() <= NAME_MAX && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(route: &str, path: &str, expected: &str) {
        assert_eq!(object(route, path), expected, "{path}");
    }

    #[test]
    fn an_address_tells_of_ids_and_of_nothing_else() {
        check("/api/v1/people/{id}", "/api/v1/people/P1", "P1");
        check("/lite/bench/{site}/{bench}", "/lite/bench/V1/B1", "V1/B1");
        check("/login/{code}", "/login/s3cret", "");
        check("/a/{token}", "/a/s3cret", "");
        check("/api/v1/people/{id}", "/api/v1/people/52212319991231002X", "?");
        check("/api/v1/people/{id}", "/api/v1/people/%E5%BC%A0", "?");
        check("/api/v1/alerts/{id}", "/api/v1/alerts/01234567890123456789", "01234567890123456789");
        check("/api/v1/people", "/api/v1/people", "");
    }

    #[test]
    fn a_query_tells_of_a_kind_of_row_alone() {
        assert_eq!(kind_asked("limit=1&kind=person"), Some("person".into()));
        assert_eq!(kind_asked("kind=522123199912310020"), Some(SmolStr::default()));
        assert_eq!(kind_asked("q=%E5%BC%A0"), None);
    }
}
