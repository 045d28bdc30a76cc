//! Receipts (promise P8): what was received at a site on a day, and whether the far end holds the same.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{
    domain::SiteId,
    receipt::Day,
    serve::{
        caller::Caller, describe, extract::Asked, refusal::Refusal, scope::Right, shared::Shared,
        wire,
    },
    store::StoreError,
};

/// Most days of one answer.
const DAYS_MAX: i64 = 31;

/// Most sites and days of one answer together: a day of a busy site is counted in some milliseconds.
const COUNTED_MAX: usize = 400;

/// Receipts of sites' days.
#[utoipa::path(get, path = "/api/v1/receipts", tag = "board", params(wire::ReceiptsAsked),
    responses((status = 200, body = wire::List<wire::Receipt>)),
    extensions(("x-right" = json!("read_board"))))]
pub(in crate::serve) async fn receipts(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::ReceiptsAsked>,
) -> Result<Json<wire::List<wire::Receipt>>, Refusal> {
    caller.need(Right::ReadBoard)?;
    let days = days(&asked, Day::of(shared.clock.now()))?;
    let wanted: Option<SiteId> = crate::serve::extract::name("site", asked.site.as_deref())?;
    let items = shared.ask(move |shared| {
        let sites: Vec<SiteId> = sites(shared, &caller, wanted.as_ref())?;
        let each = usize::try_from(days.1.since(days.0)).unwrap_or(usize::MAX).saturating_add(1);
        if sites.len().saturating_mul(each) > COUNTED_MAX {
            return Ok(None);
        }
        let mut items = Vec::new();
        for site in &sites {
            let view = caller.reach.view;
            items.extend(describe::receipts(shared.reader.as_ref(), view, site, days)?);
        }
        Ok(Some(items))
    });
    let items =
        items.await?.ok_or_else(|| Refusal::bad("site: name one, or ask for fewer days"))?;
    Ok(Json(wire::List { items, next: None }))
}

/// The sites that a caller reaches, as on their board, heard last first; of these the one asked for.
pub(in crate::serve) fn sites(
    shared: &Shared,
    caller: &Caller,
    wanted: Option<&SiteId>,
) -> Result<Vec<SiteId>, StoreError> {
    let board = shared.reader.board(&caller.reach.board, None, shared.clock.now())?;
    let mut all = board.sites;
    all.retain(|row| wanted.is_none_or(|wanted| *wanted == row.site));
    // Whoever shows a few shows those that were heard last.
    all.sort_by_key(|row| std::cmp::Reverse(row.last_seen));
    Ok(all.into_iter().map(|row| row.site).collect())
}

fn days(asked: &wire::ReceiptsAsked, today: Day) -> Result<(Day, Day), Refusal> {
    let day = |name: &str, text: &Option<String>| {
        crate::serve::extract::name::<Day>(name, text.as_deref())
    };
    let (one, from, to) =
        (day("day", &asked.day)?, day("from", &asked.from)?, day("to", &asked.to)?);
    let (from, to) = match (one, from, to) {
        (Some(day), None, None) => (day, day),
        (None, from, to) => {
            let to = to.unwrap_or(today);
            (from.unwrap_or(to), to)
        }
        (Some(_), ..) => return Err(Refusal::bad("day: alone, or from and to")),
    };
    if !(0..DAYS_MAX).contains(&to.since(from)) {
        return Err(Refusal::bad(format!("from, to: at most {DAYS_MAX} days, in their order")));
    }
    Ok((from, to))
}
