//! What waits in quarantine, and what was refused.

use super::reading::{reading, road};
use crate::{
    serve::wire,
    store::{
        CommitSeq, Decided, Decision,
        view::{HeldQuarantine, HeldRefusal},
    },
};

/// An item of quarantine; without clinical rights only that it waits, and why.
pub(in crate::serve) fn quarantined(
    held: &HeldQuarantine,
    clinical: bool,
    suggestions: Vec<wire::Suggestion>,
) -> wire::QuarantineItem {
    let (raw, raw_encoding) = written(&held.raw);
    wire::QuarantineItem {
        id: held.seq.0.to_string(),
        reason: held.reason.as_str(),
        detail: clinical.then(|| held.detail.clone()),
        state: held.state().as_str(),
        decision: held
            .decided
            .as_ref()
            .filter(|_| clinical)
            .map(|(seq, about)| decided(*seq, about)),
        received_at: held.received_at.to_string(),
        raw: clinical.then_some(raw),
        raw_encoding,
        device: held.origin.device.as_ref().map(ToString::to_string),
        site: held.origin.site.as_ref().map(ToString::to_string),
        source: road(held.origin.road),
        reading: held.reading.as_ref().filter(|_| clinical).map(|stored| reading(held.seq, stored)),
        suggestions,
    }
}

/// A decision about an item of quarantine.
pub(in crate::serve) fn decided(seq: CommitSeq, decided: &Decided) -> wire::Decision {
    let (person, undoes) = match &decided.decision {
        Decision::Claimed(person) => (Some(person.to_string()), None),
        Decision::Dismissed => (None, None),
        Decision::Undone(seq) => (None, Some(seq.0.to_string())),
    };
    wire::Decision {
        id: seq.0.to_string(),
        item: decided.item.0.to_string(),
        decision: decided.decision.as_str(),
        person,
        undoes,
        reason: decided.reason.clone(),
        by: decided.by.to_string(),
        at: decided.at.to_string(),
    }
}

/// A refused delivery; without clinical rights only that it was refused, and why.
pub(in crate::serve) fn refused(held: &HeldRefusal, clinical: bool) -> wire::RefusedItem {
    let refused = &held.refused;
    let (raw, raw_encoding) = written(&refused.raw);
    wire::RefusedItem {
        id: held.seq.0.to_string(),
        reason: refused.reason.clone(),
        received_at: refused.received_at.to_string(),
        raw: clinical.then_some(raw),
        raw_encoding,
        device: refused.origin.device.as_ref().map(ToString::to_string),
        site: refused.origin.site.as_ref().map(ToString::to_string),
        source: road(refused.origin.road),
    }
}

/// Bytes as text where they are printable text, else as hexadecimal digits.
fn written(raw: &[u8]) -> (String, &'static str) {
    let printable = |text: &&str| text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
    match std::str::from_utf8(raw).ok().filter(printable) {
        Some(text) => (text.to_owned(), "text"),
        None => (hex(raw), "hex"),
    }
}

/// Bytes as hexadecimal digits.
pub(in crate::serve) fn hex(raw: &[u8]) -> String {
    let digits = raw.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}
