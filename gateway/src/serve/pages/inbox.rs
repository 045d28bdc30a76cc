//! The inbox: alerts that somebody still has to do something about.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    marks::{Card, card},
    page::{Guest, Lang, Page, Refused},
};
use crate::serve::{api::board::open_alerts, scope::Right, shared::Shared};

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    page: Page,
    cards: Vec<Card>,
}

/// `/lite/inbox`
pub(in crate::serve) async fn inbox(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::ReadAlerts)?;
    let page = Page::new(&shared, lang, Some(&caller), lang.words.inbox);
    let alerts = shared.ask(move |shared| open_alerts(shared, &caller)).await?;
    let cards = alerts.iter().map(|alert| card(alert, lang.words)).collect();
    let page = InboxPage { page, cards };
    page.page.answer(&page)
}
