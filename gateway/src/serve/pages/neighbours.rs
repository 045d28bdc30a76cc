//! How things stand between this gateway and its neighbours, in words: green only when the far end
//! said so (promise P8).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    board::LISTED,
    page::{Lang, clock_time},
};
use crate::{
    domain::{BoxId, Millis, PersonId, Timestamp},
    serve::shared::Shared,
    store::{CommitSeq, Reader, StoreError, Waiting},
    uplink::{
        Alarm, Below, Upward,
        serving::{Serving, serving},
    },
};

/// What a neighbour said is news for so long: gateways greet each other every 15 s, and on a bad line
/// try again within a minute.
const STALE_AFTER: Millis = Millis::minutes(3);

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
    below: Serving,
    /// An alert says so.
    silent: bool,
}

/// Asks the store.
pub(super) fn known(reader: &dyn Reader) -> Result<Known, StoreError> {
    let (last, waiting) = (reader.last()?, reader.waiting_by()?);
    let silent: BTreeSet<PersonId> = reader.silent_sites()?.into_iter().collect();
    let boxes = serving(reader)?.into_iter().map(|below| {
        let silent = silent.contains(&PersonId::of_site(&below.called));
        (below.name.clone(), Heard { below, silent })
    });
    Ok(Known { last, waiting, boxes: boxes.collect() })
}

/// Every neighbour that is configured or was heard.
pub(super) fn lines(shared: &Shared, lang: Lang, known: &Known) -> Vec<LinkLine> {
    let (status, now) = (shared.upper.status(), shared.clock.now());
    let up = status.up().map(|up| fresh(upward(&up, known.last, lang), up.contact, (now, lang)));
    let mut below: BTreeMap<BoxId, Below> = status.below().into_iter().collect();
    for name in known.boxes.keys() {
        below.entry(name.clone()).or_default();
    }
    let below = below.iter().map(|(name, it)| {
        let line = fresh(downward(name.as_str(), it, lang), it.contact, (now, lang));
        known.boxes.get(name).map_or(line.clone(), |heard| up_to(line, heard, lang))
    });
    let waiting = known.waiting.iter().map(|of| kept_waiting(of, lang));
    let below = listed(below.collect(), lang);
    up.into_iter().chain(below).chain(waiting).collect()
}

/// The same, and since when it is no news any more: then it is not green, whatever was said before.
fn fresh(line: LinkLine, contact: Option<Timestamp>, (now, lang): (Timestamp, Lang)) -> LinkLine {
    let Some(at) = contact else { return LinkLine { green: false, ..line } };
    if now.since(at) <= STALE_AFTER {
        return line;
    }
    let since = clock_time(&at.to_string());
    let state = if lang.english() {
        format!("{}; no contact since {since}", line.state)
    } else {
        format!("{}；自 {since} 起无联系", line.state)
    };
    LinkLine { green: false, state, ..line }
}

/// Of many gateways those that are not green first, and how many are not listed.
fn listed(mut lines: Vec<LinkLine>, lang: Lang) -> Vec<LinkLine> {
    if lines.len() <= LISTED {
        return lines;
    }
    lines.sort_by_key(|line| line.green);
    let rest = lines.split_off(LISTED);
    let (count, done) = (rest.len(), rest.iter().filter(|line| line.green).count());
    let (state, detail) = if lang.english() {
        (
            format!("{count} further gateways"),
            format!("{done} of them have uploaded everything they told of"),
        )
    } else {
        (format!("另有 {count} 个网关"), format!("其中 {done} 个所报数据已全部收到"))
    };
    lines.push(LinkLine { name: "↓ …".to_owned(), green: done == count, state, detail });
    lines
}

/// What is not uploaded yet, in words; `None`: everything is.
pub(super) fn on_board(up: &Upward, last: CommitSeq, lang: Lang) -> Option<String> {
    let (waiting, contact) = (up.waiting(last), contact(up.contact, lang));
    (waiting > 0).then(|| {
        if up.uploaded.is_none() {
            let (state, detail) = unsaid(last, lang);
            return format!("{state}{}{detail}", if lang.english() { ": " } else { "；" });
        }
        if lang.english() {
            format!(
                "{waiting} facts are not uploaded yet, last contact {contact}: their days are the same at \
                 both ends once they are"
            )
        } else {
            format!("{waiting} 条尚未上传，最近联系 {contact}；上传后相关日期才会一致")
        }
    })
}

/// The sites whose gateway was not heard of late: whether their devices are connected is not known.
pub(super) fn unheard(shared: &Shared, known: &Known) -> BTreeSet<String> {
    let now = shared.clock.now();
    let below: BTreeMap<BoxId, Below> = shared.upper.status().below().into_iter().collect();
    let old = |at: Timestamp| now.since(at) > STALE_AFTER;
    let unheard = known
        .boxes
        .iter()
        .filter(|(name, _)| below.get(name).and_then(|it| it.contact).is_none_or(old));
    unheard.map(|(_, heard)| heard.below.called.clone()).collect()
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
    let Serving { called, until, .. } = &heard.below;
    let until = clock_time(&until.to_string());
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

/// The gateway above did not say since the start what it has.
fn unsaid(last: CommitSeq, lang: Lang) -> (String, String) {
    if lang.english() {
        (
            "the gateway above has not said since the start what it has".to_owned(),
            format!("how much of {} is uploaded is not known", last.0),
        )
    } else {
        ("启动后上级尚未确认".to_owned(), format!("共 {} 条，已上传多少未知", last.0))
    }
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
    if up.uploaded.is_none() {
        let (state, detail) = unsaid(last, lang);
        return LinkLine { name, green: false, state, detail };
    }
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
    if below.contact.is_none() {
        let (state, detail) = if lang.english() {
            ("was not heard since the start", "what waits there is not known")
        } else {
            ("启动后尚未联系", "该处待上传数未知")
        };
        let (state, detail) = (state.to_owned(), detail.to_owned());
        return LinkLine { name: format!("↓ {name}"), green: false, state, detail };
    }
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

#[cfg(test)]
mod tests {
    use std::{io::Write, time::Duration};

    use super::*;
    use crate::{
        domain::{BoxState, Level, Neighbour, Registered},
        store::{
            CarryChange, Change, Fact, Options, SqliteStore, Store,
            fixtures::{NOON, after_noon, alert, commit, id, registration},
        },
    };

    /// Sites of a county (DESIGN section 2), a gateway each.
    const BOXES: i64 = 1_628;

    fn gateway_of(number: i64) -> Fact {
        registration(Registered::Box(Neighbour {
            name: id(&format!("gw-{number:04}")),
            key: format!("ed25519:{}", "A".repeat(43)),
            site: Some(id(&format!("S{number:04}"))),
            serves: Vec::new(),
            state: if number == 7 { BoxState::Revoked } else { BoxState::Enabled },
            epoch: None,
            attributes: BTreeMap::new(),
        }))
    }

    #[test]
    fn what_was_said_is_green_as_long_as_it_is_news() {
        let line = LinkLine {
            name: "↓ gw-1".to_owned(),
            green: true,
            state: "所报数据已全部收到".to_owned(),
            detail: String::new(),
        };
        let shown = |minutes| fresh(line.clone(), Some(NOON), (after_noon(minutes), Lang::ZH));
        assert_eq!((shown(3).green, shown(3).state), (true, line.state.clone()));
        let told = "所报数据已全部收到；自 2026-03-02 12:00 起无联系";
        assert_eq!((shown(4).green, &*shown(4).state), (false, told));
        assert!(
            !fresh(line.clone(), None, (NOON, Lang::ZH)).green,
            "nobody said so since the start"
        );
    }

    /// Every third was never heard; every fourth is silent.
    #[test]
    fn a_county_of_gateways_is_asked_for_in_a_few_questions() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
        let rows: Vec<Fact> = (0..BOXES).map(gateway_of).collect();
        let heard = (0..BOXES).filter(|number| number % 3 != 0).map(|number| {
            let name = id(&format!("gw-{number:04}"));
            Change::Carry(Box::new(CarryChange::Heard(name, after_noon(number))))
        });
        commit(&mut store, &rows, &heard.collect::<Vec<_>>());
        let silent = (0..BOXES / 4).map(|number| {
            let whoever = PersonId::of_site(&format!("S{:04}", number * 4));
            alert(number, whoever.as_str(), None, Level::Yellow)
        });
        let changes: Vec<Change> = silent.map(|alert| Change::Alert(Box::new(alert))).collect();
        commit(&mut store, &[], &changes);
        let reader = store.reader();
        let begun = tokio::time::Instant::now();
        let known = known(reader.as_ref()).unwrap();
        let took = begun.elapsed();
        writeln!(std::io::stdout(), "{} boxes in {took:?}", known.boxes.len()).unwrap();
        assert_eq!(known.boxes.len(), usize::try_from(BOXES).unwrap() - 1);
        let of = |number: i64| known.boxes.get(&id(&format!("gw-{number:04}"))).unwrap();
        assert_eq!((of(3).below.until, of(3).silent), (NOON, false));
        assert_eq!((of(5).below.until, of(5).silent), (after_noon(5), false));
        assert_eq!((of(8).below.until, of(8).silent), (after_noon(8), true));
        assert_eq!(
            (&*of(12).below.called, of(12).below.until, of(12).silent),
            ("S0012", NOON, true)
        );
        assert!(took < Duration::from_secs(60), "{took:?}");
    }
}
