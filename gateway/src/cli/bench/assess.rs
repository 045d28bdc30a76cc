//! `xunzhen bench assess`: one step of the lines, beside a bare comparison of the same value.

use std::{hint::black_box, io::Write};

use firmware_protocols::{Decimal, Measurement};
use tokio::time::Instant;

use super::{
    SEED,
    figure::{Figure, each, ratio},
    fill::made_up,
    usage::machine_load,
    world::{Random, World},
};
use crate::{
    assess::{Fact, Pack, Patient, State},
    cli::{Failure, pieces},
    domain::PersonId,
};

/// One step of the lines beside a bare comparison
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct Assess {
    /// Readings
    #[arg(long, default_value_t = 500_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    readings: u32,
    /// People among whom they are shared out
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    people: u32,
    /// The seed of everything random
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

/// `bench assess`.
pub(super) fn run(command: &Assess, out: &mut dyn Write) -> Result<(), Failure> {
    let pack = pieces::pack(None, Pack::draft)?;
    let world = World::new(command.people, 100);
    let mut random = Random::new(command.seed);
    let total = u64::from(command.readings);
    let mut readings = Vec::new();
    for number in 0..total {
        readings.push(made_up(number, total, world, &mut random)?);
    }
    let mut files: std::collections::HashMap<PersonId, (Patient, State)> = readings
        .iter()
        .filter_map(|stored| stored.attribution.as_ref())
        .map(|whose| (whose.person.clone(), (Patient::new(whose.person.clone()), State::new())))
        .collect();

    let begin = Instant::now();
    let mut over = 0_u64;
    for stored in &readings {
        over = over.saturating_add(u64::from(crosses(&black_box(stored).reading.measurement)));
    }
    let bare = begin.elapsed();

    let (mut steps, mut refused) = (Vec::new(), 0_u64);
    let begin = Instant::now();
    for stored in &readings {
        let whose = stored.attribution.as_ref();
        let Some((patient, state)) = whose.and_then(|whose| files.get_mut(&whose.person)) else {
            continue;
        };
        let Some(fact) = Fact::of_reading(&pack, stored, None) else { continue };
        refused = refused
            .saturating_add(u64::from(state.apply(&pack, patient, &fact, &mut steps).is_err()));
    }
    let judged = begin.elapsed();

    let nanos = |time: std::time::Duration| each(time.as_nanos(), total);
    let mut figure = Figure::new("assess", command.seed);
    figure.add("readings", total);
    figure.add("people", command.people);
    figure.add("crossings_of_the_bare_line", over);
    figure.add("steps", steps.len());
    figure.add("out_of_order", refused);
    figure.add("assess_ns", nanos(judged));
    figure.add("bare_comparison_ns", nanos(bare));
    figure.add("assess_of_bare", ratio(nanos(judged), nanos(bare)));
    figure.add("state_bytes_inline", size_of::<State>());
    figure.add("patient_bytes_inline", size_of::<Patient>());
    figure.add("machine_load", machine_load());
    figure.tell(out)?;
    Ok(())
}

/// What a textbook would do: one comparison.
fn crosses(measurement: &Measurement) -> bool {
    match measurement {
        Measurement::BloodPressure(pressure) => pressure.systolic >= Decimal::new(180, 0),
        Measurement::Glucose(_) => false,
    }
}
