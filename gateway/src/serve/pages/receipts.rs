//! Receipts, a line a day: green where the far end said that it holds the same, red where it holds something
//! else, grey where it has not said; beneath it the villages, and what was said when. It reads at 360 pixels:
//! nothing stands beside anything that it could not stand below.

use std::{collections::BTreeSet, sync::Arc};

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    neighbours::on_board,
    page::{Guest, Lang, Page, Refused, clock_time},
};
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

/// Days of a page.
const DAYS: i64 = 14;

/// Sites that one page shows; the others are named with a link.
const SITES: usize = 4;

/// Villages of one day; of more it is said how many.
const ROWS: usize = 24;

/// Digits of a hash that are read aloud over a telephone.
const HASH_SHOWN: usize = 8;

#[derive(Debug)]
struct Words {
    title: &'static str,
    explained: &'static str,
    /// By state: equal, differs, unsaid.
    states: [&'static str; 3],
    nobody: &'static str,
    others: &'static str,
    nothing: &'static str,
    no_site: &'static str,
    said: &'static str,
    more: &'static str,
    /// People, readings, alerts, quarantined items: of one, of several.
    counted: [(&'static str, &'static str); 4],
    unchecked: &'static str,
    without: &'static str,
    kinds: [&'static str; 3],
    /// By what lacks it: here, there, neither.
    lacks: [&'static str; 3],
    first: &'static str,
}

const ZH: Words = Words {
    title: "日终回执",
    explained: "每行为一天收到的记录，点开可看各村。绿：对端确认与本机一致；红：对端所存不同；灰：对端尚未确认。",
    states: ["一致", "不一致", "尚未确认"],
    nobody: "未归属",
    others: "其他村",
    nothing: "这些天没有记录",
    no_site: "管辖范围内没有已登记的站点；回执按站点列出",
    said: "对端最近一次确认",
    more: "其他站点",
    counted: [("人", "人"), ("次测量", "次测量"), ("条预警", "条预警"), ("条待处理", "条待处理")],
    unchecked: "天尚待与上级核对",
    without: "上级网关版本较旧，尚不能核对回执",
    kinds: ["测量", "预警", "待处理"],
    lacks: ["本机缺少", "对端缺少", "两端内容不同"],
    first: "第一条不同的记录",
};

const EN: Words = Words {
    title: "End-of-day receipts",
    explained: "Each line is what was received on a day; open it for its villages. Green: the far end says that it holds the same. Red: it holds something else. Grey: the far end has not said yet.",
    states: ["the same", "differs", "not said yet"],
    nobody: "of nobody",
    others: "other villages",
    nothing: "nothing was received on these days",
    no_site: "no site is registered in your scope; receipts are listed by site",
    said: "the far end last said",
    more: "other sites",
    counted: [
        ("person", "people"),
        ("reading", "readings"),
        ("alert", "alerts"),
        ("quarantined", "quarantined"),
    ],
    unchecked: "days still to be compared with the gateway above",
    without: "the gateway above is of an earlier version and says no receipts",
    kinds: ["reading", "alert", "quarantined item"],
    lacks: ["missing here", "missing there", "held differently"],
    first: "first record that differs",
};

/// Green, red or grey, with a sign and a word that need no colour.
#[derive(Debug)]
struct Mark {
    class: &'static str,
    sign: &'static str,
    word: &'static str,
}

#[derive(Debug)]
struct Row {
    village: String,
    mark: Mark,
    counts: String,
    hash: String,
}

#[derive(Debug)]
struct DayLine {
    day: String,
    mark: Mark,
    open: bool,
    counts: String,
    hash: String,
    rows: Vec<Row>,
    /// Villages that are not shown.
    others: usize,
    /// What each of the others says, and when it said so; the first record that differs.
    said: Vec<String>,
}

#[derive(Debug)]
struct OfSite {
    site: String,
    days: Vec<DayLine>,
    /// When each of the others last said anything.
    said: Vec<String>,
}

#[derive(Template)]
#[template(path = "receipts.html")]
struct ReceiptsPage {
    page: Page,
    w: &'static Words,
    /// What is not uploaded yet; what is still to be compared, or that nothing can be.
    progress: Vec<String>,
    sites: Vec<OfSite>,
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
    let up = shared.upper.status().up();
    let unchecked = up.as_ref().and_then(|up| match up.unchecked {
        _ if up.without_receipts => Some(w.without.to_owned()),
        0 => None,
        days => Some(format!("{days} {}", w.unchecked)),
    });
    let (sites, others, last) = shared
        .ask(move |shared| {
            let (mut all, mut others) = (Vec::new(), Vec::new());
            let sites = sites(shared, &caller, wanted.as_ref())?;
            let alone = sites.len() == 1;
            for site in sites {
                if all.len() >= SITES {
                    others.push(site.to_string());
                    continue;
                }
                let view = caller.reach.view;
                let told = describe::receipts(shared.reader.as_ref(), view, &site, days)?;
                let lines = told.iter().map(|receipt| line(w, receipt, alone)).collect();
                let (site, said) = (site.to_string(), said(w, &told));
                all.push(OfSite { site, days: lines, said });
            }
            Ok::<_, StoreError>((all, others, shared.reader.last()?))
        })
        .await?;
    let waiting = up.as_ref().and_then(|up| on_board(up, last, lang));
    let progress = waiting.into_iter().chain(unchecked).collect();
    let page = ReceiptsPage { page, w, progress, sites, others };
    page.page.answer(&page)
}

const fn mark(w: &Words, state: &str) -> Mark {
    let [equal, differs, unsaid] = w.states;
    match state.as_bytes() {
        b"equal" => Mark { class: "green", sign: "✓", word: equal },
        b"differs" => Mark { class: "red", sign: "✗", word: differs },
        _ => Mark { class: "", sign: "?", word: unsaid },
    }
}

/// A day: its villages where one site alone is shown, or where it is red.
fn line(w: &Words, of: &wire::Receipt, alone: bool) -> DayLine {
    let open = of.state == "differs";
    let shown = if alone || open { ROWS } else { 0 };
    let label = |name: &str| if name.is_empty() { w.nobody.to_owned() } else { name.to_owned() };
    let row = |of: &wire::ReceiptOfVillage| Row {
        village: label(&of.village),
        mark: mark(w, of.state),
        counts: counts(w, [Some(of.people), Some(of.readings), of.alerts, Some(of.quarantined)]),
        hash: short(&of.hash),
    };
    let rows: Vec<Row> = of.villages.iter().take(shown).map(row).collect();
    DayLine {
        day: of.day.clone(),
        mark: mark(w, of.state),
        open,
        counts: counts(w, [Some(of.people), Some(of.readings), of.alerts, Some(of.quarantined)]),
        hash: short(&of.hash),
        others: if shown == 0 { 0 } else { of.villages.len().saturating_sub(rows.len()) },
        rows,
        said: of.said.iter().flat_map(|said| told(w, said)).collect(),
    }
}

fn short(hash: &str) -> String {
    hash.chars().take(HASH_SHOWN).collect()
}

fn counts(w: &Words, counts: [Option<u64>; 4]) -> String {
    let told = counts.into_iter().zip(w.counted).filter_map(|(count, (one, several))| {
        let count = count?;
        Some(format!("{count} {}", if count == 1 { one } else { several }))
    });
    told.collect::<Vec<_>>().join(" · ")
}

/// What one of the others says of a day, when it said so, and the first record that differs.
fn told(w: &Words, said: &wire::ReceiptTold) -> Vec<String> {
    let told = [Some(said.people), Some(said.readings), said.alerts, Some(said.quarantined)];
    let (by, at) = (&said.by, clock_time(&said.at));
    let mut lines = vec![format!("{at} {by}: {} · {}", counts(w, told), short(&said.hash))];
    if let Some(first) = &said.first {
        let [reading, alert, item] = w.kinds;
        let kind = match first.kind {
            "reading" => reading,
            "alert" => alert,
            _item => item,
        };
        let [here, there, neither] = w.lacks;
        let lacks = match first.lacks {
            "here" => here,
            "there" => there,
            _neither => neither,
        };
        let (record, found) = (&first.record, clock_time(&first.found_at));
        lines.push(format!("{}: {} {kind} {record} {lacks} ({found})", w.first, first.village));
    }
    lines
}

/// When each of the others last said anything.
fn said(w: &Words, told: &[wire::Receipt]) -> Vec<String> {
    let all = told.iter().flat_map(|receipt| &receipt.said);
    let by: BTreeSet<&str> = all.clone().map(|said| said.by.as_str()).collect();
    let latest = |by: &str| all.clone().filter(|said| said.by == by).map(|said| &said.at).max();
    let line = |by: &str| Some(format!("{} {by}: {}", w.said, clock_time(latest(by)?)));
    by.into_iter().filter_map(line).collect()
}
