//! A session of a bench that somebody opens or ends without a reader of cards: they look the person
//! up and press. It is a scan like any other, and says who did it.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use smol_str::SmolStr;

use super::{people, post};
use crate::{
    admit,
    domain::{BenchId, OpenedBy, PersonId, SiteId},
    intake::Item,
    serve::{
        answers::{self, Answered},
        caller::Caller,
        describe, extract,
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{CardScan, Request},
};

/// Longest body, in bytes.
const BODY_MAX: usize = 4 * 1024;

/// Opens a session at a bench for a person who was looked up, or by the number of a card that no
/// reader reads; `out` ends the one that is open.
#[utoipa::path(post, path = "/api/v1/benches/{site}/{bench}/card", tag = "benches",
    params(("site" = String, Path, description = "The site."),
        ("bench" = String, Path, description = "The bench.")),
    request_body = wire::CardAsked,
    responses((status = 200, body = wire::CardTaken)), extensions(("x-right" = json!("site_act"))))]
pub(in crate::serve) async fn card(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path((site, bench)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answered, Refusal> {
    caller.need(Right::SiteAct)?;
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let request = answers::repeatable(&headers, &caller, &format!("card {site} {bench}"), &body)?;
    let asked = extract::json(&body)?;
    let (Ok(site), Ok(bench)) = (SiteId::new(&site), BenchId::new(&bench)) else {
        return Err(Refusal::not_found());
    };
    let taken = hold(&shared, &caller, (site, bench), (asked, request)).await?;
    Answered::ok(&taken)
}

/// Who or what is meant.
enum Meant {
    Person(String),
    Card(String),
    /// Whoever sits there.
    Anybody,
}

/// Opens or ends a session, from the API or from the bench's page: once for its request.
pub(in crate::serve) async fn hold(
    shared: &Arc<Shared>,
    caller: &Caller,
    (site, bench): (SiteId, BenchId),
    (asked, request): (wire::CardAsked, Option<Request>),
) -> Result<wire::CardTaken, Refusal> {
    let now = shared.clock.now();
    let at = asked.at.as_deref().map(|at| admit::happened_at(at, &shared.rules(), now)).transpose();
    let at = at.map_err(|problem| Refusal::event(&problem))?.unwrap_or(now);
    let meant = meant(&asked)?;
    let (card, person) = reached(shared, caller, &site, meant).await?;
    shared.writable()?;
    let by = SmolStr::new(caller.grant.author());
    let opened_by = OpenedBy::Staff(by.clone());
    let (out, received_at) = (asked.out, now);
    let taken = wire::CardTaken {
        site: site.to_string(),
        bench: bench.to_string(),
        person: person.as_ref().map(ToString::to_string),
        at: at.to_string(),
        out,
        by: by.to_string(),
    };
    let scan = CardScan { site, bench, card, person, at, received_at, out, opened_by };
    answers::in_time(post::commit(shared, request, vec![Item::Card(scan)], BODY_MAX)).await?;
    Ok(taken)
}

fn meant(asked: &wire::CardAsked) -> Result<Meant, Refusal> {
    let said = |text: &Option<String>| {
        text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    match (said(&asked.person), said(&asked.card)) {
        (Some(person), None) => Ok(Meant::Person(person)),
        (None, Some(card)) if card.chars().count() <= admit::CARD_MAX => Ok(Meant::Card(card)),
        (None, Some(_)) => {
            let most = admit::CARD_MAX;
            Err(Refusal::bad(format!("card: expected 1 to {most} characters")))
        }
        (None, None) if asked.out => Ok(Meant::Anybody),
        (None, None) | (Some(_), Some(_)) => {
            Err(Refusal::bad("person, card: expected one of them"))
        }
    }
}

/// The card and the person of a scan, if the caller reaches the bench and whom they name.
async fn reached(
    shared: &Arc<Shared>,
    caller: &Caller,
    site: &SiteId,
    meant: Meant,
) -> Result<(String, Option<PersonId>), Refusal> {
    let (scope, site) = (caller.scope().clone(), site.clone());
    let found = shared.ask(move |shared| {
        if !describe::Describer::new(shared).reaches_site(&scope, &site)? {
            return Ok(None);
        }
        Ok(match meant {
            Meant::Person(id) => {
                let person = people::reached(shared, &scope, &id)?;
                person.map(|row| (String::new(), Some(row.person)))
            }
            Meant::Card(card) => Some((card, None)),
            Meant::Anybody => Some((String::new(), None)),
        })
    });
    found.await?.ok_or(Refusal::not_found())
}
