//! A person's blood pressures, drawn on the server: one bar a reading, from systolic (circle) to
//! diastolic (square), over the bands of that person's own lines. Whole numbers throughout.

use firmware_protocols::Decimal;

use super::words::Words;
use crate::{
    domain::{Level, Timestamp},
    serve::wire::{Line, Number, Reading},
};

/// Size of the drawing, in its own units.
const WIDTH: i64 = 640;
const HEIGHT: i64 = 260;
const LEFT: i64 = 36;
const BOTTOM: i64 = 24;

/// Least and greatest pressure that the axis always shows, in mmHg.
const FLOOR_MMHG: i64 = 40;
const CEILING_MMHG: i64 = 200;

/// mmHg in one kPa, times 100,000 (the rule pack's `mmhg_per_kpa`; DESIGN section 5).
const MMHG_PER_KPA_E5: i64 = 750_062;

/// A horizontal band beyond a line.
#[derive(Debug)]
pub(super) struct Band {
    pub(super) class: &'static str,
    pub(super) y: i64,
    pub(super) height: i64,
    pub(super) label: String,
    pub(super) dashed: bool,
}

/// One reading.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) x: i64,
    pub(super) top: i64,
    pub(super) bottom: i64,
    pub(super) rejected: bool,
    pub(super) typed: bool,
    /// Its time is only in an order, or unknown: drawn with a broken line.
    pub(super) unsure: bool,
    pub(super) title: String,
}

/// A chart, ready to be written as SVG.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) left: i64,
    pub(super) foot: i64,
    pub(super) bands: Vec<Band>,
    pub(super) bars: Vec<Bar>,
    pub(super) marks: Vec<(i64, i64)>,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) label: String,
}

struct Point<'a> {
    at: i64,
    systolic: i64,
    diastolic: i64,
    reading: &'a Reading,
}

/// The chart of a person's blood pressures; `None`: there are none.
pub(super) fn draw(readings: &[Reading], lines: &[Line], t: &Words) -> Option<Chart> {
    let mut points: Vec<Point<'_>> = readings.iter().filter_map(point).collect();
    points.sort_by_key(|point| point.at);
    let (first, last) = (points.first()?, points.last()?);
    let highest = points.iter().map(|point| point.systolic).max()?;
    let scale = Scale {
        from: first.at,
        to: last.at,
        top: highest.saturating_add(15).clamp(CEILING_MMHG, 350),
    };
    let setting = last.reading.setting.unwrap_or("clinic");
    let day = |point: &Point<'_>| point.reading.measured_at.get(..10).unwrap_or("").to_owned();
    let mut marks: Vec<(i64, i64)> =
        (40..=scale.top).filter(|mmhg| mmhg % 40 == 0).map(|mmhg| (mmhg, scale.y(mmhg))).collect();
    marks.reverse();
    Some(Chart {
        width: WIDTH,
        height: HEIGHT,
        left: LEFT,
        foot: HEIGHT - BOTTOM,
        bands: bands(lines, setting, &scale, t),
        bars: points.iter().map(|point| bar(point, &scale, t)).collect(),
        marks,
        first: day(first),
        last: day(last),
        label: format!("{} {} – {} mmHg", t.pressure, day(first), day(last)),
    })
}

struct Scale {
    from: i64,
    to: i64,
    top: i64,
}

impl Scale {
    fn x(&self, at: i64) -> i64 {
        let (room, span) = (WIDTH - LEFT - 16, self.to.saturating_sub(self.from));
        let along = at.saturating_sub(self.from).saturating_mul(room).checked_div(span);
        LEFT + 8 + along.unwrap_or(room / 2)
    }

    fn y(&self, mmhg: i64) -> i64 {
        let room = HEIGHT - BOTTOM - 8;
        let span = (self.top - FLOOR_MMHG).max(1);
        let below = self.top.saturating_sub(mmhg).clamp(0, span);
        8 + below.saturating_mul(room) / span
    }
}

fn point(reading: &Reading) -> Option<Point<'_>> {
    Some(Point {
        at: Timestamp::parse(&reading.measured_at)?.as_millis(),
        systolic: mmhg(reading.systolic?, reading.unit)?,
        diastolic: mmhg(reading.diastolic?, reading.unit)?,
        reading,
    })
}

/// Whole mmHg, half up, as the rule pack converts.
fn mmhg(number: Number, unit: &str) -> Option<i64> {
    let (mul, div) = if unit == "kPa" { (MMHG_PER_KPA_E5, 100_000) } else { (1, 1) };
    let rounded: Decimal = number.0.checked_mul_div_round_half_up(mul, div, 0)?;
    rounded.as_integer()
}

fn bar(point: &Point<'_>, scale: &Scale, t: &Words) -> Bar {
    let typed = point.reading.source == "typed";
    let by_hand = if typed { format!(" {}", t.typed) } else { String::new() };
    let when = super::page::clock_time(&point.reading.measured_at);
    let (systolic, diastolic) = (point.systolic, point.diastolic);
    let grade = t.grade(point.reading.grade).map(|grade| format!(" · {grade}")).unwrap_or_default();
    Bar {
        x: scale.x(point.at),
        top: scale.y(systolic),
        bottom: scale.y(diastolic),
        rejected: point.reading.status == "rejected",
        typed,
        unsure: matches!(point.reading.grade, "C" | "D"),
        title: format!("{when} {systolic}/{diastolic} {}{grade}{by_hand}", point.reading.site),
    }
}

/// The bands of one setting: each from its line up to the next, and the lines of the lower value
/// dashed.
fn bands(lines: &[Line], setting: &str, scale: &Scale, t: &Words) -> Vec<Band> {
    let of = |measure: &str| {
        let mut of: Vec<(&Line, i64)> = lines
            .iter()
            .filter(|line| line.measure == measure)
            .filter(|line| line.setting == setting || line.setting == "any")
            .filter_map(|line| Some((line, mmhg(line.from, &line.unit)?)))
            .collect();
        of.sort_by_key(|(_, from)| *from);
        of
    };
    let label = |line: &Line| if t.lang == "en" { &line.label_en } else { &line.label_zh }.clone();
    let systolic = of("systolic");
    let tops = systolic.iter().skip(1).map(|(_, from)| *from).chain([scale.top]);
    let mut bands: Vec<Band> = systolic
        .iter()
        .zip(tops)
        .map(|((line, from), to)| Band {
            class: class(line.level),
            y: scale.y(to),
            height: scale.y(*from).saturating_sub(scale.y(to)),
            label: format!("{} ≥{from}", label(line)),
            dashed: false,
        })
        .collect();
    bands.extend(of("diastolic").into_iter().map(|(line, from)| Band {
        class: class(line.level),
        y: scale.y(from),
        height: 0,
        label: format!("{} ≥{from}", label(line)),
        dashed: true,
    }));
    bands
}

const fn class(level: Level) -> &'static str {
    match level {
        Level::Red => "red",
        Level::Orange => "orange",
        Level::Yellow => "yellow",
        Level::Blue => "blue",
    }
}
