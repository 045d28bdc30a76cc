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
        api::people::{note_look, note_search, reached},
        describe::{Describer, Part},
        extract::{Asked, paging},
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
    /// Where the next page begins.
    next: Option<String>,
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
    let typed = asked.q.or(asked.query).unwrap_or_default();
    let query: String = typed.chars().take(64).collect();
    let wanted = query.clone();
    let paging = paging(Some(LISTED), asked.after)?;
    let (people, next) = shared
        .ask(move |shared| {
            let found = shared.reader.people(caller.scope(), &wanted, &paging)?;
            note_search(&caller, found.items.len());
            let mut describer = Describer::new(shared);
            let rows = found.items.iter().map(|person| describer.person_in_list(person));
            Ok((rows.collect::<Result<Vec<_>, StoreError>>()?, found.next))
        })
        .await?;
    let page = PeoplePage { page, query, people, next };
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
    /// What contradicts what.
    notes: Vec<&'static str>,
    /// The person's own plan, and how they stand in the cured cohort.
    own: Vec<String>,
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
            timeline: describer.timeline(&person, &part)?,
            person: describer.person(caller.scope(), &person)?,
        }))
    });
    let Found { person, readings, timeline } = found.await?.ok_or(Refusal::not_found())?;
    let english = t.lang == "en";
    let steps = timeline.items.iter().filter_map(|item| item.step.as_ref());
    let page = PersonPage {
        sex: match person.sex {
            Some("male") => t.male,
            Some("female") => t.female,
            Some(_) | None => "",
        },
        chart: draw(&readings, &person.lines, t),
        lines: person.lines.iter().map(|line| line_shown(line, t)).collect(),
        notes: person.contradictions.iter().map(|it| if english { it.en } else { it.zh }).collect(),
        own: files(&person, english).into_iter().chain(own(&person, english)).collect(),
        readings: readings.iter().map(|reading| shown(reading, t)).collect(),
        alerts: person.open_alerts.iter().map(|alert| card(alert, t)).collect(),
        history: steps.map(|step| line(step, t)).collect(),
        person,
        page,
    };
    page.page.answer(&page)
}

/// What is said of the person's files, each in a line.
fn files(person: &wire::Person, english: bool) -> Vec<String> {
    let into = person.merged_into.as_ref().map(|into| {
        if english {
            format!("This file counts as {into}: look there")
        } else {
            format!("本档案已并入{into}，请看保留的档案")
        }
    });
    let stands = person.merges.iter().filter(|merge| merge.undone.is_none());
    let here = stands.filter(|merge| merge.into == person.person).map(|merge| {
        let file = &merge.person;
        if english {
            format!("{file} counts as this file")
        } else {
            format!("{file}已并入本档案")
        }
    });
    let same = person.same_as.iter().map(|other| {
        let why = other.evidence.iter().map(|it| if english { it.en.as_str() } else { &it.zh });
        let (who, why) = (&other.person, why.collect::<String>());
        if english {
            format!("Perhaps the same as {who}: {why}")
        } else {
            format!("可能与{who}是同一人：{why}")
        }
    });
    into.into_iter().chain(here).chain(same).collect()
}

/// The person's own plan and tracking, each in a line.
fn own(person: &wire::Person, english: bool) -> Vec<String> {
    let plan = person.plan.as_ref().map(|plan| own_plan(plan, english));
    let tracking = person.tracking.as_ref().map(|it| {
        let day = |at: &Option<String>| {
            at.as_deref().map_or("—", |at| at.get(..10).unwrap_or(at)).to_owned()
        };
        let (since, next, doctor) = (day(&it.since), day(&it.next_due), day(&it.doctor_due));
        if english {
            format!("Tracked as cured since {since}; next value due {next}; doctor told {doctor}")
        } else {
            format!("治愈跟踪自{since}；下次测量截止{next}；逾期告知医生{doctor}")
        }
    });
    plan.into_iter().chain(tracking).collect()
}

fn own_plan(plan: &wire::Plan, english: bool) -> String {
    let pressure = |name: &str, target: Option<u16>| target.map(|it| format!("{name} < {it} mmHg"));
    let (systolic, diastolic, fasting, every) = if english {
        ("systolic", "diastolic", "fasting", "a value every")
    } else {
        ("收缩压", "舒张压", "空腹血糖", "测量间隔")
    };
    let days = if english { "days" } else { "天" };
    let parts = [
        pressure(systolic, plan.systolic_lt),
        pressure(diastolic, plan.diastolic_lt),
        plan.fasting_lt.as_ref().map(|it| format!("{fasting} < {it} mmol/L")),
        plan.cadence_days.map(|it| format!("{every} {it} {days}")),
        plan.from.clone().map(|from| format!("{from} ..")),
        plan.until.clone().map(|until| format!(".. {until}")),
        plan.author.clone(),
    ];
    let title = if english { "Own plan: " } else { "一人一法方案：" };
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{title}{}", parts.join(if english { ", " } else { "，" }))
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
