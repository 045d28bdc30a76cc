//! What a place answers for: each share as a bar, with the months before it.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};

use super::page::{Guest, Lang, Page, Refused, clock_time};
use crate::serve::{describe, extract::Asked, scope::Right, shared::Shared, wire};

/// Width of a whole bar, in the units of the picture.
const WHOLE: u64 = 300;
/// Height of a month's column.
const HIGH: u64 = 40;
/// Room of one month.
const STEP: u64 = 22;

/// A share's name, and what is above, below and left out.
type Said = (&'static str, &'static str, &'static str, &'static str);

const ZH: [Said; 6] = [
    ("签约率", "家庭医生已签约", "在册居民", "已故"),
    ("高血压规范管理率", "一年内随访至少4天", "一年内有随访的高血压患者", "一年内无随访"),
    ("糖尿病规范管理率", "一年内空腹血糖至少4天", "一年内有随访的糖尿病患者", "一年内无随访"),
    ("血压控制率（国家规范）", "最近一次血压达标", "一年内有随访的高血压患者", "一年内无随访"),
    ("血糖控制率（国家规范）", "最近一次空腹血糖达标", "一年内有随访的糖尿病患者", "一年内无随访"),
    (
        "血压控制率（HEARTS，近三个月）",
        "近三个月最后一次血压低于140/90",
        "登记满三个月、一年内有随访的高血压患者",
        "新登记、失访、已故、登记时间不明",
    ),
];

const EN: [Said; 6] = [
    ("Contracted", "a doctor has signed for the household", "registered people", "dead"),
    (
        "Hypertension managed to the norm",
        "4 days or more with a visit in the year",
        "hypertensives with a visit in the year",
        "no visit in the year",
    ),
    (
        "Diabetes managed to the norm",
        "4 days or more with a fasting value in the year",
        "diabetics with a visit in the year",
        "no visit in the year",
    ),
    (
        "Blood pressure controlled (national norm)",
        "last pressure under the line",
        "hypertensives with a visit in the year",
        "no visit in the year",
    ),
    (
        "Glucose controlled (national norm)",
        "last fasting value under the line",
        "diabetics with a visit in the year",
        "no visit in the year",
    ),
    (
        "Blood pressure controlled (HEARTS, quarter)",
        "under 140/90 at the last visit of the quarter",
        "hypertensives registered before the quarter and seen within the year",
        "newly registered, lost, dead, registration unknown",
    ),
];

const CATEGORIES_ZH: [&str; 7] =
    ["已控制", "未控制", "近三个月未随访", "失访", "新登记", "已故", "登记时间不明"];
const CATEGORIES_EN: [&str; 7] = [
    "controlled",
    "uncontrolled",
    "no visit in the quarter",
    "lost to follow-up",
    "newly registered",
    "dead",
    "registration unknown",
];

#[derive(Debug)]
struct Bar {
    said: Said,
    /// As `63.2 %`, or a dash.
    percent: String,
    share: wire::Share,
    /// Units of [`WHOLE`].
    long: u64,
    months: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    x: u64,
    y: u64,
    high: u64,
    name: String,
    percent: String,
}

#[derive(Debug)]
struct Category {
    name: &'static str,
    count: u64,
    long: u64,
}

#[derive(Template)]
#[template(path = "indicators.html")]
struct IndicatorsPage {
    page: Page,
    title: &'static str,
    as_of: Option<String>,
    labels: [&'static str; 6],
    month: String,
    bars: Vec<Bar>,
    categories: Vec<Category>,
}

/// `/lite/indicators`
pub(in crate::serve) async fn indicators(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
    Asked(asked): Asked<wire::IndicatorsAsked>,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::ReadIndicators)?;
    let english = lang.english();
    let title = lang.words.indicators;
    let page = Page::new(&shared, lang, Some(&caller), title);
    let place = asked.place.filter(|place| !place.is_empty());
    let counted = shared.indicators.borrow().clone();
    let all = (Some("0000-00"), None);
    let told = describe::indicators(counted.as_deref(), &caller.reach.board, place.as_deref(), all);
    let page = IndicatorsPage {
        page,
        title,
        as_of: told.as_of.as_deref().map(clock_time),
        labels: if english {
            ["Counted", "of", "left out", "being counted for the first time", "Month", "people"]
        } else {
            ["统计时间", "分母", "不计入", "首次统计尚未完成", "月份", "人"]
        },
        month: told.months.last().map(|month| month.month.clone()).unwrap_or_default(),
        bars: bars(&told.months, if english { EN } else { ZH }),
        categories: categories(&told.months, if english { CATEGORIES_EN } else { CATEGORIES_ZH }),
    };
    page.page.answer(&page)
}

const fn shares(month: &wire::IndicatorMonth) -> [wire::Share; 6] {
    [
        month.contracted,
        month.hypertension_managed,
        month.diabetes_managed,
        month.blood_pressure_controlled,
        month.glucose_controlled,
        month.hearts_controlled,
    ]
}

fn bars(months: &[wire::IndicatorMonth], said: [Said; 6]) -> Vec<Bar> {
    let Some(newest) = months.last() else { return Vec::new() };
    let bar = |(place, (said, share)): (usize, (Said, wire::Share))| {
        let columns = months.iter().zip(0_u64..).filter_map(|(month, number)| {
            let share = *shares(month).get(place)?;
            let high = share.per_mille.unwrap_or(0).saturating_mul(HIGH) / 1000;
            Some(Column {
                x: number.saturating_mul(STEP),
                y: HIGH.saturating_sub(high),
                high,
                name: month.month.clone(),
                percent: percent(share),
            })
        });
        Bar {
            said,
            percent: percent(share),
            share,
            long: share.per_mille.unwrap_or(0).saturating_mul(WHOLE) / 1000,
            months: columns.collect(),
        }
    };
    said.into_iter().zip(shares(newest)).enumerate().map(bar).collect()
}

fn categories(months: &[wire::IndicatorMonth], names: [&'static str; 7]) -> Vec<Category> {
    let Some(newest) = months.last() else { return Vec::new() };
    let hearts = newest.hearts;
    let counts = [
        hearts.controlled,
        hearts.uncontrolled,
        hearts.no_visit,
        hearts.lost_to_follow_up,
        hearts.newly_registered,
        hearts.dead,
        hearts.unknown,
    ];
    let all: u64 = counts.iter().sum();
    let category = |(name, count): (&'static str, u64)| {
        let long = count.saturating_mul(WHOLE).checked_div(all).unwrap_or(0);
        Category { name, count, long }
    };
    names.into_iter().zip(counts).map(category).collect()
}

fn percent(share: wire::Share) -> String {
    share.per_mille.map_or_else(
        || "–".to_owned(),
        |thousandths| format!("{}.{} %", thousandths / 10, thousandths % 10),
    )
}
