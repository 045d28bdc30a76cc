//! What was counted as it came, and what of it is kept.

use rusqlite::Connection;

use super::row::{fetch_one, number};
use crate::store::{Counts, StoreError};

/// What was counted since the store was made.
pub(super) fn counts(connection: &Connection) -> Result<Counts, StoreError> {
    let sql = "SELECT received, stored, rejected, duplicate, quarantined, refused FROM state";
    let found = fetch_one(connection, "state", (sql, []), |cells| {
        let mut next = || cells.take::<i64>().map(i64::cast_unsigned);
        Ok(Counts {
            received: next()?,
            stored: next()?,
            rejected: next()?,
            duplicate: next()?,
            quarantined: next()?,
            refused: next()?,
        })
    })?;
    Ok(found.unwrap_or_default())
}

/// Received = stored + rejected + duplicate + quarantined + refused, and what of it is kept.
pub(super) fn differences(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let Counts { received, stored, rejected, duplicate, quarantined, refused } =
        counts(connection)?;
    let mut found = Vec::new();
    let parts = [stored, rejected, duplicate, quarantined, refused];
    let sum = parts.into_iter().fold(0_u64, u64::saturating_add);
    if sum != received {
        found.push(format!("{received} items were received and {sum} accounted for"));
    }
    // A reading of nobody stands in the log and waits in quarantine; it was counted as waiting. An
    // act was no item received.
    let readings = |standing: u8| {
        format!(
            "(SELECT count(*) FROM reading WHERE standing = {standing} AND id NOT IN (\
             SELECT h.id FROM quarantined_reading h JOIN quarantine USING (seq) \
             WHERE reason NOT IN ('conflict', 'session_changed')))"
        )
    };
    let others = "(SELECT count(*) FROM context) \
                  + (SELECT count(*) FROM person_event WHERE kind <> 'act')";
    let kept = |sql: &str| number(connection, sql, []).map(i64::cast_unsigned);
    let readings = [
        ("stored", stored, format!("SELECT {} + {others}", readings(0))),
        ("rejected", rejected, format!("SELECT {}", readings(1))),
        ("refused", refused, "SELECT count(*) FROM refused".to_owned()),
    ];
    for (word, counted, sql) in readings {
        let kept = kept(&sql)?;
        if kept != counted {
            found.push(format!("{counted} items were counted as {word} and {kept} are kept"));
        }
    }
    Ok(found)
}
