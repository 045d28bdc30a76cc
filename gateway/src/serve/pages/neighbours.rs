//! How things stand between this gateway and its neighbours, in words: green only when the far end
//! said so (promise P8).

use std::collections::BTreeMap;

use super::page::{Lang, clock_time};
use crate::{
    domain::{AlertState, BoxId, BoxState, PersonId, Registered, SiteId, Timestamp},
    serve::shared::Shared,
    store::{
        CommitSeq, Reader, RegistryKey, StoreError, Waiting,
        view::{AlertFilter, Paging, Scope},
    },
    uplink::{Alarm, Below, Upward},
};

/// Gateways of one page of the registry.
const PAGE: usize = 1_000;

/// One neighbour on the board.
#[derive(Debug, Clone)]
pub(super) struct LinkLine {
    pub(super) name: String,
    pub(super) green: bool,
    pub(super) state: String,
    pub(super) detail: String,
}

/// What somebody must look at, one line a neighbour.
pub(super) fn alarms(shared: &Shared, lang: Lang) -> Vec<String> {
    let status = shared.upper.status();
    let up = status.up().and_then(|up| {
        if let Some(since) = up.damaged {
            return Some(damaged(since, lang));
        }
        let alarm = up.alarm.as_ref()?;
        Some(alarm_line(if lang.english() { "gateway above" } else { "上级网关" }, alarm, lang))
    });
    let below = status
        .below()
        .into_iter()
        .filter_map(|(name, below)| Some(alarm_line(name.as_str(), below.alarm.as_ref()?, lang)));
    up.into_iter().chain(below).chain(differences(shared, lang)).collect()
}

/// Days of which a record was found that the far end does not hold alike: one line, the latest named.
fn differences(shared: &Shared, lang: Lang) -> Option<String> {
    shared.upper.status().days(|days| {
        let count = days.differs().len();
        let latest = days.differs().max_by_key(|found| found.day)?;
        let (site, day, by) = (&latest.site, latest.day, &latest.by);
        Some(if lang.english() {
            format!(
                "receipts of {count} days differ; the latest: {site} {day}, with {by} (Receipts)"
            )
        } else {
            format!("{count} 个站点日的回执两端不一致，最近：{site} {day}，对端 {by}（见回执）")
        })
    })
}

/// Nothing can go up: what this box was enrolled with is damaged.
fn damaged(since: Timestamp, lang: Lang) -> String {
    let since = clock_time(&since.to_string());
    if lang.english() {
        format!(
            "this box cannot hand up: its enrolment.json is damaged (found {since}). Measuring, judging \
             and warning go on here, everything is kept. Enrol it again: enrol code above, enrol join here"
        )
    } else {
        format!(
            "本机无法上传：注册文件 enrolment.json 已损坏（{since} 发现）。测量、判断和本地预警照常，\
             数据全部保留。请重新注册：上级运行 enrol code，本机运行 enrol join"
        )
    }
}

fn alarm_line(name: &str, alarm: &Alarm, lang: Lang) -> String {
    let (since, times) = (clock_time(&alarm.since.to_string()), alarm.times);
    if lang.english() {
        format!("{name}: {} (since {since}, {times} times)", alarm.code.en())
    } else {
        format!("{name}：{}（自 {since} 起 {times} 次）", alarm.code.zh())
    }
}

/// What the store knows of the gateways below, and where its log ends.
pub(super) struct Known {
    last: CommitSeq,
    waiting: Vec<Waiting>,
    boxes: BTreeMap<BoxId, Heard>,
}

/// A gateway that serves somebody.
struct Heard {
    /// Its site, else its name.
    called: String,
    /// Up to when everything that it had is here, or since when it serves anybody.
    until: Timestamp,
    /// An alert says so.
    silent: bool,
}

/// Asks the store.
pub(super) fn known(reader: &dyn Reader) -> Result<Known, StoreError> {
    let (last, waiting) = (reader.last()?, reader.waiting_by()?);
    let heard: BTreeMap<BoxId, Timestamp> = reader.heard()?.into_iter().collect();
    let (mut boxes, mut after) = (BTreeMap::new(), None);
    loop {
        let page = reader.registry("box", &Paging { limit: PAGE, after })?;
        for row in page.items {
            let Registered::Box(row) = row else { continue };
            if row.state == BoxState::Revoked || (row.serves.is_empty() && row.site.is_none()) {
                continue;
            }
            let called = row.site.as_ref().map_or(row.name.as_str(), SiteId::as_str).to_owned();
            let rows = match heard.get(&row.name) {
                Some(_) => Vec::new(),
                None => reader.history(&RegistryKey::neighbour(&row.name))?,
            };
            let first = rows.first().map(|(_, row)| row.at);
            let Some(until) = heard.get(&row.name).copied().or(first) else { continue };
            let filter = AlertFilter {
                person: Some(PersonId::of_site(&called)),
                states: vec![
                    AlertState::Open,
                    AlertState::Acknowledged,
                    AlertState::Planned,
                    AlertState::Visited,
                ],
                ..AlertFilter::default()
            };
            let one = Paging { limit: 1, after: None };
            let alerts = reader.alerts(&Scope::Everything, &filter, &one)?;
            let silent = !alerts.items.is_empty();
            boxes.insert(row.name, Heard { called, until, silent });
        }
        after = page.next;
        if after.is_none() {
            return Ok(Known { last, waiting, boxes });
        }
    }
}

/// Every neighbour that is configured or was heard.
pub(super) fn lines(shared: &Shared, lang: Lang, known: &Known) -> Vec<LinkLine> {
    let status = shared.upper.status();
    let up = status.up().map(|up| upward(&up, known.last, lang));
    let mut below: BTreeMap<BoxId, Below> = status.below().into_iter().collect();
    for name in known.boxes.keys() {
        below.entry(name.clone()).or_default();
    }
    let below = below.iter().map(|(name, it)| {
        let line = downward(name.as_str(), it, lang);
        known.boxes.get(name).map_or(line.clone(), |heard| up_to(line, heard, lang))
    });
    let waiting = known.waiting.iter().map(|of| kept_waiting(of, lang));
    up.into_iter().chain(below).chain(waiting).collect()
}

/// What came and refers to something that is not here: an act about an alert that this gateway cannot
/// know, mostly. It is kept, and tried again whenever something comes.
fn kept_waiting(of: &Waiting, lang: Lang) -> LinkLine {
    let (count, since) = (of.parcels, clock_time(&of.oldest.to_string()));
    let (state, detail) = if lang.english() {
        (
            format!("{count} acts or facts wait for what they refer to"),
            format!("the oldest since {since}; kept, and tried again with whatever comes"),
        )
    } else {
        (
            format!("{count} 条操作或记录所指内容本机尚无"),
            format!("最早自 {since} 起等待；已保存，有新数据到达时自动重试"),
        )
    };
    LinkLine { name: format!("⏳ {}", of.by), green: false, state, detail }
}

/// The same with up to when all is known, or since when nothing is.
fn up_to(line: LinkLine, heard: &Heard, lang: Lang) -> LinkLine {
    let (called, until) = (&heard.called, clock_time(&heard.until.to_string()));
    let detail = if lang.english() {
        format!("{}, complete up to {until}", line.detail)
    } else {
        format!("{}，数据完整至 {until}", line.detail)
    };
    if !heard.silent {
        return LinkLine { detail, ..line };
    }
    let state = if lang.english() {
        format!("{called} has not uploaded since {until}")
    } else {
        format!("{called} 自 {until} 起未上传")
    };
    LinkLine { green: false, state, detail, ..line }
}

fn upward(up: &Upward, last: CommitSeq, lang: Lang) -> LinkLine {
    let name = format!("↑ {}", up.to);
    if up.damaged.is_some() {
        let (state, detail) = if lang.english() {
            ("cannot hand up", "enrolment.json is damaged: enrol this box again")
        } else {
            ("无法上传", "注册文件 enrolment.json 已损坏，请重新注册")
        };
        return LinkLine { name, green: false, state: state.to_owned(), detail: detail.to_owned() };
    }
    let (green, waiting) = (up.is_green(last), up.waiting(last));
    let upto = up.uploaded.unwrap_or_default().0;
    let contact = contact(up.contact, lang);
    let (state, detail) = if lang.english() {
        let state =
            if green { "everything is uploaded".to_owned() } else { format!("{waiting} waiting") };
        (state, format!("uploaded up to {upto} of {}, last contact {contact}", last.0))
    } else {
        let state =
            if green { "已全部上传".to_owned() } else { format!("{waiting} 条待上传") };
        (state, format!("已上传至 {upto}／共 {}，最近联系 {contact}", last.0))
    };
    LinkLine { name, green, state, detail }
}

fn downward(name: &str, below: &Below, lang: Lang) -> LinkLine {
    let waiting = below.last.0.saturating_sub(below.upto.0).max(0);
    let green = waiting == 0 && below.contact.is_some() && below.alarm.is_none();
    let contact = contact(below.contact, lang);
    let (state, detail) = if lang.english() {
        let state = if green { "has uploaded everything it told of" } else { "has more for us" };
        (state.to_owned(), format!("{waiting} waiting there, last contact {contact}"))
    } else {
        let state = if green { "所报数据已全部收到" } else { "尚有数据未上传" };
        (state.to_owned(), format!("该处 {waiting} 条待上传，最近联系 {contact}"))
    };
    LinkLine { name: format!("↓ {name}"), green, state, detail }
}

fn contact(at: Option<Timestamp>, lang: Lang) -> String {
    let never = if lang.english() { "never since the start" } else { "启动后尚未联系" };
    at.map_or_else(|| never.to_owned(), |at| clock_time(&at.to_string()))
}
