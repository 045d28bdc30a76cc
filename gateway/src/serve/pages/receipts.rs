//! Receipts as a picture: a row for each village, a column for each day, green where the far end said
//! that it holds the same, red where it holds something else, grey where it has not said.

use std::{collections::BTreeSet, sync::Arc};

use askama::Template;
use axum::{extract::State, response::Response};

use super::page::{Guest, Lang, Page, Refused, clock_time};
use crate::{
    domain::SiteId,
    receipt::Day,
    serve::{
        api::receipts::sites,
        describe,
        extract::{Asked, name},
        scope::Right,
        shared::Shared,
        wire,
    },
    store::StoreError,
};

/// Days of a picture.
const DAYS: i64 = 14;

/// Sites whose pictures one page holds; the others are named with a link.
const PICTURES: usize = 4;

/// Villages of one picture: more stand together in its last row.
const ROWS: usize = 24;

/// Room of one day and of one row.
const STEP: i64 = 40;
const HIGH: i64 = 24;
/// Room for the names of villages.
const NAMES: i64 = 120;

#[derive(Debug)]
struct Words {
    title: &'static str,
    explained: &'static str,
    /// By state: equal, differs, unsaid.
    states: [&'static str; 3],
    nobody: &'static str,
    others: &'static str,
    nothing: &'static str,
    said: &'static str,
    more: &'static str,
    people: &'static str,
    readings: &'static str,
    alerts: &'static str,
    quarantined: &'static str,
    ours: &'static str,
}

const ZH: Words = Words {
    title: "日终回执",
    explained: "每格为一个村一天收到的记录。绿：对端确认与本机一致；红：对端所存不同；灰：对端尚未确认。",
    states: ["一致", "不一致", "尚未确认"],
    nobody: "未归属",
    others: "其他村",
    nothing: "这些天没有记录",
    said: "对端最近一次确认",
    more: "其他站点",
    people: "人",
    readings: "次测量",
    alerts: "预警",
    quarantined: "待处理",
    ours: "本机",
};

const EN: Words = Words {
    title: "End-of-day receipts",
    explained: "Each cell is what was received of a village on a day. Green: the far end says that it holds the same. Red: it holds something else. Grey: the far end has not said yet.",
    states: ["the same", "differs", "not said yet"],
    nobody: "of nobody",
    others: "other villages",
    nothing: "nothing was received on these days",
    said: "the far end last said",
    more: "other sites",
    people: "people",
    readings: "readings",
    alerts: "alerts",
    quarantined: "quarantined",
    ours: "here",
};

#[derive(Debug)]
struct Cell {
    x: i64,
    y: i64,
    class: &'static str,
    ink: &'static str,
    /// A sign that needs no colour.
    sign: &'static str,
    title: String,
}

#[derive(Debug)]
struct Named {
    at: i64,
    name: String,
}

#[derive(Debug)]
struct Picture {
    site: String,
    wide: i64,
    high: i64,
    rows: Vec<Named>,
    days: Vec<Named>,
    cells: Vec<Cell>,
    /// Days that differ, in words.
    differences: Vec<String>,
    said: Vec<String>,
}

#[derive(Template)]
#[template(path = "receipts.html")]
struct ReceiptsPage {
    page: Page,
    w: &'static Words,
    pictures: Vec<Picture>,
    others: Vec<String>,
}

/// `GET /lite/receipts`
pub(in crate::serve) async fn receipts(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
    Asked(asked): Asked<wire::ReceiptsAsked>,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::ReadBoard)?;
    let w = if lang.english() { &EN } else { &ZH };
    let page = Page::new(&shared, lang, Some(&caller), w.title);
    let wanted: Option<SiteId> = name("site", asked.site.as_deref())?;
    let to = name("to", asked.to.as_deref())?.unwrap_or(Day::of(shared.clock.now()));
    let days = (to.plus(1 - DAYS), to);
    let (pictures, others) = shared
        .ask(move |shared| {
            let mut pictures = Vec::new();
            let mut others = Vec::new();
            for site in sites(shared, &caller, wanted.as_ref())? {
                if pictures.len() >= PICTURES {
                    others.push(site.to_string());
                    continue;
                }
                let view = caller.reach.view;
                let told = describe::receipts(shared.reader.as_ref(), view, &site, days)?;
                pictures.push(picture(w, &site, days.0, &told));
            }
            Ok::<_, StoreError>((pictures, others))
        })
        .await?;
    let page = ReceiptsPage { page, w, pictures, others };
    page.page.answer(&page)
}

fn picture(w: &Words, site: &SiteId, from: Day, told: &[wire::Receipt]) -> Picture {
    let names: BTreeSet<&str> = told
        .iter()
        .flat_map(|receipt| receipt.villages.iter().map(|of| of.village.as_str()))
        .collect();
    let shown: Vec<&str> = names.iter().copied().take(ROWS).collect();
    let place = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let row = |number: usize| place(number).saturating_mul(HIGH).saturating_add(HIGH);
    let mut cells = Vec::new();
    for receipt in told {
        let Ok(day) = receipt.day.parse::<Day>() else { continue };
        let x = day.since(from).saturating_mul(STEP).saturating_add(NAMES);
        for (number, village) in shown.iter().enumerate() {
            if let Some(of) = receipt.villages.iter().find(|of| of.village == **village) {
                cells.push(cell(w, (x, row(number)), &receipt.day, of));
            }
        }
    }
    let label = |name: &str| if name.is_empty() { w.nobody.to_owned() } else { name.to_owned() };
    let mut rows: Vec<Named> = (0..)
        .zip(&shown)
        .map(|(number, name)| Named { at: row(number).saturating_add(17), name: label(name) })
        .collect();
    if names.len() > shown.len() {
        let more = names.len().saturating_sub(shown.len());
        let at = row(shown.len()).saturating_add(17);
        rows.push(Named { at, name: format!("{} {more}", w.others) });
    }
    let days = (0..DAYS).map(|number| Named {
        at: number.saturating_mul(STEP).saturating_add(NAMES),
        name: from.plus(number).to_string().get(5..).unwrap_or_default().to_owned(),
    });
    Picture {
        site: site.to_string(),
        wide: DAYS.saturating_mul(STEP).saturating_add(NAMES),
        high: row(rows.len()),
        days: days.collect(),
        rows,
        cells,
        differences: told
            .iter()
            .filter(|of| of.state == "differs")
            .map(|of| differs(w, of))
            .collect(),
        said: said(w, told),
    }
}

fn cell(w: &Words, (x, y): (i64, i64), day: &str, of: &wire::ReceiptOfVillage) -> Cell {
    let (class, ink, sign, word) = match of.state {
        "equal" => ("part", "#fff", "✓", w.states[0]),
        "differs" => ("red", "#b0131a", "✗", w.states[1]),
        _ => ("of", "#15202e", "?", w.states[2]),
    };
    let counts = counts(w, [Some(of.people), Some(of.readings), of.alerts, Some(of.quarantined)]);
    Cell { x, y, class, ink, sign, title: format!("{day} {}: {word} · {counts}", of.village) }
}

fn counts(w: &Words, counts: [Option<u64>; 4]) -> String {
    let names = [w.people, w.readings, w.alerts, w.quarantined];
    let told = counts.into_iter().zip(names);
    let told = told.filter_map(|(count, name)| Some(format!("{} {name}", count?)));
    told.collect::<Vec<_>>().join(" · ")
}

/// What we hold and what each of the others says, of a day that differs.
fn differs(w: &Words, of: &wire::Receipt) -> String {
    let own = counts(w, [Some(of.people), Some(of.readings), of.alerts, Some(of.quarantined)]);
    let others = of.said.iter().filter(|said| !said.equal).map(|said| {
        let told = [Some(said.people), Some(said.readings), said.alerts, Some(said.quarantined)];
        format!("{}: {}", said.by, counts(w, told))
    });
    let others: Vec<_> = others.collect();
    format!("{} — {}: {own}; {}", of.day, w.ours, others.join("; "))
}

/// When each of the others last said anything.
fn said(w: &Words, told: &[wire::Receipt]) -> Vec<String> {
    let all = told.iter().flat_map(|receipt| &receipt.said);
    let by: BTreeSet<&str> = all.clone().map(|said| said.by.as_str()).collect();
    let latest = |by: &str| all.clone().filter(|said| said.by == by).map(|said| &said.at).max();
    let line = |by: &str| Some(format!("{} {by}: {}", w.said, clock_time(latest(by)?)));
    by.into_iter().filter_map(line).collect()
}
