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
    files::{File, files, key},
    marks::{Card, Mark, Shown, card, mark, shown},
    page::{Guest, Lang, Page, Refused, clock_time},
    person_words::known,
};
use crate::{
    domain::{Happened, Millis, PersonEvent},
    serve::{
        api::people::{note_look, reached},
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
    /// Cohorts, diagnoses, medicines.
    known: Vec<String>,
    chart: Option<Chart>,
    lines: Vec<LineShown>,
    /// What contradicts what.
    notes: Vec<&'static str>,
    /// The person's own plan, and how they stand in the cured cohort.
    own: Vec<String>,
    /// What is said of their files.
    files: Vec<File>,
    may_merge: bool,
    key: String,
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
    let may_merge = caller.reach.may(Right::Decide);
    let task = Arc::clone(&shared);
    let found = task.ask(move |shared| {
        let Some(person) = reached(shared, caller.scope(), &id)? else { return Ok(None) };
        note_look(&person);
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
    let page = PersonPage {
        sex: t.sex(person.sex).unwrap_or_default(),
        chart: draw(&readings, &person.lines, t),
        lines: person.lines.iter().map(|line| line_shown(line, t)).collect(),
        notes: person.contradictions.iter().map(|it| if english { it.en } else { it.zh }).collect(),
        files: files(&person, english)?,
        may_merge,
        key: key()?,
        known: known(&person, english),
        own: own(&person, english),
        readings: readings.iter().map(|reading| shown(reading, t)).collect(),
        alerts: person.open_alerts.iter().map(|alert| card(alert, t)).collect(),
        history: timeline.items.iter().filter_map(|item| told(&shared, item, t)).collect(),
        person,
        page,
    };
    page.page.answer(&page)
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

/// An item of the timeline in a line; readings have a list of their own.
fn told(shared: &Shared, item: &wire::TimelineItem, t: &super::words::Words) -> Option<Line> {
    if let Some(step) = &item.step {
        return Some(line(step, t));
    }
    let english = t.lang == "en";
    if let Some(event) = &item.event {
        let (what, note) = entry(shared, event, english);
        let note = [Some(note), event.note.clone()].into_iter().flatten();
        let note = note.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
        let (at, by) = (clock_time(&item.at), event.by.clone());
        return Some(Line { at, what, by, note, struck: event.voided_by.is_some() });
    }
    let message = item.message.as_ref()?;
    let how = match (message.how, english) {
        ("owed", false) => "待发",
        ("delivered", false) => "已送达",
        ("failed", false) => "未送达",
        ("dropped", false) => "无需再发",
        (how, _) => how,
    };
    let note = format!("{} → {} ({})", item.case.as_deref()?, message.to, message.channel);
    let what = if english { "message" } else { "消息" };
    Some(Line { at: clock_time(&item.at), what, by: how.to_owned(), note, struck: false })
}

/// What somebody entered: its name, and what it says.
fn entry(shared: &Shared, event: &wire::Event, english: bool) -> (&'static str, String) {
    let pick = |zh, en| if english { en } else { zh };
    let number = |number: Option<wire::Number>| number.map(|number| number.0.to_string());
    let symptoms: Vec<_> =
        event.symptoms.iter().map(|code| symptom(shared, code, english)).collect();
    let symptoms = Some(symptoms.join(pick("、", ", "))).filter(|text| !text.is_empty());
    let parts = match event.what {
        "follow_up" => vec![
            number(event.systolic)
                .zip(number(event.diastolic))
                .map(|(systolic, diastolic)| format!("{systolic}/{diastolic} mmHg")),
            number(event.fasting).map(|fasting| format!("{fasting} mmol/L")),
            symptoms,
        ],
        "money" => vec![
            number(event.yuan).map(|yuan| format!("{yuan} {}", pick("元", "yuan"))),
            event.profile.clone(),
            event.span.map(str::to_owned),
        ],
        "voided" => vec![event.voids.clone()],
        _ => vec![
            event.act.map(|act| deed(act, english).to_owned()),
            symptoms,
            event.site.clone(),
            event.bench.clone(),
        ],
    };
    let what = match event.what {
        "follow_up" => pick("正式随访", "follow-up"),
        "money" => pick("自付费用", "money"),
        "voided" => pick("作废（误录）", "entered by mistake"),
        _ => pick("现场处置", "at the bench"),
    };
    let void = event.voided_by.is_some().then(|| pick("已作废", "void").to_owned());
    let parts = parts.into_iter().chain([void]);
    (what, parts.into_iter().flatten().collect::<Vec<_>>().join(" · "))
}

fn symptom(shared: &Shared, code: &str, english: bool) -> String {
    let rules = shared.rules();
    let zh = rules.symptom_zh(code).filter(|_| !english);
    zh.map_or_else(|| code.replace('_', " "), ToString::to_string)
}

/// What was done at a bench, for people; `None` where it was done elsewhere.
pub(super) fn site_act(shared: &Shared, event: &PersonEvent, english: bool) -> Option<String> {
    let Happened::SiteAct(act) = &event.what else { return None };
    let names = act.symptoms.iter().map(|code| symptom(shared, code, english));
    let names = names.collect::<Vec<_>>().join(if english { ", " } else { "、" });
    let deed = deed(act.deed.as_str(), english);
    Some(if names.is_empty() { deed.to_owned() } else { format!("{deed}: {names}") })
}

fn deed(code: &'static str, english: bool) -> &'static str {
    match (code, english) {
        ("re_measured", false) => "已复测",
        ("no_symptoms", false) => "询问：无危险症状",
        ("has_symptoms", false) => "询问：有危险症状",
        ("sent_home", false) => "已回家",
        ("referred", false) => "已转诊",
        ("called_120", false) => "已叫120",
        ("re_measured", true) => "measured again",
        ("no_symptoms", true) => "asked: no danger symptoms",
        ("has_symptoms", true) => "asked: danger symptoms",
        ("sent_home", true) => "sent home",
        ("referred", true) => "referred",
        ("called_120", true) => "120 called",
        (other, _) => other,
    }
}
