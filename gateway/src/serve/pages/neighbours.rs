//! How things stand between this gateway and its neighbours, in words: green only when the far end
//! said so (promise P8).

use super::page::{Lang, clock_time};
use crate::{
    domain::Timestamp,
    serve::shared::Shared,
    store::CommitSeq,
    uplink::{Alarm, Below, Upward},
};

/// One neighbour on the board.
#[derive(Debug)]
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
        let alarm = up.alarm.as_ref()?;
        Some(alarm_line(if lang.english() { "gateway above" } else { "上级网关" }, alarm, lang))
    });
    let below = status
        .below()
        .into_iter()
        .filter_map(|(name, below)| Some(alarm_line(name.as_str(), below.alarm.as_ref()?, lang)));
    up.into_iter().chain(below).collect()
}

fn alarm_line(name: &str, alarm: &Alarm, lang: Lang) -> String {
    let (since, times) = (clock_time(&alarm.since.to_string()), alarm.times);
    if lang.english() {
        format!("{name}: {} (since {since}, {times} times)", alarm.code.en())
    } else {
        format!("{name}：{}（自 {since} 起 {times} 次）", alarm.code.zh())
    }
}

/// Every neighbour that is configured or was heard.
pub(super) fn lines(shared: &Shared, lang: Lang, last: CommitSeq) -> Vec<LinkLine> {
    let status = shared.upper.status();
    let up = status.up().map(|up| upward(&up, last, lang));
    let below = status.below().into_iter().map(|(name, it)| downward(name.as_str(), &it, lang));
    up.into_iter().chain(below).collect()
}

fn upward(up: &Upward, last: CommitSeq, lang: Lang) -> LinkLine {
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
    LinkLine { name: format!("↑ {}", up.to), green, state, detail }
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
