//! The board.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    marks::{Mark, mark},
    neighbours::{self, LinkLine},
    page::{Guest, Lang, Page, Refused, clock_time},
    words::Words,
};
use crate::{
    domain::Level,
    serve::{describe, scope::Right, shared::Shared, wire},
};

/// Lines of one list of the board: a county has 1,628 sites, and a page is of 30 KB (UX section 7).
pub(super) const LISTED: usize = 40;

/// A counted level.
#[derive(Debug)]
pub(super) struct Tile {
    pub(super) mark: Mark,
    pub(super) count: u64,
}

/// The four counted levels, gravest first.
pub(super) fn tiles(board: &wire::Board, t: &Words) -> Vec<Tile> {
    let open = board.open;
    let levels = [
        (Level::Red, open.red),
        (Level::Orange, open.orange),
        (Level::Yellow, open.yellow),
        (Level::Blue, open.blue),
    ];
    levels.into_iter().map(|(level, count)| Tile { mark: mark(level, t), count }).collect()
}

#[derive(Debug)]
struct SiteLine {
    name: String,
    word: &'static str,
    last_seen: String,
    readings_today: u64,
    people_today: u64,
    quarantined: u64,
}

#[derive(Debug)]
struct VillageLine {
    name: String,
    people: u64,
    people_today: u64,
    worst: Option<Mark>,
}

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    page: Page,
    board: wire::Board,
    tiles: Vec<Tile>,
    sites: Vec<SiteLine>,
    more_sites: usize,
    villages: Vec<VillageLine>,
    more_villages: usize,
    links: Vec<LinkLine>,
}

/// `/lite`
pub(in crate::serve) async fn board(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::ReadBoard)?;
    let t = lang.words;
    let page = Page::new(&shared, lang, Some(&caller), t.board);
    let told = Arc::clone(&shared);
    let mut board = shared
        .ask(move |shared| describe::board(shared, &caller.reach.board, caller.reach.view, None))
        .await?;
    let (more_sites, more_villages) = fit(&mut board);
    let villages = board.villages.iter().map(|village| village_line(village, t)).collect();
    let known = told.ask(|shared| neighbours::known(shared.reader.as_ref())).await?;
    let links = neighbours::lines(&told, lang, &known);
    let unheard = neighbours::unheard(&told, &known);
    let sites = board.sites.iter().map(|site| site_line(site, !unheard.contains(&site.site), t));
    let sites = sites.collect();
    let tiles = tiles(&board, t);
    let page = BoardPage { page, tiles, sites, more_sites, villages, more_villages, links, board };
    page.page.answer(&page)
}

/// Where a place has more sites or villages than a small page lists: those heard last, and those with the
/// gravest open alert, are listed. How many are not.
fn fit(board: &mut wire::Board) -> (usize, usize) {
    let more = |all: usize| all.saturating_sub(LISTED);
    let (sites, villages) = (more(board.sites.len()), more(board.villages.len()));
    if sites > 0 {
        board.sites.sort_by(|one, other| other.last_seen.cmp(&one.last_seen));
        board.sites.truncate(LISTED);
    }
    if villages > 0 {
        board.villages.sort_by_key(|village| std::cmp::Reverse(village.worst));
        board.villages.truncate(LISTED);
    }
    (sites, villages)
}

fn site_line(site: &wire::Site, heard: bool, t: &Words) -> SiteLine {
    let name = if site.name.is_empty() { &site.site } else { &site.name };
    SiteLine {
        name: name.clone(),
        word: match site.state {
            "online" if heard => t.online,
            "offline" if heard => t.offline,
            _ => t.unknown,
        },
        last_seen: site.last_seen.as_deref().map(clock_time).unwrap_or_default(),
        readings_today: site.readings_today,
        people_today: site.people_today,
        quarantined: site.quarantined,
    }
}

fn village_line(village: &wire::Village, t: &Words) -> VillageLine {
    VillageLine {
        name: village.village.clone(),
        people: village.people,
        people_today: village.people_today,
        worst: village.worst.map(|level| mark(level, t)),
    }
}
