//! What the readings of one delivery tell of each other's times.
//!
//! A clock that was asked at the read-out has a measured offset, which holds for every record since
//! it was set last. Where clocks fail, the order in which the device made its records is still
//! known: estimates then lie between the neighbours whose times are known, in that order, and keep
//! the distances that the device's own clock tells.

use firmware_protocols::DateTime;
use smol_str::ToSmolStr;

use super::{CLOCK_TOLERANCE, Stated, never_set};
use crate::{
    domain::{Grade, Measured, Millis, Reading, Timestamp},
    intake::Item,
};

/// Estimates of two records are at least so far apart: equal ones would be in no order.
const STEP: Millis = Millis(1);

/// Clocks that tell no seconds show the minute they are in.
const MINUTE: Millis = Millis::minutes(1);

/// A device's clock, asked while its memory was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockCheck {
    /// What it showed, on the clocks of China.
    pub shown: Timestamp,
    /// When it showed that.
    pub at: Timestamp,
}

impl ClockCheck {
    /// The check of a clock that showed an instant; `None` where it has no place in time.
    #[must_use]
    pub fn of(shown: DateTime, at: Timestamp) -> Option<Self> {
        let shown = Stated::read(&shown.to_smolstr())?.instant();
        Some(Self { shown, at })
    }
}

/// What is known of the order of a delivery's readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::admit) enum Order {
    /// They stand oldest first.
    OldestFirst,
    /// As the device numbers them, where it does.
    Numbered,
}

/// Corrects the estimates of a delivery's readings by what they and the clock tell together.
pub(in crate::admit) fn settle(items: &mut [Item], order: Order, check: Option<ClockCheck>) {
    let mut rest: Vec<&mut Reading> = items.iter_mut().filter_map(reading).collect();
    while let Some(first) = rest.first() {
        let device = first.device.clone();
        let (mut own, others) = rest.into_iter().partition(|one| one.device == device);
        rest = others;
        match order {
            Order::OldestFirst => settle_device(&mut own, order, check),
            Order::Numbered => settle_numbered(own),
        }
    }
}

fn reading(item: &mut Item) -> Option<&mut Reading> {
    match item {
        Item::Reading(reading) => Some(reading),
        Item::Quarantined(held) => held.reading.as_deref_mut(),
        Item::Unnumbered(_)
        | Item::Refused(_)
        | Item::Event(_)
        | Item::Card(_)
        | Item::Presence(_)
        | Item::Context(_) => None,
    }
}

/// Readings of one device, in the order of their numbers: within an epoch any order of arrival will
/// do. Without one the counter may have begun anew, so they must stand in their order, either way.
fn settle_numbered(mut own: Vec<&mut Reading>) {
    own.retain(|reading| reading.sequence.is_some());
    let number = |reading: &Reading| reading.sequence.map(|sequence| sequence.number);
    while let Some(first) = own.first() {
        let epoch = first.sequence.and_then(|sequence| sequence.epoch);
        let (mut lot, others): (Vec<_>, _) = own
            .into_iter()
            .partition(|one| one.sequence.and_then(|sequence| sequence.epoch) == epoch);
        own = others;
        let rising = lot.is_sorted_by(|a, b| number(a) < number(b));
        let falling = lot.is_sorted_by(|a, b| number(a) > number(b));
        if epoch.is_none() && !rising && !falling {
            continue;
        }
        lot.sort_by_key(|reading| number(reading));
        settle_device(&mut lot, Order::Numbered, None);
    }
}

fn settle_device(own: &mut [&mut Reading], order: Order, check: Option<ClockCheck>) {
    let told: Vec<_> = own.iter().map(|reading| Told::of(reading)).collect();
    let Some(received_at) = own.first().map(|reading| reading.received_at) else { return };
    for (reading, measured) in own.iter_mut().zip(estimates(&told, received_at, (order, check))) {
        reading.measured = measured;
    }
}

/// What one record tells.
#[derive(Debug, Clone, Copy)]
struct Told {
    stated: Option<Stated>,
    /// The estimate from itself alone.
    alone: Measured,
}

impl Told {
    fn of(reading: &Reading) -> Self {
        let stated = reading.device_time.as_deref().and_then(Stated::read);
        Self { stated, alone: reading.measured }
    }

    fn naive(&self) -> Option<Timestamp> {
        match self.stated {
            Some(Stated::Naive(at)) => Some(at),
            Some(Stated::Absolute(_)) | None => None,
        }
    }
}

/// The estimates of records in their order, oldest first.
fn estimates(
    told: &[Told],
    received_at: Timestamp,
    (order, check): (Order, Option<ClockCheck>),
) -> Vec<Measured> {
    let mut known: Vec<_> = told.iter().map(|one| own_time(one, check)).collect();
    if let Some(check) = check {
        apply_check(told, &mut known, (check, received_at));
    }
    if told.len() < 2 {
        let unknown = Measured { at: received_at, grade: Grade::D };
        return known.into_iter().map(|known| known.unwrap_or(unknown)).collect();
    }
    let kept = in_order(&known);
    let count = |all: &[Option<Measured>]| all.iter().flatten().count();
    if order == Order::Numbered && count(&kept).saturating_mul(2) < count(&known) {
        // Numbers that most of the times contradict tell no order.
        return told.iter().map(|one| one.alone).collect();
    }
    let mut estimates = fill(told, &kept, received_at);
    keep_apart(&mut estimates);
    estimates
}

/// What is known of a record's time before its neighbours are asked. Beside a clock that was asked,
/// a naive time is worth what that says.
fn own_time(told: &Told, check: Option<ClockCheck>) -> Option<Measured> {
    let known = match told.alone.grade {
        Grade::A | Grade::B => true,
        Grade::C => check.is_none(),
        Grade::D => false,
    };
    known.then_some(told.alone)
}

/// Applies a clock's offset to every record since it was set last: back to where the times run
/// backwards, or where a clock that was never set became one that is. A clock that is wrong and
/// shows what several records state stands still, and says nothing.
fn apply_check(
    told: &[Told],
    known: &mut [Option<Measured>],
    (check, received_at): (ClockCheck, Timestamp),
) {
    let offset = check.at.since(check.shown);
    let right = offset.0.abs() <= CLOCK_TOLERANCE.0;
    let is_set = !never_set(check.shown, received_at);
    let mut latest = check.shown.plus(MINUTE);
    let now_too = |one: &&Told| one.naive().is_some_and(|at| check.shown.since(at) < MINUTE);
    let stands_still = told.iter().rev().take_while(now_too).count() > 1;
    let mut holds = right || !stands_still;
    for (one, known) in told.iter().zip(known).rev() {
        let Some(stated) = one.naive() else { continue };
        holds &= stated <= latest && !(is_set && never_set(stated, received_at));
        *known = holds.then(|| {
            if right {
                Measured { at: stated, grade: Grade::A }
            } else {
                Measured { at: stated.plus(offset), grade: Grade::B }
            }
        });
        latest = latest.min(stated);
    }
}

/// Of the known times, the most that agree with the order; of several such choices the one that ends
/// with the newest records, whose clock was seen last. The rest are unknown.
fn in_order(known: &[Option<Measured>]) -> Vec<Option<Measured>> {
    let times: Vec<_> = known
        .iter()
        .enumerate()
        .filter_map(|(place, known)| Some((place, known.as_ref()?.at)))
        .collect();
    // Patience: the smallest last time of a choice of each length, and what stands before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(times.len());
    for (index, (_, at)) in times.iter().enumerate() {
        let fits = |end: &usize| times.get(*end).is_some_and(|(_, last)| last <= at);
        let length = ends.partition_point(fits);
        before.push(length.checked_sub(1).and_then(|one| ends.get(one).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut kept = vec![None; known.len()];
    let mut next = ends.last().copied();
    while let Some(index) = next {
        if let Some((place, _)) = times.get(index)
            && let (Some(kept), Some(known)) = (kept.get_mut(*place), known.get(*place))
        {
            *kept = *known;
        }
        next = before.get(index).copied().flatten();
    }
    kept
}

/// Gives every record without a known time one between its neighbours'.
fn fill(told: &[Told], kept: &[Option<Measured>], received_at: Timestamp) -> Vec<Measured> {
    let mut filled: Vec<Measured> = Vec::with_capacity(told.len());
    let mut rest = told.iter().zip(kept).peekable();
    let mut gap: Vec<Told> = Vec::new();
    while let Some((one, known)) = rest.next() {
        if let Some(known) = known {
            filled.push(*known);
            continue;
        }
        gap.push(*one);
        let after = rest.peek().map(|(_, known)| **known);
        if matches!(after, Some(None)) {
            continue;
        }
        let end = after.flatten().map_or(received_at, |next| next.at.minus(STEP));
        let begin = filled.last().map(|last| last.at);
        filled.extend(spread(&gap, begin, end));
        gap.clear();
    }
    filled
}

/// Records between two instants, as late as can be, at the distances that their own clock tells;
/// closer together where that is too long.
fn spread(gap: &[Told], begin: Option<Timestamp>, end: Timestamp) -> Vec<Measured> {
    let mut back = Millis::ZERO;
    let mut backs = vec![back];
    for pair in gap.windows(2).rev() {
        let [earlier, later] = pair else { continue };
        back = Millis(back.0.saturating_add(distance(earlier, later).0));
        backs.push(back);
    }
    backs.reverse();
    let room = begin.map(|begin| end.since(begin).0.max(0));
    let squeezed = |back: Millis| match room {
        Some(room) if backs.first().is_some_and(|first| first.0 > room) => {
            let total = backs.first().map_or(1, |first| first.0.max(1));
            let part = i128::from(back.0) * i128::from(room) / i128::from(total);
            Millis(i64::try_from(part).unwrap_or(room))
        }
        Some(_) | None => back,
    };
    let at = |back: &Millis| Measured { at: end.minus(squeezed(*back)), grade: Grade::C };
    backs.iter().map(at).collect()
}

/// How long after the earlier record the later one was made, by the device's own clock: not at all
/// where that says nothing, or was set in between.
fn distance(earlier: &Told, later: &Told) -> Millis {
    const LONGEST: Millis = Millis::days(366);
    let told = earlier.naive().zip(later.naive());
    let apart = told.map(|(earlier, later)| later.since(earlier));
    apart.filter(|apart| (STEP..=LONGEST).contains(apart)).unwrap_or(STEP)
}

/// Equal times, and those that squeezing made equal, are moved on by the least that tells them apart.
fn keep_apart(estimates: &mut [Measured]) {
    let mut last: Option<Timestamp> = None;
    for one in estimates {
        if let Some(last) = last.filter(|last| *last >= one.at) {
            one.at = last.plus(STEP);
        }
        last = Some(one.at);
    }
}
