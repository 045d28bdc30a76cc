//! When a message to a doctor's MQTT client is settled.
//!
//! The listener publishes alerts to `xz/1/doctor/{id}/alert` from the log and keeps, for each
//! doctor, a durable cursor that moves when the client acknowledged (QoS 1). A row of that channel
//! is delivered once the cursor has passed the alert's step; here it is only read.

use std::{collections::BTreeMap, sync::Arc};

use super::plan::is_needed;
use crate::{
    domain::{DoctorId, Timestamp},
    store::{CommitSeq, Owed, Reader, Sending, StoreError, view::Scope},
};

/// The highest position of an alert's step that a client of a doctor acknowledged, as the listener
/// keeps it; 0 where none did. Where a subscription merely began does not count. Blocks.
pub type MqttCursor = Arc<dyn Fn(&DoctorId) -> Result<CommitSeq, StoreError> + Send + Sync>;

/// The name of a cursor that stands where the furthest acknowledgement of a doctor's clients
/// stands, whichever client it was.
#[must_use]
pub fn mqtt_follower(doctor: &DoctorId) -> String {
    format!("mqtt/{doctor}")
}

/// The rows that are settled now, and how. Blocks.
///
/// # Errors
/// Any error of the store.
pub(super) fn settled(
    reader: &dyn Reader,
    cursor: &MqttCursor,
    rows: Vec<Owed>,
    now: Timestamp,
) -> Result<Vec<(Owed, Sending)>, StoreError> {
    let mut cursors: BTreeMap<DoctorId, CommitSeq> = BTreeMap::new();
    let mut settled = Vec::new();
    for row in rows {
        let at = match cursors.get(&row.recipient) {
            Some(at) => *at,
            None => cursor(&row.recipient)?,
        };
        cursors.insert(row.recipient.clone(), at);
        if let Some(sending) = settle(reader, at, &row, now)? {
            settled.push((row, sending));
        }
    }
    Ok(settled)
}

fn settle(
    reader: &dyn Reader,
    cursor: CommitSeq,
    row: &Owed,
    now: Timestamp,
) -> Result<Option<Sending>, StoreError> {
    let Some(history) = reader.alert(&Scope::Everything, &row.alert_id)? else {
        let why = "the store has no such alert".to_owned();
        return Ok(Some(Sending::Failed { why, retry_at: None }));
    };
    let told = history.events.iter().rev().find(|(_, event)| event.change == row.change);
    Ok(match told {
        Some((seq, _)) if cursor >= *seq => Some(Sending::Delivered),
        _ if !is_needed(row.change, &history) => Some(Sending::Dropped),
        _ if row.deadline.is_some_and(|deadline| deadline <= now) => {
            let why = "the doctor's client did not fetch it before the deadline".to_owned();
            Some(Sending::Failed { why, retry_at: None })
        }
        _ => None,
    })
}
