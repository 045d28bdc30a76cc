//! Facts into their tables, each under its position, and what is counted on the way.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use smol_str::SmolStr;

use super::{
    alert, code, context, decision, event, identity::Keys, lookup, merge, reading, registry,
    row::run, timing,
};
use crate::{
    domain::{Id, PersonId, Reading, SiteId, Timestamp},
    store::{
        Attempt, CardScan, CommitSeq, Counts, Fact, Origin, Presence, Quarantined, Refused,
        Sending, StoreError, StoredReading,
    },
};

/// What a unit adds to the counters of a site.
#[derive(Debug, Default)]
struct Heard {
    online: Option<bool>,
    seen_at: Option<Timestamp>,
    quarantined: i64,
    refused: i64,
}

/// What a unit has counted so far.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) last: CommitSeq,
    pub(super) counts: Counts,
    keys: Keys,
    heard: BTreeMap<SmolStr, Heard>,
    /// Whether any merge is in force, once somebody has asked.
    merged: Option<bool>,
}

impl Tally {
    pub(super) fn after(last: CommitSeq, keys: Keys) -> Self {
        Self { last, counts: Counts::default(), keys, heard: BTreeMap::new(), merged: None }
    }

    /// What a site is counted by, without having been heard.
    fn counted(&mut self, site: Option<&str>) -> &mut Heard {
        self.heard.entry(SmolStr::new(site.unwrap_or_default())).or_default()
    }

    fn heard(&mut self, site: Option<&str>, at: Timestamp) -> &mut Heard {
        let heard = self.counted(site);
        heard.seen_at = heard.seen_at.max(Some(at));
        heard
    }

    /// A context waits no more.
    pub(super) fn joined(&mut self, site: &SiteId) {
        let heard = self.counted(Some(site.as_str()));
        heard.quarantined = heard.quarantined.saturating_sub(1);
    }

    /// The file that survives, if this one counts as another's. Hardly ever: a store without merges
    /// is asked once in a unit.
    fn survivor(
        &mut self,
        connection: &Connection,
        person: Option<&PersonId>,
    ) -> Result<Option<PersonId>, StoreError> {
        let Some(person) = person else { return Ok(None) };
        let merged = match self.merged {
            Some(merged) => merged,
            None => *self.merged.insert(merge::any(connection)?),
        };
        if merged { merge::survivor(connection, person) } else { Ok(None) }
    }

    /// Adds facts under the next positions.
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        facts: &[Fact],
    ) -> Result<CommitSeq, StoreError> {
        let mut insertion = reading::insertion(connection)?;
        for fact in facts {
            let seq = CommitSeq(self.last.0.saturating_add(1));
            self.last = seq;
            match fact {
                Fact::Reading(stored) => {
                    let whose = stored.attribution.as_ref().map(|whose| &whose.person);
                    let survivor = self.survivor(connection, whose)?;
                    reading::insert(&mut insertion, seq, stored, survivor.as_ref())?;
                    self.heard(Some(stored.reading.site.as_str()), stored.server_at);
                }
                Fact::Refused(refused) => self.refuse(connection, seq, refused)?,
                Fact::Quarantined(item) => self.quarantine(connection, seq, item)?,
                Fact::Decided(decided) => {
                    let (site, waits) = decision::decide(connection, seq, decided)?;
                    let waiting = &mut self.counted(site.as_deref()).quarantined;
                    *waiting = waiting.saturating_add(if waits { 1 } else { -1 });
                }
                Fact::Attributed(moved) => decision::attribute(connection, seq, moved)?,
                Fact::Retimed(retimed) => timing::keep(connection, seq, retimed)?,
                Fact::Clock(note) => timing::note(connection, seq, note)?,
                Fact::Context(waiting) => {
                    context::insert(connection, seq, waiting)?;
                    let heard = self.heard(Some(waiting.site.as_str()), waiting.received_at);
                    heard.quarantined = heard.quarantined.saturating_add(1);
                }
                Fact::Event(happened) => {
                    let survivor = self.survivor(connection, Some(&happened.person))?;
                    event::insert(connection, seq, happened, survivor.as_ref())?;
                }
                Fact::Merged(merged) => {
                    merge::add(connection, seq, merged)?;
                    self.merged = Some(true);
                }
                Fact::CardScan(scan) => {
                    add_scan(connection, seq, scan)?;
                    self.heard(Some(scan.site.as_str()), scan.received_at);
                }
                Fact::Presence(presence) => {
                    add_presence(connection, seq, presence)?;
                    self.heard(Some(presence.site.as_str()), presence.at).online =
                        Some(presence.online);
                }
                Fact::Registration(row) => {
                    registry::register(connection, (self.keys, seq), row)?;
                }
                Fact::Pack(pack) => registry::add_pack(connection, seq, pack)?,
                Fact::Crossing(crossing) => alert::add_crossing(connection, seq, crossing)?,
                Fact::Alert(event) => alert::add_event(connection, seq, event)?,
                Fact::Attempt(attempt) => add_attempt(connection, seq, attempt)?,
            }
        }
        Ok(self.last)
    }

    fn refuse(
        &mut self,
        connection: &Connection,
        seq: CommitSeq,
        refused: &Refused,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO refused (seq, reason, raw, road, site, device, received_at) \
                   VALUES (?1, seal_text(?1, 'reason', ?2), seal_raw(?1, 'raw', ?3), ?4, ?5, ?6, ?7)";
        let Origin { road, site, device } = &refused.origin;
        let site = site.as_ref().map(Id::as_str);
        let params = params![
            seq.0,
            refused.reason,
            refused.raw,
            code::road(*road),
            site,
            device.as_deref(),
            refused.received_at.as_millis(),
        ];
        run(connection, "keeping refused bytes", sql, params)?;
        let heard = self.heard(site, refused.received_at);
        heard.refused = heard.refused.saturating_add(1);
        Ok(())
    }

    fn quarantine(
        &mut self,
        connection: &Connection,
        seq: CommitSeq,
        item: &Quarantined,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO quarantine (seq, reason, detail, raw, road, site, device, \
                   received_at, content, told) VALUES (?1, ?2, seal_text(?1, 'detail', ?3), \
                   seal_raw(?1, 'raw', ?4), ?5, ?6, ?7, ?8, ?9, seal_raw(?1, 'told', ?10))";
        let mark = lookup::Tokens::of(connection)?.content(&item.content);
        let Origin { road, site, device } = &item.origin;
        let site = site.as_ref().map(Id::as_str);
        let params = params![
            seq.0,
            item.reason.as_str(),
            item.detail,
            item.raw,
            code::road(*road),
            site,
            device.as_deref(),
            item.received_at.as_millis(),
            mark,
            item.content.as_bytes(),
        ];
        run(connection, "keeping an item of quarantine", sql, params)?;
        if let Some(held) = &item.reading {
            let mut insertion = reading::quarantine(connection)?;
            reading::insert(&mut insertion, seq, &held_reading(held, item.received_at), None)?;
        }
        let heard = self.heard(site, item.received_at);
        heard.quarantined = heard.quarantined.saturating_add(1);
        Ok(())
    }

    /// Writes what was counted.
    pub(super) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        let sql = "INSERT INTO site_state (site, online, seen_at, quarantined, refused) \
                   VALUES (?, ?, ?, ?, ?) ON CONFLICT (site) DO UPDATE SET \
                   online = coalesce(excluded.online, online), \
                   seen_at = max(seen_at, excluded.seen_at), \
                   quarantined = quarantined + excluded.quarantined, \
                   refused = refused + excluded.refused";
        for (site, heard) in &self.heard {
            let seen_at = heard.seen_at.map_or(0, Timestamp::as_millis);
            let Heard { online, quarantined, refused, .. } = heard;
            let params = params![site.as_str(), online, seen_at, quarantined, refused];
            run(connection, "counting for a site", sql, params)?;
        }
        let sql = "UPDATE state SET last = ?, received = received + ?, stored = stored + ?, \
                   rejected = rejected + ?, duplicate = duplicate + ?, \
                   quarantined = quarantined + ?, refused = refused + ?";
        let Counts { received, stored, rejected, duplicate, quarantined, refused } = self.counts;
        let counts = [received, stored, rejected, duplicate, quarantined, refused];
        let [received, stored, rejected, duplicate, quarantined, refused] =
            counts.map(u64::cast_signed);
        let params = [self.last.0, received, stored, rejected, duplicate, quarantined, refused];
        run(connection, "counting", sql, params).map(|_| ())
    }
}

/// A reading of nobody yet, as quarantine keeps and shows it.
fn held_reading(held: &Reading, received_at: Timestamp) -> StoredReading {
    StoredReading {
        reading: held.clone(),
        attribution: None,
        context: None,
        told_symptoms: Vec::new(),
        standing: crate::domain::Standing::Stored,
        late: false,
        possible_duplicate: false,
        server_at: received_at,
        rebased_at: None,
    }
}

fn add_scan(connection: &Connection, seq: CommitSeq, scan: &CardScan) -> Result<(), StoreError> {
    let sql = "INSERT INTO card_scan (seq, site, bench, card, person, at, received_at, out, mark, \
               opened_by) VALUES (?1, ?2, ?3, seal_text(?1, 'card', ?4), ?5, ?6, ?7, ?8, ?9, ?10)";
    let params = params![
        seq.0,
        scan.site.as_str(),
        scan.bench.as_str(),
        scan.card,
        scan.person.as_ref().map(Id::as_str),
        scan.at.as_millis(),
        scan.received_at.as_millis(),
        scan.out,
        lookup::mark_of(connection, &scan.card)?,
        code::opened_by(&scan.opened_by),
    ];
    run(connection, "adding a card scan", sql, params).map(|_| ())
}

fn add_presence(
    connection: &Connection,
    seq: CommitSeq,
    presence: &Presence,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO presence (seq, site, online, detail, at) \
               VALUES (?1, ?2, ?3, seal_text(?1, 'detail', ?4), ?5)";
    let Presence { site, online, detail, at } = presence;
    let params = params![seq.0, site.as_str(), online, detail, at.as_millis()];
    run(connection, "adding a presence", sql, params).map(|_| ())
}

/// The word of an attempt's end on disk.
pub(super) const DELIVERED: &str = "delivered";
pub(super) const FAILED: &str = "failed";
pub(super) const DROPPED: &str = "dropped";

fn add_attempt(
    connection: &Connection,
    seq: CommitSeq,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let (word, why, retry_at) = match &attempt.sending {
        Sending::Delivered => (DELIVERED, None, None),
        Sending::Failed { why, retry_at } => (FAILED, Some(why), *retry_at),
        Sending::Dropped => (DROPPED, None, None),
    };
    let sql = "INSERT INTO attempt (seq, key, sending, why, retry_at, at) \
               VALUES (?1, ?2, ?3, seal_text(?1, 'why', ?4), ?5, ?6)";
    let retry_at = retry_at.map(Timestamp::as_millis);
    let params =
        params![seq.0, attempt.key.as_bytes(), word, why, retry_at, attempt.at.as_millis()];
    run(connection, "adding an attempt", sql, params).map(|_| ())
}
