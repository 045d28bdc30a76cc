//! Why an alert opened, in words a doctor reads: the input, the line, the pack.

use super::pack::{Pack, Rule};
use crate::domain::{Millis, Reason, Setting};

/// What was found and which number it crossed, in both languages, without the line's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub zh: String,
    pub en: String,
}

impl Words {
    /// The whole sentence.
    pub(super) fn reason(self, pack: &Pack, rule: Option<&Rule>, late: bool) -> Reason {
        let (name, zh, en) =
            rule.map_or(("", "", ""), |rule| (rule.name.as_str(), rule.zh.as_str(), &rule.en));
        let hours = in_hours(pack.stale_after());
        let (late_zh, late_en) = if late {
            (format!("测量后超过{hours}小时才收到。"), format!(" Stored over {hours} h late."))
        } else {
            (String::new(), String::new())
        };
        let title = pack.title();
        Reason {
            line: name.into(),
            zh: format!("{zh}：{}。{late_zh}依据{name}，规则包{title}。", self.zh),
            en: format!("{en}: {}.{late_en} Line {name} of {title}.", self.en),
        }
    }
}

/// Whole minutes of a length of time.
pub(super) const fn in_minutes(length: Millis) -> i64 {
    length.0 / Millis::minutes(1).0
}

/// Whole hours of a length of time.
pub(super) const fn in_hours(length: Millis) -> i64 {
    length.0 / Millis::hours(1).0
}

/// Whole days of 24 hours of a length of time.
pub(super) const fn in_days(length: Millis) -> i64 {
    length.0 / Millis::days(1).0
}

/// 家庭 or 诊室.
pub(super) const fn setting_zh(setting: Setting) -> &'static str {
    match setting {
        Setting::Home => "家庭",
        Setting::Clinic => "诊室",
    }
}

/// home or clinic.
pub(super) const fn setting_en(setting: Setting) -> &'static str {
    match setting {
        Setting::Home => "home",
        Setting::Clinic => "clinic",
    }
}
