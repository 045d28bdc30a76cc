//! Bytes become readings: pure, without a store and without a clock.
//!
//! What cannot be decoded is refused, what can be decoded but not used is quarantined; both keep
//! their bytes and the reason, and both are committed before their acknowledgement. Plausibility is
//! not asked here: the pack's `validity` is the only judge, and commit asks it.

mod bench;
mod card;
mod context;
mod event;
mod fields;
mod frame;

mod json;
mod time;
mod typed;

use smol_str::SmolStr;

use self::time::{Order, settle};
pub use self::{
    bench::{SiteActSaid, site_act},
    card::{CARD_MAX, card, presence, read_card},
    event::{EventProblem, follow_up, happened_at, money},
    frame::{cut_frame, frame, left, memory},
    json::{posted, readings},
    time::{CLOCK_TOLERANCE, ClockCheck, LIVE_WINDOW, Stated, measured, only_ordered},
    typed::{TYPED, is_typed},
};
use crate::{
    domain::{
        BenchId, ContentDigest, DeviceId, Key, Numbering, Reading, Remarks, Road, Sequence, SiteId,
        Timestamp, content_digest, quarantine_digest, raw_digest, reading_id,
    },
    intake::Item,
    store::{Origin, QuarantineReason, Quarantined, Refused},
};
use firmware_protocols::Measurement;

/// Where bytes came from, as far as the road and the registry tell.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// By which road.
    pub road: Road,
    /// Where they were received.
    pub site: &'a SiteId,
    /// Which device sent them.
    pub device: &'a DeviceId,
    /// The bench it stands at, if any.
    pub bench: Option<&'a BenchId>,
    /// The model, where the meaning of a frame depends on it.
    pub model: Option<&'a str>,
    /// When the gateway had them.
    pub received_at: Timestamp,
    /// The line has no memory: a value without a time was taken when it came.
    pub live: bool,
}

impl Source<'_> {
    fn origin(&self) -> Origin {
        Origin {
            road: self.road,
            site: Some(self.site.clone()),
            device: Some(SmolStr::new(self.device.as_str())),
        }
    }

    fn refuse(&self, reason: impl Into<String>, raw: &[u8]) -> Item {
        refuse(self.origin(), self.received_at, reason, raw)
    }

    /// Keeps a reading that cannot be used yet.
    fn wait(
        &self,
        reading: Reading,
        (reason, detail): (QuarantineReason, &str),
        raw: &[u8],
    ) -> Item {
        let unnumbered = reading.unnumbered;
        let mut held =
            self.held((reason, detail), raw, quarantine_digest(&reading.id, &reading.content));
        held.reading = Some(Box::new(reading));
        waiting(held, unnumbered)
    }

    /// Keeps bytes that can be decoded and are no reading yet.
    fn wait_raw(
        &self,
        told: (Option<Sequence>, Option<&str>),
        why: (QuarantineReason, &str),
        raw: &[u8],
        read_out: &mut ReadOut,
    ) -> Item {
        let of = |numbering: Numbering<'_>| raw_digest(self.device, numbering, raw);
        let (content, unnumbered) = read_out.identify(told, of);
        waiting(self.held(why, raw, content), unnumbered)
    }

    fn held(
        &self,
        (reason, detail): (QuarantineReason, &str),
        raw: &[u8],
        content: ContentDigest,
    ) -> Quarantined {
        Quarantined {
            reason,
            detail: detail.to_owned(),
            raw: raw.to_vec(),
            origin: self.origin(),
            received_at: self.received_at,
            reading: None,
            content,
        }
    }
}

fn waiting(held: Quarantined, unnumbered: bool) -> Item {
    let held = Box::new(held);
    if unnumbered { Item::Unnumbered(held) } else { Item::Quarantined(held) }
}

/// Keeps bytes that cannot be decoded, with the reason.
#[must_use]
pub fn refuse(
    origin: Origin,
    received_at: Timestamp,
    reason: impl Into<String>,
    raw: &[u8],
) -> Item {
    Item::Refused(Refused { reason: reason.into(), raw: raw.to_vec(), origin, received_at })
}

/// Tells equal records of one read-out apart: they have the same device, time and values, and no
/// number of their own (DESIGN section 5).
#[derive(Debug, Default)]
struct ReadOut {
    seen: Vec<([u8; 16], u32)>,
    /// The request that brought the next record, and the record's position in it.
    request: Option<(String, u32)>,
}

impl ReadOut {
    fn ordinal(&mut self, first: [u8; 16]) -> u32 {
        if let Some((_, count)) = self.seen.iter_mut().find(|(id, _)| *id == first) {
            *count = count.saturating_add(1);
            return *count;
        }
        self.seen.push((first, 0));
        0
    }

    /// What names a record with the number and the time that its device states, and whether only
    /// the first gateway can number it; commit does that then.
    fn identify<K>(
        &mut self,
        (sequence, time): (Option<Sequence>, Option<&str>),
        of: impl Fn(Numbering<'_>) -> Key<K>,
    ) -> (Key<K>, bool) {
        match (sequence, time) {
            (Some(Sequence { epoch: Some(epoch), number }), _) => {
                (of(Numbering::Epoch { epoch, number }), false)
            }
            (Some(Sequence { epoch: None, number }), time) => {
                (of(Numbering::Number { number, device_time: time.unwrap_or_default() }), false)
            }
            (None, Some(device_time)) => {
                let first = of(Numbering::Time { device_time, ordinal: 0 });
                let ordinal = self.ordinal(*first.as_bytes());
                (of(Numbering::Time { device_time, ordinal }), false)
            }
            (None, None) => match &self.request {
                Some((key, position)) => {
                    (of(Numbering::Request { key, position: *position }), false)
                }
                None => (of(Numbering::Time { device_time: "", ordinal: 0 }), true),
            },
        }
    }
}

/// What was decoded of one measurement, before it has a name.
#[derive(Debug)]
struct Decoded {
    measurement: Measurement,
    sequence: Option<Sequence>,
    device_time: Option<SmolStr>,
    remarks: Remarks,
    raw: Option<Vec<u8>>,
    written: Option<Box<str>>,
}

impl Decoded {
    /// Gives it its id, its times and its place.
    fn into_reading(self, source: &Source<'_>, read_out: &mut ReadOut) -> Reading {
        let time = self.device_time.as_deref();
        let of = |numbering: Numbering<'_>| reading_id(source.device, numbering, &self.measurement);
        let (id, unnumbered) = read_out.identify((self.sequence, time), of);
        let content: ContentDigest = content_digest(&self.measurement, time, &self.remarks);
        Reading {
            id,
            content,
            measured: measured(time, source.received_at, source.live),
            measurement: self.measurement,
            device: source.device.clone(),
            site: source.site.clone(),
            bench: source.bench.cloned(),
            sequence: self.sequence,
            device_time: self.device_time,
            received_at: source.received_at,
            remarks: self.remarks,
            road: source.road,
            unnumbered,
            raw: self.raw,
            written: self.written,
        }
    }
}
