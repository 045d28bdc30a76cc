//! The codes of closed sets and of numbers on disk. Changing one makes old rows say something else.

use firmware_protocols::{DateTime, Decimal, Flags, Meal};
use smol_str::SmolStr;

use crate::{
    domain::{
        AlertState, Basis, CareLevel, Grade, Id, Level, OpenedBy, Road, Setting, SiteRole, Standing,
    },
    store::{Disposition, QuarantineReason, TimerKind},
};

pub(super) const GRADES: [Grade; 4] = [Grade::A, Grade::B, Grade::C, Grade::D];
pub(super) const fn grade(grade: Grade) -> i64 {
    match grade {
        Grade::A => 0,
        Grade::B => 1,
        Grade::C => 2,
        Grade::D => 3,
    }
}

pub(super) const LEVELS: [Level; 4] = [Level::Blue, Level::Yellow, Level::Orange, Level::Red];
pub(super) const fn level(level: Level) -> i64 {
    match level {
        Level::Blue => 0,
        Level::Yellow => 1,
        Level::Orange => 2,
        Level::Red => 3,
    }
}

pub(super) const SETTINGS: [Setting; 2] = [Setting::Home, Setting::Clinic];
pub(super) const fn setting(setting: Setting) -> i64 {
    match setting {
        Setting::Home => 0,
        Setting::Clinic => 1,
    }
}

pub(super) const ROADS: [Road; 5] =
    [Road::Serial, Road::Mqtt, Road::Broker, Road::Http, Road::Typed];
pub(super) const fn road(road: Road) -> i64 {
    match road {
        Road::Serial => 0,
        Road::Mqtt => 1,
        Road::Broker => 2,
        Road::Http => 3,
        Road::Typed => 4,
    }
}

pub(super) const BASES: [Basis; 5] =
    [Basis::Payload, Basis::BenchSession, Basis::DeviceOwner, Basis::Claim, Basis::DeviceSlot];
pub(super) const fn basis(basis: Basis) -> i64 {
    match basis {
        Basis::Payload => 0,
        Basis::BenchSession => 1,
        Basis::DeviceOwner => 2,
        Basis::Claim => 3,
        Basis::DeviceSlot => 4,
    }
}

/// What opened a session; nothing for a reader without a name.
pub(super) fn opened_by(opened_by: &OpenedBy) -> Option<String> {
    match opened_by {
        OpenedBy::Reader(None) => None,
        OpenedBy::Reader(Some(name)) => Some(format!("reader {name}")),
        OpenedBy::Staff(who) => Some(format!("staff {who}")),
    }
}

/// What opened a session, from its column; `None` where it says nothing that opens one.
pub(super) fn opened_by_text(text: &str) -> Option<OpenedBy> {
    match text.split_once(' ')? {
        ("reader", name) => Id::new(name).ok().map(|name| OpenedBy::Reader(Some(name))),
        ("staff", who) => Some(OpenedBy::Staff(SmolStr::new(who))),
        _ => None,
    }
}

pub(super) const STANDINGS: [Standing; 2] = [Standing::Stored, Standing::Rejected];
pub(super) const fn standing(standing: Standing) -> i64 {
    match standing {
        Standing::Stored => 0,
        Standing::Rejected => 1,
    }
}

pub(super) const MEALS: [Meal; 6] =
    [Meal::Unknown, Meal::Fasting, Meal::BeforeMeal, Meal::AfterMeal, Meal::Random, Meal::Bedtime];
pub(super) const fn meal(meal: Meal) -> i64 {
    match meal {
        Meal::Unknown => 0,
        Meal::Fasting => 1,
        Meal::BeforeMeal => 2,
        Meal::AfterMeal => 3,
        Meal::Random => 4,
        Meal::Bedtime => 5,
    }
}

pub(super) const STATES: [AlertState; 8] = [
    AlertState::Open,
    AlertState::Acknowledged,
    AlertState::Planned,
    AlertState::Visited,
    AlertState::Closed,
    AlertState::Withdrawn,
    AlertState::Superseded,
    AlertState::Merged,
];
pub(super) const fn state(state: AlertState) -> &'static str {
    match state {
        AlertState::Open => "open",
        AlertState::Acknowledged => "acknowledged",
        AlertState::Planned => "planned",
        AlertState::Visited => "visited",
        AlertState::Closed => "closed",
        AlertState::Withdrawn => "withdrawn",
        AlertState::Superseded => "superseded",
        AlertState::Merged => "merged",
    }
}

pub(super) const STEPS: [CareLevel; 4] =
    [CareLevel::Village, CareLevel::Township, CareLevel::County, CareLevel::City];
pub(super) const fn step(step: CareLevel) -> &'static str {
    match step {
        CareLevel::Village => "village",
        CareLevel::Township => "township",
        CareLevel::County => "county",
        CareLevel::City => "city",
    }
}

pub(super) const ROLES: [SiteRole; 4] =
    [SiteRole::Van, SiteRole::Clinic, SiteRole::Township, SiteRole::Home];
pub(super) const fn site_role(role: SiteRole) -> &'static str {
    match role {
        SiteRole::Van => "van",
        SiteRole::Clinic => "clinic",
        SiteRole::Township => "township",
        SiteRole::Home => "home",
    }
}

pub(super) const REASONS: [QuarantineReason; 12] = [
    QuarantineReason::NoPerson,
    QuarantineReason::UnknownPerson,
    QuarantineReason::UnknownUnit,
    QuarantineReason::UnknownKind,
    QuarantineReason::Conflict,
    QuarantineReason::Implausible,
    QuarantineReason::UnknownCard,
    QuarantineReason::OtherCounty,
    QuarantineReason::SessionChanged,
    QuarantineReason::NoMeasurement,
    QuarantineReason::BetweenPeople,
    QuarantineReason::UnprovenTime,
];

pub(super) const DISPOSITIONS: [Disposition; 3] =
    [Disposition::Opened, Disposition::Joined, Disposition::Held];
pub(super) const fn disposition(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Opened => "opened",
        Disposition::Joined => "joined",
        Disposition::Held => "held",
    }
}

pub(super) const TIMERS: [TimerKind; 1] = [TimerKind::AckDeadline];
pub(super) const fn timer(kind: TimerKind) -> &'static str {
    match kind {
        TimerKind::AckDeadline => "ack_deadline",
    }
}

/// Quality marks as the bits that the domain gives them.
pub(super) fn flags(flags: Flags) -> i64 {
    let bits = crate::domain::flag_bits(flags).into_iter();
    bits.filter(|(_, _, set)| *set).map(|(_, bit, _)| i64::from(bit)).sum()
}

pub(super) const fn flags_from(bits: i64) -> Flags {
    Flags {
        body_movement: bits & 1 != 0,
        cuff_too_loose: bits & 2 != 0,
        improper_position: bits & 4 != 0,
        irregular_pulse: bits & 8 != 0,
        pulse_out_of_range: bits & 16 != 0,
    }
}

/// Digits that surely read back into a decimal's mantissa.
const DIGITS_SAFE: usize = 18;

/// A decimal as it prints; where that has more digits than can be read back, with an exponent.
pub(super) fn decimal(value: Decimal) -> String {
    let plain = value.to_string();
    if plain.len() <= DIGITS_SAFE {
        plain
    } else {
        format!("{}e{}", value.mantissa(), value.exponent())
    }
}

/// A device's own clock, as `2026-03-02T07:10:00`.
pub(super) fn clock(text: &str) -> Option<DateTime> {
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let small = |from: usize| {
        let to = from.checked_add(2)?;
        u8::try_from(part(from, to)?).ok()
    };
    DateTime::new(part(0, 4)?, small(5)?, small(8)?, small(11)?, small(14)?, small(17)?).ok()
}
