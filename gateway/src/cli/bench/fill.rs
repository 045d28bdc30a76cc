//! Fills a store through the writer, in large units, so that a benchmark finds a file with a past.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::{
    admit::{self, Source},
    assess::Pack,
    cli::Failure,
    commit::{self, Settings, Trust},
    domain::{
        Attributes, Attribution, Basis, BoxId, BoxState, Clock, DeviceId, Millis, Neighbour,
        PersonId, Reading, Registered, Road, Standing, Timestamp,
    },
    intake::{Inlet, Item, Pending},
    store::{
        Change, CommitSeq, Fact, Registration, Role, Store, StoreError, StoredReading, TokenRow,
        sqlite::SqliteStore,
    },
    supervise::Supervisor,
    uplink::PublicKey,
};

use super::world::{Random, Said, World, device_name, person_name, site_name, write_reading};

/// Registry rows of one unit.
const ROWS: usize = 5000;
/// Readings of one delivery, and of the writer's transaction.
const UNIT: u64 = 16_384;
/// Readings after which progress is told.
const TOLD_EVERY: u64 = 500_000;
/// The past that is made up: it ends so long ago that no line has an open instant.
const PAST: Millis = Millis::days(400);
const PAST_ENDS: Millis = Millis::days(30);
/// The life of the devices' counters in the past.
const EPOCH: u64 = 1;

/// Registers the township in an empty store, and adds readings until there are so many: through the
/// writer, as if they had come when they were taken, so that the past is as a gateway leaves it.
pub(super) fn fill(
    mut store: SqliteStore,
    world: World,
    wanted: u64,
    random: &mut Random,
) -> Result<(), Failure> {
    if store.reader().last()? == CommitSeq::default() {
        register(&mut store, world, world.now.minus(PAST))?;
    }
    let stored = store.reader().counts()?.stored;
    if stored >= wanted {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (supervisor, _entered) = (Supervisor::new(), runtime.enter());
    let settings = Settings {
        pack: Arc::new(Pack::built_in().map_err(|error| Failure::of(&error))?),
        people_cached: usize::try_from(world.people).unwrap_or(usize::MAX).saturating_mul(2),
        clock: Clock::scripted(past),
        trust: Trust::default(),
        pace: commit::Pace::REAL,
        silent_after: commit::SILENT_AFTER,
    };
    let writer = commit::start(Box::new(store), settings, &supervisor)?;
    let delivered = runtime.block_on(deliver(&writer.inlet, stored..wanted, world, random));
    supervisor.stop();
    runtime.block_on(supervisor.wait()).map_err(Failure::Failed)?;
    delivered
}

/// What the clock says while the past is made up, in milliseconds.
static PAST_NOW: AtomicI64 = AtomicI64::new(0);

fn past() -> Timestamp {
    Timestamp::from_millis(PAST_NOW.load(Ordering::Relaxed))
}

async fn deliver(
    inlet: &Inlet,
    numbers: std::ops::Range<u64>,
    world: World,
    random: &mut Random,
) -> Result<(), Failure> {
    let (mut next, wanted) = (numbers.start, numbers.end);
    let mut waiting: Option<Pending> = None;
    while next < wanted {
        let end = wanted.min(next.saturating_add(UNIT));
        let mut items = Vec::new();
        let mut last = past();
        for number in next..end {
            let reading = made_up(number, wanted, world, random)?.reading;
            last = reading.received_at;
            items.push(Item::Reading(Box::new(reading)));
        }
        // The one before must be judged in its own time.
        if let Some(pending) = waiting.take() {
            pending.receipt().await.map_err(|error| Failure::of(&error))?;
        }
        PAST_NOW.store(last.as_millis(), Ordering::Relaxed);
        let pending = inlet.deliver(items, 1).await.map_err(|error| Failure::of(&error))?;
        waiting = Some(pending);
        next = end;
        if next % TOLD_EVERY < UNIT {
            tracing::info!(stored = next, wanted, "filling");
        }
    }
    match waiting {
        Some(pending) => pending.receipt().await.map(|_receipt| ()),
        None => Ok(()),
    }
    .map_err(|error| Failure::of(&error))
}

fn commit(store: &mut SqliteStore, now: Timestamp, facts: &[Fact]) -> Result<(), StoreError> {
    let mut unit = store.begin(now)?;
    unit.append(facts)?;
    unit.commit().map(|_proof| ())
}

/// A gateway below, believed from now on, with a token of its own.
pub(super) fn enter_box(
    store: &mut SqliteStore,
    (name, key): (&BoxId, PublicKey),
    (token, epoch): (&str, u64),
) -> Result<(), Failure> {
    let now = Clock::system().now();
    let row = Registered::Box(Neighbour {
        name: name.clone(),
        key: key.to_string(),
        site: None,
        serves: Vec::new(),
        state: BoxState::Enabled,
        epoch: Some(epoch),
        attributes: Attributes::new(),
    });
    let mut unit = store.begin(now)?;
    unit.append(&[Fact::Registration(Box::new(Registration {
        row,
        author: "bench".into(),
        at: now,
    }))])?;
    unit.change(&[Change::Token(Box::new(TokenRow {
        hash: *blake3::hash(token.as_bytes()).as_bytes(),
        role: Role::Device,
        place: None,
        doctor: None,
        device: Some(DeviceId::new(name.as_str()).map_err(|error| Failure::of(&error))?),
        created_at: now,
        revoked_at: None,
    }))])?;
    unit.commit()?;
    Ok(())
}

fn register(store: &mut SqliteStore, world: World, at: Timestamp) -> Result<(), Failure> {
    let mut facts = Vec::with_capacity(ROWS);
    for row in world.rows() {
        let registration = Registration { row: row?, author: "bench".into(), at };
        facts.push(Fact::Registration(Box::new(registration)));
        if facts.len() >= ROWS {
            commit(store, at, &std::mem::take(&mut facts))?;
        }
    }
    commit(store, at, &facts)?;
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
        attribution: Some(Attribution::new(person, Basis::Payload)),
        context: None,
        told_symptoms: Vec::new(),
        standing: Standing::Stored,
        late: false,
        possible_duplicate: false,
        server_at: reading.received_at,
        rebased_at: None,
        reading,
    }
}
