//! `xunzhen bench attribute`: what it costs to say whose a reading is, beside appending it.

use std::io::Write;

use super::{
    SEED,
    figure::{Figure, each, ratio},
    fill::made_up,
    place::Place,
    usage::machine_load,
    world::{Random, World, device_name, person_name, site_name},
};
use crate::{
    assess::Pack,
    cli::{Failure, pieces},
    commit::cost_of_attribution,
    domain::{BenchId, Millis, OpenedBy, Reading, Registered, Timestamp},
    store::{CardScan, Fact, Registration, Store, StoredReading, sqlite::bare_append},
};

/// Readings of one group, as a busy gateway has them.
const GROUP: usize = 256;
/// Benches of the site with benches.
const BENCHES: u32 = 6;
/// From one card at a bench to the next (issue 4, figures: 4 to 6 minutes a person).
const VISIT: Millis = Millis::minutes(5);
/// From a card to the value, and longer than any cuff measures.
const UNTIL_VALUE: Millis = Millis::minutes(2);

/// Whose a reading is, beside appending it
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Attribute {
    /// Readings of each kind
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    readings: u32,
    /// People among whom they are shared out; more than these, and their devices, the writer does not
    /// keep in mind
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    people: u32,
    /// The seed of everything random
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

/// By what a reading is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Payload,
    Owner,
    Session,
}

/// `bench attribute`.
pub(super) fn run(command: &Attribute, out: &mut dyn Write) -> Result<(), Failure> {
    let world = World::new(command.people, command.people);
    let (place, mut random) = (Place::temporary()?, Random::new(command.seed));
    let mut store = place.open()?;
    register(&mut store, world)?;
    let total = u64::from(command.readings);
    let mut readings = Vec::new();
    for number in 0..total {
        readings.push(made_up(number, total, world, &mut random)?);
    }
    let begin = tokio::time::Instant::now();
    bare_append(&place.dir().join("bare.db"), &readings, GROUP)?;
    let bare = each(begin.elapsed().as_nanos(), total);

    let mut figure = Figure::new("attribute", command.seed);
    figure.add("readings", total);
    figure.add("people", command.people);
    figure.add("bare_append_ns", bare);
    let mut all = true;
    for (by, [nanos, of_bare]) in [
        (By::Payload, ["payload_ns", "payload_of_bare_append"]),
        (By::Owner, ["device_owner_ns", "device_owner_of_bare_append"]),
        (By::Session, ["bench_session_ns", "bench_session_of_bare_append"]),
    ] {
        let pack = pieces::pack(None, Pack::draft)?;
        let asked = asked(by, &readings, world)?;
        // The unit is dropped: nothing of it is kept.
        let mut unit = store.begin(world.now)?;
        let cost = cost_of_attribution(unit.as_mut(), pack, asked, (GROUP, world.now))?;
        let each = each(cost.time.as_nanos(), total);
        figure.add(nanos, each);
        figure.add(of_bare, ratio(each, bare));
        all &= cost.attributed == total;
    }
    figure.add("every_one_is_somebodys", all);
    figure.add("machine_load", machine_load());
    figure.tell(out)?;
    if all { Ok(()) } else { Err(Failure::AnsweredNo) }
}

/// The township; each of its devices is one person's, and a van's six are nobody's.
fn register(store: &mut dyn Store, world: World) -> Result<(), Failure> {
    let at = world.now.minus(Millis::days(500));
    let mut facts = Vec::new();
    for (number, row) in world.rows().enumerate() {
        let mut row = row?;
        if let Registered::Device(device) = &mut row {
            let number = u32::try_from(number).unwrap_or(0);
            device.owner = Some(person_name(number % world.people)?);
        }
        let registration = Registration { row, author: "bench".into(), at };
        facts.push(Fact::Registration(Box::new(registration)));
    }
    let mut unit = store.begin(world.now)?;
    unit.append(&facts)?;
    unit.commit()?;
    Ok(())
}

fn asked(
    by: By,
    stored: &[StoredReading],
    world: World,
) -> Result<(Vec<CardScan>, Vec<Reading>), Failure> {
    let (mut cards, mut readings) = (Vec::new(), Vec::new());
    for (number, stored) in (0_u32..).zip(stored) {
        let mut reading = stored.reading.clone();
        match by {
            By::Payload => {}
            By::Owner => reading.remarks.person = None,
            By::Session => cards.push(at_bench(&mut reading, number, world)?),
        }
        readings.push(reading);
    }
    Ok((cards, readings))
}

/// A reading becomes one of a van's bench, in the session of somebody who was looked up before.
fn at_bench(reading: &mut Reading, number: u32, world: World) -> Result<CardScan, Failure> {
    let bench = number % BENCHES;
    let visits = i64::from(number / BENCHES);
    let began: Timestamp =
        world.now.minus(Millis::days(400)).plus(Millis(visits.saturating_mul(VISIT.0)));
    let name = BenchId::new(&format!("B{bench}")).map_err(|error| Failure::of(&error))?;
    reading.remarks.person = None;
    reading.site = site_name(0)?;
    reading.device = device_name(world.people.saturating_add(bench))?;
    reading.bench = Some(name.clone());
    reading.device_time = None;
    reading.received_at = began.plus(UNTIL_VALUE);
    reading.measured.at = reading.received_at;
    reading.measured.grade = crate::domain::Grade::A;
    Ok(CardScan {
        site: reading.site.clone(),
        bench: name,
        card: String::new(),
        person: Some(person_name(number % world.people)?),
        at: began,
        received_at: began,
        out: false,
        opened_by: OpenedBy::Staff("bench".into()),
    })
}
