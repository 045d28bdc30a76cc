//! The shapes on the wire, and the way there and back.

mod event;
mod reading;
mod rest;
mod said;

pub(crate) use rest::travels;
pub(crate) use said::STEPS;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use firmware_protocols::{Decimal, Meal};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use smol_str::SmolStr;

use super::{Body, Head, Inside, ParcelError, Whole, shaped};
use crate::{
    domain::{BoxId, Timestamp, meal_name},
    store::{CommitSeq, FactId},
};

/// The name of a fact: gateway, epoch, position.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Name(SmolStr, u64, i64);

impl From<&FactId> for Name {
    fn from(id: &FactId) -> Self {
        Self(SmolStr::new(id.gateway.as_str()), id.epoch, id.seq.0)
    }
}

impl TryFrom<&Name> for FactId {
    type Error = ();

    fn try_from(name: &Name) -> Result<Self, ()> {
        let gateway = BoxId::new(&name.0).map_err(|_no_name| ())?;
        Ok(Self { gateway, epoch: name.1, seq: CommitSeq(name.2) })
    }
}

/// An instant, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct At(i64);

impl From<Timestamp> for At {
    fn from(at: Timestamp) -> Self {
        Self(at.as_millis())
    }
}

impl From<At> for Timestamp {
    fn from(at: At) -> Self {
        Self::from_millis(at.0)
    }
}

/// A decimal: mantissa and exponent of ten.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Exact(i64, i8);

impl From<Decimal> for Exact {
    fn from(value: Decimal) -> Self {
        Self(value.mantissa(), value.exponent())
    }
}

impl From<Exact> for Decimal {
    fn from(value: Exact) -> Self {
        Self::new(value.0, value.1)
    }
}

/// Bytes, as base64 without padding.
#[derive(Debug, Clone)]
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        STANDARD_NO_PAD.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Why a shape is not what it stands for: no such word, of what.
type No = &'static str;

/// The value of a list that a word names.
fn word<T: Copy>(
    text: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
    what: No,
) -> Result<T, No> {
    all.iter().copied().find(|value| name(*value) == text).ok_or(what)
}

const MEALS: [Meal; 6] =
    [Meal::Fasting, Meal::BeforeMeal, Meal::AfterMeal, Meal::Random, Meal::Bedtime, Meal::Unknown];

fn meal(text: &str) -> Result<Meal, No> {
    word(text, &MEALS, meal_name, "meal")
}

fn line<B: Serialize>(head: Head, b: &B) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Whole { head, b })
}

/// A fact as a line.
pub(super) fn written(head: Head, body: &Body) -> serde_json::Result<Vec<u8>> {
    match body {
        Body::Reading(it) => line(head, &reading::Stored::from(&**it)),
        Body::Quarantined(it) => line(head, &rest::Item::from(&**it)),
        Body::Refused(it) => line(head, &rest::Bytes::from(&**it)),
        Body::Decided(it) => line(head, &said::Decision::from(&**it)),
        Body::Moved(it) => line(head, &said::Move::from(&**it)),
        Body::Merged(it) => line(head, &said::Merge::from(&**it)),
        Body::Retimed(it) => line(head, &said::Retiming::from(&**it)),
        Body::Clock(it) => line(head, &said::Clock::from(it)),
        Body::Context(it) => line(head, &rest::Circumstances::from(&**it)),
        Body::Event(it) => line(head, &event::Event::from(&**it)),
        Body::Card(it) => line(head, &rest::Card::from(&**it)),
        Body::Presence(it) => line(head, &rest::Presence::from(&**it)),
        Body::Row(it) => line(head, &rest::Row::from(&**it)),
        Body::Pack(it) => line(head, &rest::Pack::from(&**it)),
        Body::Step(it) => line(head, &said::Step::from(&**it)),
        Body::Unknown(_) => line(head, &()),
    }
}

/// What a line of a kind says.
pub(super) fn read(kind: &SmolStr, line: &[u8]) -> Result<Body, ParcelError> {
    fn of<W, T>(kind: &SmolStr, line: &[u8]) -> Result<T, ParcelError>
    where
        W: DeserializeOwned,
        T: TryFrom<W, Error = No>,
    {
        let inside: Inside<W> = shaped(kind, line)?;
        T::try_from(inside.b).map_err(|what| ParcelError::Word { kind: kind.clone(), what })
    }
    Ok(match kind.as_str() {
        "reading" => Body::Reading(Box::new(of::<reading::Stored, _>(kind, line)?)),
        "item" => Body::Quarantined(Box::new(of::<rest::Item, _>(kind, line)?)),
        "refused" => Body::Refused(Box::new(of::<rest::Bytes, _>(kind, line)?)),
        "decided" => Body::Decided(Box::new(of::<said::Decision, _>(kind, line)?)),
        "moved" => Body::Moved(Box::new(of::<said::Move, _>(kind, line)?)),
        "merged" => Body::Merged(Box::new(of::<said::Merge, _>(kind, line)?)),
        "retimed" => Body::Retimed(Box::new(of::<said::Retiming, _>(kind, line)?)),
        "clock" => Body::Clock(of::<said::Clock, _>(kind, line)?),
        "context" => Body::Context(Box::new(of::<rest::Circumstances, _>(kind, line)?)),
        "event" => Body::Event(Box::new(of::<event::Event, _>(kind, line)?)),
        "card" => Body::Card(Box::new(of::<rest::Card, _>(kind, line)?)),
        "presence" => Body::Presence(Box::new(of::<rest::Presence, _>(kind, line)?)),
        "row" => Body::Row(Box::new(of::<rest::Row, _>(kind, line)?)),
        "pack" => Body::Pack(Box::new(of::<rest::Pack, _>(kind, line)?)),
        "step" => Body::Step(Box::new(of::<said::Step, _>(kind, line)?)),
        _ => Body::Unknown(kind.clone()),
    })
}
