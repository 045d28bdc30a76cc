//! The format of the file: who may open it, and how an older one becomes the present one.

use rusqlite::{Connection, params};

use super::{
    fault::failed,
    identity::{self, Keys},
    lookup,
    ring::KeyRing,
    row::{number, run},
};
use crate::store::StoreError;

/// "XUNZ": what the header of every store says.
const APPLICATION: i64 = 0x5855_4e5a;

/// Each step leads from the format before it to its own, in one transaction. Steps are only added:
/// changing one that was released changes nothing in the stores that took it.
const STEPS: [(&str, &str); 25] = [
    ("the first tables", include_str!("schema/0001_first.sql")),
    ("answers that say what was done", include_str!("schema/0002_answers.sql")),
    ("decisions about quarantine", include_str!("schema/0003_decisions.sql")),
    ("whom to look at when", include_str!("schema/0004_watch.sql")),
    ("events of people", include_str!("schema/0005_events.sql")),
    ("rosters", include_str!("schema/0006_roster.sql")),
    ("identities apart", include_str!("schema/0007_identity.sql")),
    ("two files of one person", include_str!("schema/0008_merge.sql")),
    (PEOPLE, include_str!("schema/0009_people.sql")),
    ("acts at the bench", include_str!("schema/0010_site_act.sql")),
    ("corrections of time", include_str!("schema/0011_time.sql")),
    ("what was received at a site", include_str!("schema/0012_bench.sql")),
    ("claims that are taken back", include_str!("schema/0013_claims.sql")),
    ("facts of other gateways", include_str!("schema/0014_carry.sql")),
    ("accounts", include_str!("schema/0015_accounts.sql")),
    (SEALED, include_str!("schema/0016_seal.sql")),
    ("outcomes", include_str!("schema/0017_outcome.sql")),
    ("sessions by which readings are somebody's", include_str!("schema/0018_session.sql")),
    ("receipts", include_str!("schema/0019_receipt.sql")),
    ("rule packs of the gateway above", include_str!("schema/0020_pack.sql")),
    ("accounts of an identity provider", include_str!("schema/0021_oidc.sql")),
    ("what differs between gateways", include_str!("schema/0022_receipts.sql")),
    ("enrolment", include_str!("schema/0023_enrol.sql")),
    ("up to when gateways below were heard", include_str!("schema/0024_heard.sql")),
    ("what was told by a clock that proved wrong", include_str!("schema/0025_told.sql")),
];

/// The step after which everything that names somebody is sealed.
const SEALED: &str = "everything that names somebody";

/// The step that lays out where those who are named stand.
#[cfg(test)]
const IDENTITIES: &str = "identities apart";

/// The step that derives who answers from the rows that are there.
const PEOPLE: &str = "who answers for whom";

/// The format that this program writes.
pub(super) const fn newest() -> i64 {
    super::FORMAT_VERSION
}

/// Refuses a file of another program or of a newer one, and brings an older one up to date.
pub(super) fn bring_up(
    connection: &Connection,
    (keys, ring): (Keys, &KeyRing),
) -> Result<(), StoreError> {
    let application = number(connection, "PRAGMA application_id", [])?;
    let found = number(connection, "PRAGMA user_version", [])?;
    let known = newest();
    if application != APPLICATION && (application != 0 || found != 0) {
        let what = "the file belongs to another program".to_owned();
        return Err(StoreError::Damaged { table: "the header", what });
    }
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    super::keys::enter(connection, ring)?;
    identity::prepare(connection)?;
    for (version, (what, sql)) in (1..).zip(STEPS).filter(|(version, _)| *version > found) {
        let step = connection.unchecked_transaction().map_err(failed("beginning a migration"))?;
        step.execute_batch(sql).map_err(failed("migrating"))?;
        if version == 1 {
            name_the_gateway(&step)?;
        }
        if what == PEOPLE {
            lookup::give_key(&step, keys)?;
            super::staff::fill(&step)?;
        }
        if what == SEALED {
            lookup::give_key(&step, keys)?;
            identity::move_apart(&step)?;
        }
        step.pragma_update(None, "application_id", APPLICATION).map_err(failed("migrating"))?;
        step.pragma_update(None, "user_version", version).map_err(failed("migrating"))?;
        step.commit().map_err(failed("committing a migration"))?;
    }
    lookup::bring_up(connection, keys)
}

/// Lays out the format before identities stood apart.
#[cfg(test)]
pub(super) fn lay_before_identities(connection: &Connection) -> Result<(), StoreError> {
    let former = STEPS.iter().take_while(|(what, _)| *what != IDENTITIES);
    for (version, (_, sql)) in (1_i64..).zip(former) {
        connection.execute_batch(sql).map_err(failed("laying out"))?;
        if version == 1 {
            name_the_gateway(connection)?;
        }
        connection.pragma_update(None, "user_version", version).map_err(failed("laying out"))?;
    }
    let laid = connection.pragma_update(None, "application_id", APPLICATION);
    laid.map_err(failed("laying out"))
}

/// Gives a new store the gateway's name and epoch.
fn name_the_gateway(connection: &Connection) -> Result<(), StoreError> {
    let sql = "INSERT INTO state (one, gateway, epoch, last, received, stored, rejected, \
               duplicate, quarantined, refused) VALUES (1, ?, ?, 0, 0, 0, 0, 0, 0, 0)";
    let (name, epoch) = (random_name()?, random_epoch()?);
    run(connection, "naming the gateway", sql, params![name, epoch]).map(|_| ())
}

/// Begins a new life of the gateway's counter, as a store brought back from a copy must: numbers
/// given since the copy was made must not be given again.
pub(super) fn renew_epoch(connection: &Connection) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO life (epoch, upto) SELECT epoch, last FROM state";
    run(connection, "ending the epoch", sql, [])?;
    let sql = "UPDATE state SET epoch = ?";
    run(connection, "renewing the epoch", sql, [random_epoch()?]).map(|_| ())
}

/// `gw-` and 16 hexadecimal digits.
pub(super) fn random_name() -> Result<String, StoreError> {
    let number = u64::from_be_bytes(random()?);
    Ok(format!("gw-{number:016x}"))
}

/// A number that JSON carries exactly.
fn random_epoch() -> Result<i64, StoreError> {
    const EXACT_BITS: i64 = (1 << 53) - 1;
    Ok(i64::from_be_bytes(random()?) & EXACT_BITS)
}

fn random() -> Result<[u8; 8], StoreError> {
    let source = ring::rand::SystemRandom::new();
    match ring::rand::generate::<[u8; 8]>(&source) {
        Ok(random) => Ok(random.expose()),
        Err(_unspecified) => Err(StoreError::Database {
            what: "asking for random bytes",
            source: Box::from("the system gave none"),
        }),
    }
}
