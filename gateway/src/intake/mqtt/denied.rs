//! What the auditor is told of those who were refused. Never waits: what floods in is told by number.

use std::net::IpAddr;

use smol_str::{SmolStr, format_smolstr};

use super::shared::{Door, Shared};
use crate::{
    audit::{Entry, Kind},
    intake::{Identity, Rights},
};

/// Longest part of a topic or a name that is kept.
const KEPT_MAX: usize = 100;

/// Digits from which on a level of a topic may be a person's number: it is not kept.
const NUMBER_DIGITS: usize = 11;

/// Not known who it is, or what they say of themselves is not true.
pub(super) const UNKNOWN: u16 = 401;

/// Known, and not allowed.
pub(super) const FORBIDDEN: u16 = 403;

/// Somebody was refused.
#[derive(Debug)]
pub(super) struct Denial<'a> {
    /// What they tried.
    pub(super) act: &'static str,
    /// At what, as they wrote it.
    pub(super) object: &'a str,
    /// The box of ours that it is about, as the registry calls it.
    pub(super) of: Option<&'a str>,
    /// As HTTP has it.
    pub(super) outcome: u16,
    /// Who.
    pub(super) by: By<'a>,
}

/// Who was refused.
#[derive(Debug)]
pub(super) enum By<'a> {
    /// Nobody knows, but where they come from.
    Stranger(Option<IpAddr>),
    /// Somebody who logged in, and by what.
    Known(&'a Identity, &'a SmolStr),
}

impl Shared {
    /// Tells the auditor.
    pub(super) fn tell(&self, denial: &Denial<'_>) {
        let Some(refusals) = &self.wiring.refusals else { return };
        let Denial { act, object, of, outcome, by } = denial;
        let none = SmolStr::default;
        let (role, who, via) = match by {
            By::Stranger(from) => (none(), none(), came_from(*from)),
            By::Known(identity, via) => {
                (role(&identity.rights).into(), identity.name.clone(), SmolStr::clone(via))
            }
        };
        // A name from our own registry is no number of a person, whatever digits it has.
        let object = match of {
            Some(of) => format_smolstr!("{}: {of}", kept(object)),
            None => kept(object),
        };
        let act = SmolStr::new_static(act);
        let (kind, whom) = (Kind::Denied, Vec::new());
        refusals.tell(Entry { kind, role, who, via, act, object, whom, outcome: *outcome });
    }
}

/// By what somebody is known who logged in over a door.
pub(super) fn via(door: Door, from: Option<IpAddr>) -> SmolStr {
    match door {
        Door::Tls(Some(key)) => format_smolstr!("certificate:{}", key.fingerprint()),
        Door::Tls(None) | Door::Plain => came_from(from),
    }
}

fn came_from(from: Option<IpAddr>) -> SmolStr {
    from.map_or_else(SmolStr::default, |from| format_smolstr!("ip:{from}"))
}

/// The role whose token lets in who has these rights.
const fn role(rights: &Rights) -> &'static str {
    match rights {
        Rights::Device { .. } | Rights::Gateway { .. } => "device",
        Rights::Doctor(_) => "doctor",
        Rights::Operator => "operator",
        Rights::Anyone => "",
    }
}

/// A topic or a name as it may stand in the log: visible, short, and without numbers of people.
fn kept(text: &str) -> SmolStr {
    let level = |level: &str| {
        let digits = level.bytes().filter(u8::is_ascii_digit).count();
        if digits >= NUMBER_DIGITS { "?".to_owned() } else { level.escape_default().to_string() }
    };
    let levels: Vec<_> = text.split('/').take(KEPT_MAX).map(level).collect();
    levels.join("/").chars().take(KEPT_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(kept(text), expected, "{text:?}");
    }

    #[test]
    fn what_somebody_wrote_is_kept_short_visible_and_without_numbers_of_people() {
        check("xz/1/van/cuff/reading", "xz/1/van/cuff/reading");
        check("$share/g/#", "$share/g/#");
        check("/xz//", "/xz//");
        check("a\u{202e}b\n\u{1b}[2J", "a\\u{202e}b\\n\\u{1b}[2J");
        check("xz/1/52212319991231002X/x", "xz/1/?/x");
        check(&"x".repeat(60_000), &"x".repeat(KEPT_MAX));
        check(&"/".repeat(60_000), &"/".repeat(KEPT_MAX - 1));
    }
}
