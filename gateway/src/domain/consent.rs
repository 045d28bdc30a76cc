//! What a person agreed to, read from the column `consent` of their row (personal-information law,
//! articles 28 and 29; ATTACKS 2.1).
//!
//! `yes`, or what they agreed to by name, each with its days: `messages@2026-01-01..2026-12-31`.
//! `no`, `refused`, `withdrawn`, `no_messages` end it. Who entered a row and when stands with the
//! row, so the history of consent is the history of the row. What is written in other words agrees to
//! nothing, unless its words refuse: a refusal that was written clumsily must not be overlooked.

use super::Timestamp;

/// What consent is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A message about them leaves through somebody else's hands: never with a name or a value.
    Messages,
}

impl Use {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
        }
    }
}

/// How a person stands to a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// They agreed.
    Given,
    /// Nobody asked them, or what was written says nothing of it.
    NotAsked,
    /// They refused, or took it back.
    Withdrawn,
}

const YES: [&str; 5] = ["yes", "all", "同意", "是", "已签署"];
const NO: [&str; 6] = ["no", "none", "refused", "withdrawn", "否", "无"];

/// Parts of words that refuse, wherever they stand.
const REFUSING: [&str; 6] = ["不同意", "未同意", "拒绝", "撤", "refus", "withdr"];

impl Consent {
    /// How the text of a row stands to a use at an instant. A refusal outweighs whatever was given.
    #[must_use]
    pub fn of(text: &str, asked: Use, at: Timestamp) -> Self {
        let day = at.to_string().get(..10).unwrap_or_default().to_owned();
        let mut consent = Self::NotAsked;
        for item in text.split('|').map(str::trim).filter(|item| !item.is_empty()) {
            let (code, span) = item.split_once('@').unwrap_or((item, ".."));
            let (from, until) = span.split_once("..").unwrap_or((span, ""));
            let (from, until) = (from.trim(), until.trim());
            // Days are written alike, so that they are in the order of their letters.
            let begun = from.is_empty() || from <= day.as_str();
            let ended = !until.is_empty() && until < day.as_str();
            if !begun || ended {
                continue;
            }
            let code = code.trim().to_lowercase();
            let named = code.strip_prefix("no_").or_else(|| code.strip_prefix("no-"));
            if NO.contains(&code.as_str())
                || named == Some(asked.as_str())
                || REFUSING.iter().any(|word| code.contains(word))
            {
                return Self::Withdrawn;
            }
            if YES.contains(&code.as_str()) || code == asked.as_str() {
                consent = Self::Given;
            }
        }
        consent
    }

    /// Whether the use may happen. `required`: silence is no consent.
    #[must_use]
    pub const fn allows(self, required: bool) -> bool {
        match self {
            Self::Given => true,
            Self::NotAsked => !required,
            Self::Withdrawn => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Consent) {
        let at = Timestamp::parse("2026-03-02T23:30:00+08:00").unwrap();
        assert_eq!(Consent::of(text, Use::Messages, at), expected, "{text:?}");
    }

    #[test]
    fn what_was_agreed_to_holds_on_its_days() {
        for text in ["yes", "Yes", "同意", "messages", "research|messages", "all@2026-01-01.."] {
            check(text, Consent::Given);
        }
        check("messages@2026-03-02..2026-03-02", Consent::Given);
        check("messages@2026-03-03..", Consent::NotAsked);
        check("messages@2025-01-01..2026-03-01", Consent::NotAsked);
        for text in ["", " | ", "research", "signed on paper"] {
            check(text, Consent::NotAsked);
        }
    }

    #[test]
    fn a_refusal_outweighs_and_is_seen_in_any_words() {
        for text in [
            "no",
            "withdrawn",
            "withdrawn@2026-03-02",
            "yes|no_messages",
            "no-messages|yes",
            "yes@2025-01-01..|withdrawn@2026-01-01..",
            "已撤回",
            "本人不同意",
            "拒绝",
            "refused by telephone",
        ] {
            check(text, Consent::Withdrawn);
        }
        check("yes|withdrawn@2026-03-03..", Consent::Given);
        check("no_research|yes", Consent::Given);
    }

    #[test]
    fn silence_is_consent_only_where_it_is_not_required() {
        for (consent, required, allowed) in [
            (Consent::Given, true, true),
            (Consent::NotAsked, false, true),
            (Consent::NotAsked, true, false),
            (Consent::Withdrawn, false, false),
        ] {
            assert_eq!(consent.allows(required), allowed, "{consent:?} {required}");
        }
    }
}
