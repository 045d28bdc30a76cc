//! The counted numbers, and the first picture.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{
    domain::AlertState,
    serve::{
        api::me,
        caller::Caller,
        describe::{self, Describer, LIVE},
        extract::Asked,
        live::SCHEMA,
        refusal::Refusal,
        scope::{Right, View},
        shared::Shared,
        wire,
    },
    store::{
        CommitSeq, StoreError,
        view::{AlertFilter, Paging, ReadingFilter, Scope},
    },
};

/// Alerts and readings of the first picture (UX section 7: at most 40 rows in the page).
pub(in crate::serve) const FIRST_ROWS: usize = 40;

/// The counted numbers of a place today.
#[utoipa::path(get, path = "/api/v1/board", tag = "board", params(wire::BoardAsked),
    responses((status = 200, body = wire::Board)),
    extensions(("x-right" = json!("read_board"))))]
pub(in crate::serve) async fn board(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::BoardAsked>,
) -> Result<Json<wire::Board>, Refusal> {
    caller.need(Right::ReadBoard)?;
    let place = asked.place.filter(|place| !place.is_empty());
    let answer = shared.ask(move |shared| {
        describe::board(shared, &caller.reach.board, caller.reach.view, place.as_deref())
    });
    answer.await.map(Json)
}

/// Everything a first screen needs, as of one position.
#[utoipa::path(get, path = "/api/v1/snapshot", tag = "board",
    responses((status = 200, body = wire::Snapshot)),
    extensions(("x-right" = json!("read_board"))))]
pub(in crate::serve) async fn snapshot(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
) -> Result<Json<wire::Snapshot>, Refusal> {
    caller.need(Right::ReadBoard)?;
    shared.ask(move |shared| picture(shared, &caller)).await.map(Json)
}

/// The first picture. The cursor is read first: what happens meanwhile is shown and sent again.
pub(in crate::serve) fn picture(
    shared: &Shared,
    caller: &Caller,
) -> Result<wire::Snapshot, StoreError> {
    let CommitSeq(cursor) = shared.reader.last()?;
    Ok(wire::Snapshot {
        cursor,
        build: shared.settings.build.clone(),
        schema: SCHEMA,
        me: me::describe(shared, caller)?,
        board: describe::board(shared, &caller.reach.board, caller.reach.view, None)?,
        alerts: open_alerts(shared, caller)?,
        readings: newest_readings(shared, caller)?,
    })
}

/// The gravest alerts that have not ended, as much of them as the caller may see.
pub(in crate::serve) fn open_alerts(
    shared: &Shared,
    caller: &Caller,
) -> Result<Vec<wire::Alert>, StoreError> {
    let scope = match caller.reach.view {
        View::Full | View::Households => caller.scope(),
        View::Codes => &caller.reach.board,
        View::Counts => &Scope::Nobody,
    };
    let filter = AlertFilter { states: LIVE.to_vec(), ..AlertFilter::default() };
    let paging = Paging { limit: FIRST_ROWS, after: None };
    let page = shared.reader.alerts(scope, &filter, &paging)?;
    let mut describer = Describer::new(shared);
    let mut described = |alert| match caller.reach.view {
        View::Full => describer.alert(alert),
        View::Households => describer.household_alert(alert),
        View::Codes | View::Counts => {
            let history = shared.reader.alert(scope, &alert.id)?;
            let events = history.map(|history| history.events).unwrap_or_default();
            describer.public_alert(alert, &events)
        }
    };
    let live = |alert: &&crate::domain::Alert| AlertState::is_live(alert.state);
    page.items.iter().filter(live).map(&mut described).collect()
}

fn newest_readings(shared: &Shared, caller: &Caller) -> Result<Vec<wire::Reading>, StoreError> {
    if !caller.reach.may(Right::ReadPeople) {
        return Ok(Vec::new());
    }
    let paging = Paging { limit: FIRST_ROWS, after: None };
    let page = shared.reader.readings(caller.scope(), &ReadingFilter::default(), &paging)?;
    Ok(page.items.iter().map(|(seq, stored)| describe::reading(*seq, stored)).collect())
}
