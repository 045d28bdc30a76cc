//! Readings as they leave.

use super::SessionOf;
use firmware_protocols::Decimal;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A number with exactly the digits that the device sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number(pub Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Number).into()
    }
}

impl ToSchema for Number {}

/// A glucose value: a number, or which end of its range the meter met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Value {
    /// A number in the reading's unit.
    Number(Number),
    /// `HI` or `LO`.
    End(&'static str),
}

/// A reading.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Reading {
    /// The same at every gateway.
    pub id: String,
    /// `blood_pressure` or `glucose`.
    pub kind: &'static str,
    /// Whose it is; `null`: nobody's so far.
    pub person: Option<String>,
    /// The device that took it.
    pub device: String,
    /// Where it was received.
    pub site: String,
    /// The bench the device stood at.
    pub bench: Option<String>,
    /// The device's own number of it.
    pub seq: Option<u64>,
    /// The life of the device's counter.
    pub epoch: Option<u64>,
    /// The estimate of when it was taken.
    pub measured_at: String,
    /// Device time exactly as sent.
    pub device_time: Option<String>,
    /// When the first gateway had it.
    pub received_at: String,
    /// When this gateway had it.
    pub server_at: String,
    /// When the first gateway really had it, where its clock of then was found wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebased_at: Option<String>,
    /// How far `measured_at` can be trusted, `A` to `D`.
    pub grade: &'static str,
    /// `mmHg`, `kPa`, `mg/dL` or `mmol/L`, as sent.
    pub unit: &'static str,
    /// Systolic pressure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub systolic: Option<Number>,
    /// Diastolic pressure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diastolic: Option<Number>,
    /// Mean arterial pressure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Number>,
    /// Beats per minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pulse: Option<Number>,
    /// Glucose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Relation to the last meal, for glucose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meal: Option<&'static str>,
    /// Circumstances that the cuff reported.
    pub flags: Vec<&'static str>,
    /// Danger symptoms.
    pub symptoms: Vec<String>,
    /// `home` or `clinic`, where the sender said.
    pub setting: Option<&'static str>,
    /// `control` for control solution.
    pub sample: Option<&'static str>,
    /// `stored`, or `rejected`: outside the pack's validity and seen by no line.
    pub status: &'static str,
    /// It came so late that it pages nobody at night.
    pub late: bool,
    /// It could not be told apart from an earlier one.
    pub possible_duplicate: bool,
    /// The road it came by: `serial`, `mqtt`, `broker`, `http`, or `typed` where no device said it and
    /// somebody typed it instead.
    pub source: &'static str,
    /// Why it belongs to the person.
    pub basis: Option<&'static str>,
    /// The session of a bench by which it is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionOf>,
    /// Who measured: as the sender says, else whoever of the staff opened the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Its position in the log.
    pub commit: i64,
}

/// What became of each posted item, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivered {
    /// One for each item posted.
    pub items: Vec<DeliveredItem>,
}

/// What became of one posted item.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveredItem {
    /// The reading's id, where it has one.
    pub id: Option<String>,
    /// `stored`, `rejected`, `duplicate`, `quarantined` or `refused`.
    pub status: &'static str,
    /// Why, where it was not simply stored.
    pub reason: Option<String>,
}
