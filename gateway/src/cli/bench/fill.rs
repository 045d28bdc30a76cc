//! Fills a store through its port, in large units, so that a benchmark finds a file with a past.

use crate::{
    admit::{self, Source},
    cli::Failure,
    domain::{Attribution, Basis, Millis, PersonId, Reading, Road, Standing, Timestamp},
    intake::Item,
    store::{
        Change, CommitSeq, Counts, Fact, Registration, Store, StoreError, StoredReading,
        sqlite::SqliteStore,
    },
};

use super::world::{Random, Said, World, device_name, person_name, site_name, write_reading};

/// Registry rows of one unit.
const ROWS: usize = 5000;
/// Readings of one unit.
const UNIT: u64 = 50_000;
/// The past that is made up: it ends so long ago that no line has an open instant.
const PAST: Millis = Millis::days(400);
const PAST_ENDS: Millis = Millis::days(30);
/// The life of the devices' counters in the past.
const EPOCH: u64 = 1;

/// Registers the township in an empty store, and adds readings until there are so many.
pub(super) fn fill(
    store: &mut SqliteStore,
    world: World,
    wanted: u64,
    random: &mut Random,
) -> Result<(), Failure> {
    let now = world.now;
    if store.reader().last()? == CommitSeq::default() {
        register(store, world, now.minus(PAST))?;
    }
    let mut stored = store.reader().counts()?.stored;
    while stored < wanted {
        let next = wanted.min(stored.saturating_add(UNIT));
        let facts = (stored..next)
            .map(|number| Ok(Fact::Reading(Box::new(made_up(number, wanted, world, random)?))))
            .collect::<Result<Vec<_>, Failure>>()?;
        let count = next.saturating_sub(stored);
        let counts = Counts { received: count, stored: count, ..Counts::default() };
        commit(store, now, &facts, &[Change::Count(counts)])?;
        let last = store.reader().last()?;
        while store.roll_up(ROWS.saturating_mul(20))? < last {}
        store.checkpoint()?;
        stored = next;
        tracing::info!(stored, wanted, "filling");
    }
    Ok(())
}

fn commit(
    store: &mut SqliteStore,
    now: Timestamp,
    facts: &[Fact],
    changes: &[Change],
) -> Result<(), StoreError> {
    let mut unit = store.begin(now)?;
    unit.append(facts)?;
    unit.change(changes)?;
    unit.commit().map(|_proof| ())
}

fn register(store: &mut SqliteStore, world: World, at: Timestamp) -> Result<(), Failure> {
    let mut facts = Vec::with_capacity(ROWS);
    for row in world.rows() {
        let registration = Registration { row: row?, author: "bench".into(), at };
        facts.push(Fact::Registration(Box::new(registration)));
        if facts.len() >= ROWS {
            commit(store, at, &std::mem::take(&mut facts), &[])?;
        }
    }
    commit(store, at, &facts, &[])?;
    Ok(())
}

/// The reading of a number: made as JSON and admitted like any other, so that its row is real.
/// So many of them share the past evenly.
pub(super) fn made_up(
    number: u64,
    wanted: u64,
    world: World,
    random: &mut Random,
) -> Result<StoredReading, Failure> {
    let devices = u64::from(world.devices.max(1));
    let device = u32::try_from(number % devices).unwrap_or(0);
    let span = PAST.0.saturating_sub(PAST_ENDS.0);
    let share = i128::from(span).saturating_mul(i128::from(number)) / i128::from(wanted.max(1));
    let at = world.now.minus(PAST).plus(Millis(i64::try_from(share).unwrap_or(span)));
    let person = random.below(world.people);
    let said = Said { person, epoch: EPOCH, number: number / devices, at, crossing: false };
    let mut payload = Vec::new();
    write_reading(&mut payload, &said, random);
    let (person, device, site) = (person_name(person)?, device_name(device)?, site_name(device)?);
    let source = Source {
        road: Road::Mqtt,
        site: &site,
        device: &device,
        bench: None,
        model: None,
        received_at: at,
        live: false,
    };
    match admit::readings(&payload, &source).pop() {
        Some(Item::Reading(reading)) => Ok(stored(*reading, person)),
        other => Err(Failure::Failed(format!("a made-up reading was not admitted: {other:?}"))),
    }
}

fn stored(reading: Reading, person: PersonId) -> StoredReading {
    StoredReading {
        attribution: Some(Attribution { person, basis: Basis::Payload }),
        context: None,
        standing: Standing::Stored,
        late: false,
        possible_duplicate: false,
        server_at: reading.received_at,
        reading,
    }
}
