//! Messages about an alert, with every try to send them, from the rows of both.

use rusqlite::Connection;

use super::{code, feed, row::fetch};
use crate::store::{AlertChange, Channel, StoreError, view::Message};

const CHANNELS: [Channel; 2] = [Channel::Webhook, Channel::Mqtt];

/// The messages about an alert, in the order in which they were owed. The level is that of the step
/// which they tell of: the row's own falls with the alert while it waits.
pub(super) fn of_alert(connection: &Connection, alert: i64) -> Result<Vec<Message>, StoreError> {
    let sql = "SELECT o.key, o.alert_id, o.change, e.level, o.recipient, o.channel, e.at FROM owed o \
               JOIN alert_event e ON e.seq = o.seq WHERE o.alert = ? ORDER BY o.seq, o.key";
    let mut messages = fetch(connection, "owed", (sql, [alert]), |cells| {
        Ok(Message {
            key: cells.key()?,
            alert: cells.key()?,
            change: cells.word(&AlertChange::ALL, AlertChange::as_str)?,
            level: cells.one_of(&code::LEVELS, code::level)?,
            recipient: cells.id()?,
            channel: cells.word(&CHANNELS, Channel::as_str)?,
            owed_at: cells.time()?,
            attempts: Vec::new(),
        })
    })?;
    let sql = "SELECT seq, key, sending, unseal_text(seq, 'why', why), retry_at, at FROM attempt WHERE key = ? ORDER BY seq";
    for message in &mut messages {
        let asked = [message.key.as_bytes()];
        let tries = fetch(connection, "attempt", (sql, asked), feed::decode_attempt)?;
        message.attempts = tries.into_iter().map(|(_, attempt)| attempt).collect();
    }
    Ok(messages)
}
