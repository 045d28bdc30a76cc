//! People of the caller's own scope, and one of them with chart, lines and history.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{
    alert::{Line, line},
    chart::{Chart, draw},
    marks::{Card, Mark, Shown, card, mark, shown},
    page::{Guest, Lang, Page, Refused},
};
use crate::{
    domain::Millis,
    serve::{
        api::people::{note_look, reached},
        describe::{Describer, Part},
        extract::Asked,
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::{
        StoreError,
        view::{Paging, ReadingFilter},
    },
};

/// People in a list.
const LISTED: usize = 50;

/// Readings on a person's page.
const READINGS: usize = 200;

/// How far back a person's page looks.
const LOOK_BACK: Millis = Millis::days(183);

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    page: Page,
    query: String,
    people: Vec<wire::PersonRow>,
}

/// `/lite/people`
pub(in crate::serve) async fn list(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
    Asked(asked): Asked<wire::PageWords>,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::ReadPeople)?;
    let page = Page::new(&shared, lang, Some(&caller), lang.words.people);
    let query: String = asked.query.unwrap_or_default().chars().take(64).collect();
    let wanted = query.clone();
    let people = shared
        .ask(move |shared| {
            let paging = Paging { limit: LISTED, after: None };
            let found = shared.reader.people(caller.scope(), &wanted, &paging)?;
            let mut describer = Describer::new(shared);
            let rows = found.items.iter().map(|person| describer.person_in_list(person));
            rows.collect::<Result<Vec<_>, StoreError>>()
        })
        .await?;
    let page = PeoplePage { page, query, people };
    page.page.answer(&page)
}

#[derive(Debug)]
struct LineShown {
    mark: Mark,
    label: String,
    from: String,
    line: String,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    page: Page,
    person: wire::Person,
    sex: &'static str,
    chart: Option<Chart>,
    lines: Vec<LineShown>,
    readings: Vec<Shown>,
    alerts: Vec<Card>,
    history: Vec<Line>,
}

struct Found {
    person: wire::Person,
    readings: Vec<wire::Reading>,
    timeline: wire::List<wire::TimelineItem>,
}

/// `/lite/people/{id}`
pub(in crate::serve) async fn person(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::ReadPeople)?;
    let t = lang.words;
    let page = Page::new(&shared, lang, Some(&caller), t.people);
    let found = shared.ask(move |shared| {
        let Some(person) = reached(shared, caller.scope(), &id)? else { return Ok(None) };
        note_look(&caller, &person);
        let mut describer = Describer::new(shared);
        let filter = ReadingFilter {
            person: Some(person.person.clone()),
            from: Some(describer.now.minus(LOOK_BACK)),
            ..ReadingFilter::default()
        };
        let paging = Paging { limit: READINGS, after: None };
        let readings = shared.reader.readings(caller.scope(), &filter, &paging)?;
        let part = Part { before: None, as_of: None, limit: READINGS };
        let of = |(seq, stored): &(_, _)| crate::serve::describe::reading(*seq, stored);
        Ok(Some(Found {
            readings: readings.items.iter().map(of).collect(),
            timeline: describer.timeline(caller.scope(), &person, &part)?,
            person: describer.person(caller.scope(), &person)?,
        }))
    });
    let Found { person, readings, timeline } = found.await?.ok_or(Refusal::not_found())?;
    let steps = timeline.items.iter().filter_map(|item| item.step.as_ref());
    let page = PersonPage {
        sex: match person.sex {
            Some("male") => t.male,
            Some("female") => t.female,
            Some(_) | None => "",
        },
        chart: draw(&readings, &person.lines, t),
        lines: person.lines.iter().map(|line| line_shown(line, t)).collect(),
        readings: readings.iter().map(|reading| shown(reading, t)).collect(),
        alerts: person.open_alerts.iter().map(|alert| card(alert, t)).collect(),
        history: steps.map(|step| line(step, t)).collect(),
        person,
        page,
    };
    page.page.answer(&page)
}

fn line_shown(line: &wire::Line, t: &super::words::Words) -> LineShown {
    let label = if t.lang == "en" { &line.label_en } else { &line.label_zh };
    LineShown {
        mark: mark(line.level, t),
        label: label.clone(),
        from: format!("≥ {} {}", line.from.0, line.unit),
        line: line.line.clone(),
    }
}
