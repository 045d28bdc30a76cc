//! The first page: the script pages where they were built, else the pages without script.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    marks::{Card, card},
    page::{Guest, Lang, Page, Refused},
    session,
};
use crate::{
    domain::Level,
    serve::{
        api::board::picture, caller::Caller, extract::Asked, refusal::Refusal, scope::Right,
        shared::Shared, wire,
    },
    store::Role,
};

/// A plain wall asks for a new picture so often.
const WALL_REFRESH_SECONDS: u32 = 10;

/// `/`
pub(in crate::serve) async fn start(
    State(shared): State<Arc<Shared>>,
    guest: Guest,
) -> Result<Response, Refused> {
    if guest.0.grant.role == Role::Wall {
        return Ok(Redirect::to("/wall").into_response());
    }
    match shared.bundle.index {
        Some(index) => Ok(script_page(&shared, guest.0, index).await?),
        None => Ok(Redirect::to("/lite").into_response()),
    }
}

/// `/wall`: a wall's token in the address becomes a cookie, so that it leaves the address.
pub(in crate::serve) async fn wall(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    Asked(asked): Asked<wire::PageWords>,
    guest: Result<Guest, Refused>,
) -> Result<Response, Refused> {
    if let Some(token) = asked.token {
        return Ok(session::wall_token(&shared, &token).await?);
    }
    let guest = guest?;
    match shared.bundle.index {
        Some(index) => Ok(script_page(&shared, guest.0, index).await?),
        None => plain_wall(&shared, lang, guest.0).await,
    }
}

/// The script pages with their first picture inside: a second request would cost a slow line two
/// seconds.
async fn script_page(
    shared: &Arc<Shared>,
    caller: Caller,
    (before, after): (&'static str, &'static str),
) -> Result<Response, Refusal> {
    caller.need(Right::ReadBoard)?;
    let boot = shared.ask(move |shared| picture(shared, &caller)).await?;
    let boot = serde_json::to_string(&boot).map_err(|error| Refusal::broken(&error))?;
    // In JSON every `<` stands inside a string; written so, no text can end the script element.
    let boot = boot.replace('<', "\\u003c");
    let page = [before, boot.as_str(), after].concat();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = ([(header::CONTENT_TYPE, kind)], page).into_response();
    let styles: String =
        shared.bundle.style_hashes.iter().map(|hash| format!(" '{hash}'")).collect();
    let policy = format!(
        "default-src 'self'; connect-src 'self'; img-src 'self' data:; style-src 'self'{styles}; \
         form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    );
    let policy = HeaderValue::from_str(&policy).map_err(|error| Refusal::broken(&error))?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

#[derive(Template)]
#[template(path = "wall.html")]
struct Wall {
    page: Page,
    board: wire::Board,
    tiles: Vec<super::board::Tile>,
    cards: Vec<Card>,
}

async fn plain_wall(shared: &Arc<Shared>, lang: Lang, caller: Caller) -> Result<Response, Refused> {
    caller.need(Right::ReadBoard)?;
    let mut page = Page::new(shared, lang, None, lang.words.board);
    page.refresh_seconds = Some(WALL_REFRESH_SECONDS);
    let picture = shared.ask(move |shared| picture(shared, &caller)).await?;
    let codes = |alert: &wire::Alert| {
        // Whoever opened it: a wall shows level, case, owner and minutes, and nothing else.
        let mut card = card(alert, lang.words);
        (card.who, card.person, card.phone, card.reading) = (String::new(), None, None, None);
        card.reasons.clear();
        card
    };
    let reds = |alert: &&wire::Alert| alert.level >= Level::Orange;
    let cards = picture.alerts.iter().filter(reds).take(7).map(codes).collect();
    let tiles = super::board::tiles(&picture.board, lang.words);
    let wall = Wall { board: picture.board, tiles, cards, page };
    wall.page.answer(&wall)
}
