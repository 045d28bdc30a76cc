//! What makes two facts the same: hashes over facts that every gateway sees alike.
//!
//! The encoding is versioned and length-prefixed, so no two lists of fields share one text.
//! Corrected time, route and arrival never enter an id (DESIGN section 5). Changing a byte here
//! makes every stored reading a stranger to its own copies: raise [`ENCODING_VERSION`] then, and
//! keep the sample ids of the tests.

use firmware_protocols::{BloodPressure, Decimal, Glucose, GlucoseValue, Measurement};

use super::{
    AlertId, BenchId, ContentDigest, DeviceId, DoctorId, EventId, Happened, Key, NotificationKey,
    PersonEvent, PersonId, ReadingId, Remarks, Setting, SiteId, Timestamp, flag_bits, meal_name,
};

/// Version of the encoding below, hashed into every id.
const ENCODING_VERSION: u8 = 1;

/// The facts that number a reading (DESIGN section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Numbering<'a> {
    /// The device numbers its readings within an epoch it states.
    Epoch {
        /// One life of the device's counter.
        epoch: u64,
        /// The number within it.
        number: u64,
    },
    /// The device numbers its readings but states no epoch: its time as sent takes that place.
    Number {
        /// The number.
        number: u64,
        /// Device time exactly as sent; empty where it sent none.
        device_time: &'a str,
    },
    /// The device states a time but no number.
    Time {
        /// Device time exactly as sent.
        device_time: &'a str,
        /// Position among equal records of that time in one read-out, oldest first, from 0.
        ordinal: u32,
    },
    /// Neither, but the request that brought it has a key of its own and may be repeated.
    Request {
        /// The request's key.
        key: &'a str,
        /// Position in the request, from 0.
        position: u32,
    },
    /// Nothing at all: the first gateway numbered the frame on receipt.
    Receipt {
        /// The first gateway's own name.
        gateway: &'a str,
        /// One life of its counter.
        epoch: u64,
        /// The number within it.
        number: u64,
    },
}

struct Encoder(blake3::Hasher);

impl Encoder {
    fn new(what: &str) -> Self {
        let mut encoder = Self(blake3::Hasher::new());
        encoder.field(&[ENCODING_VERSION]);
        encoder.field(what.as_bytes());
        encoder
    }

    fn field(&mut self, bytes: &[u8]) {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.0.update(&length.to_be_bytes());
        self.0.update(bytes);
    }

    fn number(&mut self, number: u64) {
        self.field(&number.to_be_bytes());
    }

    fn text(&mut self, value: &impl std::fmt::Display) {
        self.field(value.to_string().as_bytes());
    }

    fn optional(&mut self, value: Option<&impl std::fmt::Display>) {
        match value {
            Some(value) => self.text(value),
            None => self.field(b""),
        }
    }

    fn measurement(&mut self, measurement: &Measurement) {
        match measurement {
            Measurement::BloodPressure(BloodPressure {
                systolic,
                diastolic,
                mean,
                unit,
                pulse,
                ..
            }) => {
                self.field(b"blood_pressure");
                self.field(unit.name().as_bytes());
                self.text(systolic);
                self.text(diastolic);
                self.optional(mean.as_ref());
                self.optional(pulse.as_ref());
            }
            Measurement::Glucose(Glucose { value, unit, .. }) => {
                self.field(b"glucose");
                self.field(unit.name().as_bytes());
                match value {
                    GlucoseValue::Number(number) => self.text(number),
                    GlucoseValue::High => self.field(b"HI"),
                    GlucoseValue::Low => self.field(b"LO"),
                }
            }
        }
    }

    /// A number that a person wrote: 7.0 is 7.
    fn worth(&mut self, value: Option<Decimal>) {
        let Some(value) = value else { return self.field(b"") };
        let (mut mantissa, mut exponent) = (value.mantissa(), value.exponent());
        while mantissa != 0 && mantissa % 10 == 0 {
            (mantissa, exponent) = (mantissa / 10, exponent.saturating_add(1));
        }
        let exponent = if mantissa == 0 { 0 } else { exponent };
        self.field(format!("{mantissa}e{exponent}").as_bytes());
    }

    /// Whose an event is, when it happened and what it says.
    fn event(&mut self, event: &PersonEvent) {
        self.text(&event.person);
        self.field(event.what.kind().as_bytes());
        self.field(&event.at.as_millis().to_be_bytes());
        match &event.what {
            Happened::FollowUp { pressure, fasting, symptoms } => {
                self.worth(pressure.map(|(systolic, _)| systolic));
                self.worth(pressure.map(|(_, diastolic)| diastolic));
                self.worth(*fasting);
                for symptom in symptoms {
                    self.field(symptom.as_bytes());
                }
            }
            Happened::Money(money) => {
                self.field(money.profile.as_bytes());
                self.field(money.kind.as_str().as_bytes());
                self.worth(Some(money.yuan));
            }
            Happened::Act { concept, outcome } => {
                self.field(concept.as_bytes());
                self.field(outcome.as_str().as_bytes());
            }
            Happened::Voided(event) => self.field(event.as_bytes()),
            Happened::SiteAct(act) => {
                self.text(&act.site);
                self.optional(act.bench.as_ref());
                self.field(act.deed.as_str().as_bytes());
                self.field(act.reading.as_ref().map_or(b"", |reading| reading.as_bytes()));
                self.field(act.alert.as_ref().map_or(b"", |alert| alert.as_bytes()));
                for symptom in &act.symptoms {
                    self.field(symptom.as_bytes());
                }
            }
        }
    }

    /// What of a numbering does not stand among the bytes of a frame or an object.
    fn beyond_the_bytes(&mut self, numbering: Numbering<'_>) {
        match numbering {
            Numbering::Epoch { .. }
            | Numbering::Number { .. }
            | Numbering::Time { ordinal: 0, .. } => {}
            Numbering::Time { ordinal, .. } => {
                self.field(b"ordinal");
                self.number(u64::from(ordinal));
            }
            Numbering::Request { key, position } => {
                self.field(b"request");
                self.field(key.as_bytes());
                self.number(u64::from(position));
            }
            Numbering::Receipt { gateway, epoch, number } => {
                self.field(b"receipt");
                self.field(gateway.as_bytes());
                self.number(epoch);
                self.number(number);
            }
        }
    }

    fn finish<K>(&self) -> Key<K> {
        let mut bytes = [0; 16];
        self.0.finalize_xof().fill(&mut bytes);
        Key::from_bytes(bytes)
    }
}

/// The id of a reading of `device`, from the device's own facts.
#[must_use]
pub fn reading_id(
    device: &DeviceId,
    numbering: Numbering<'_>,
    measurement: &Measurement,
) -> ReadingId {
    let mut encoder = Encoder::new("reading");
    match numbering {
        Numbering::Epoch { epoch, number } => {
            encoder.field(b"epoch");
            encoder.text(device);
            encoder.number(epoch);
            encoder.number(number);
        }
        Numbering::Number { number, device_time } => {
            encoder.field(b"number");
            encoder.text(device);
            encoder.field(device_time.as_bytes());
            encoder.number(number);
        }
        Numbering::Time { device_time, ordinal } => {
            encoder.field(b"time");
            encoder.text(device);
            encoder.field(device_time.as_bytes());
            encoder.number(u64::from(ordinal));
            encoder.measurement(measurement);
        }
        Numbering::Request { key, position } => {
            encoder.field(b"request");
            encoder.text(device);
            encoder.field(key.as_bytes());
            encoder.number(u64::from(position));
        }
        Numbering::Receipt { gateway, epoch, number } => {
            encoder.field(b"receipt");
            encoder.field(gateway.as_bytes());
            encoder.number(epoch);
            encoder.number(number);
        }
    }
    encoder.finish()
}

/// What the device and its sender said, without site, road, arrival and free attributes.
#[must_use]
pub fn content_digest(
    measurement: &Measurement,
    device_time: Option<&str>,
    remarks: &Remarks,
) -> ContentDigest {
    let mut encoder = Encoder::new("content");
    encoder.measurement(measurement);
    match measurement {
        Measurement::BloodPressure(pressure) => {
            for (name, _, set) in flag_bits(pressure.flags) {
                if set {
                    encoder.field(name.as_bytes());
                }
            }
        }
        Measurement::Glucose(glucose) => {
            encoder.field(meal_name(glucose.meal).as_bytes());
            encoder.number(u64::from(glucose.control));
        }
    }
    encoder.optional(device_time.as_ref());
    encoder.optional(remarks.person.as_ref());
    encoder.field(match remarks.setting {
        None => b"",
        Some(Setting::Home) => b"home",
        Some(Setting::Clinic) => b"clinic",
    });
    for symptom in &remarks.symptoms {
        encoder.field(symptom.as_bytes());
    }
    encoder.finish()
}

/// The id of an event: the sender's own reference for it, else all that it says but its note.
#[must_use]
pub fn event_id(event: &PersonEvent) -> EventId {
    let Some(reference) = &event.reference else {
        let mut encoder = Encoder::new("event");
        encoder.event(event);
        return encoder.finish();
    };
    let mut encoder = Encoder::new("event reference");
    encoder.text(&event.person);
    encoder.field(event.what.kind().as_bytes());
    encoder.field(reference.as_bytes());
    encoder.finish()
}

/// All that an event says, its note too; not who entered it, nor when.
#[must_use]
pub fn event_content(event: &PersonEvent) -> ContentDigest {
    let mut encoder = Encoder::new("event content");
    encoder.event(event);
    encoder.field(event.note.as_deref().unwrap_or_default().as_bytes());
    encoder.finish()
}

/// The id of an alert: the person, the concept, and the reading or due date that began the episode.
#[must_use]
pub fn alert_id(person: &PersonId, concept: &str, beginning: &str) -> AlertId {
    let mut encoder = Encoder::new("alert");
    encoder.text(person);
    encoder.field(concept.as_bytes());
    encoder.field(beginning.as_bytes());
    encoder.finish()
}

/// The key of a message about one change of an alert to one recipient by one channel.
#[must_use]
pub fn notification_key(
    alert: &AlertId,
    change: &str,
    recipient: &DoctorId,
    channel: &str,
) -> NotificationKey {
    let mut encoder = Encoder::new("notification");
    encoder.field(alert.as_bytes());
    encoder.field(change.as_bytes());
    encoder.text(recipient);
    encoder.field(channel.as_bytes());
    encoder.finish()
}

/// A digest of bytes that have no reading, so that a repeated delivery of them is recognised. The
/// number or the time that the device states is among the bytes; what else tells them from their
/// like is added.
#[must_use]
pub fn raw_digest(device: &DeviceId, numbering: Numbering<'_>, raw: &[u8]) -> ContentDigest {
    let mut encoder = Encoder::new("raw");
    encoder.text(device);
    encoder.field(raw);
    encoder.beyond_the_bytes(numbering);
    encoder.finish()
}

/// A digest of what waits and only the first gateway numbered, beside the digest of its like.
#[must_use]
pub fn received_digest(like: &ContentDigest, numbering: Numbering<'_>) -> ContentDigest {
    let mut encoder = Encoder::new("received");
    encoder.field(like.as_bytes());
    encoder.beyond_the_bytes(numbering);
    encoder.finish()
}

/// What tells two waiting readings apart: a conflict has the id of another and its own content.
#[must_use]
pub fn quarantine_digest(id: &ReadingId, content: &ContentDigest) -> ContentDigest {
    let mut encoder = Encoder::new("quarantine");
    encoder.field(id.as_bytes());
    encoder.field(content.as_bytes());
    encoder.finish()
}

/// What stands in the place of a resident identity number where it is only compared.
#[must_use]
pub fn id_number_digest(number: &str) -> ContentDigest {
    let mut encoder = Encoder::new("id_number");
    encoder.field(number.as_bytes());
    encoder.finish()
}

/// A digest of one card held to one bench at one time, so that its repeat is recognised.
#[must_use]
pub fn card_digest(site: &SiteId, bench: &BenchId, card: &str, at: Timestamp) -> ContentDigest {
    let mut encoder = Encoder::new("card");
    encoder.text(site);
    encoder.text(bench);
    encoder.field(card.as_bytes());
    encoder.field(&at.as_millis().to_be_bytes());
    encoder.finish()
}
