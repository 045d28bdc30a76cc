//! The harness must go red where a promise is broken: three deliberate mutants of the gateway, each
//! of which it has to catch (GUARANTEES 1.4, calibration).

#![cfg(feature = "faults")]

use end_to_end::{audit, places::Disk, places::in_own_mounts, webhook::Sink};
use tempfile::tempdir;

use crate::{kill, power, setup};

/// Tries that the harness has to catch a mutant.
const TRIES: u32 = 20;

/// Some line of the audit tells of this.
fn tells(found: &[String], what: &str) -> bool {
    found.iter().any(|line| line.contains(what))
}

#[test]
fn soak_acknowledging_before_the_sync_is_caught_by_kills() {
    let (folder, scratch, sink) = (tempdir().unwrap(), tempdir().unwrap(), Sink::open());
    let sound = setup(folder.path());
    let mut ledger = kill::prepare(&sound, scratch.path(), &sink, 0x5EED_0301);
    let mutant = sound.with("XUNZHEN_MUTANT", "ack_before_sync");
    let mut random = fastrand::Rng::with_seed(0x5EED_0301);
    let caught = (1..=TRIES).find(|_| {
        kill::live_and_die(&mutant, &mut ledger, &mut random);
        tells(&audit::file(folder.path(), &ledger), "lost after its acknowledgement")
    });
    println!("caught at try {}", caught.expect("the harness does not see lost readings"));
}

#[test]
fn soak_synchronous_normal_is_caught_by_power_cuts() {
    let test = "mutants::soak_synchronous_normal_is_caught_by_power_cuts";
    in_own_mounts(test, &["xfs_io"], || {
        let (disk, scratch, sink) = (Disk::new(power::DISK_MIB), tempdir().unwrap(), Sink::open());
        let folder = disk.path().join("store");
        let sound = setup(&folder);
        let mut ledger = kill::prepare(&sound, scratch.path(), &sink, 0x5EED_0302);
        let mutant = sound.with("XUNZHEN_MUTANT", "synchronous_normal");
        let mut random = fastrand::Rng::with_seed(0x5EED_0302);
        let caught = (1..=TRIES).find(|_| {
            power::live_until_cut((&disk, &mutant), &mut ledger, &mut random);
            tells(&audit::file(&folder, &ledger), "lost after its acknowledgement")
        });
        println!("caught at try {}", caught.expect("the harness does not see unsynced readings"));
    });
}

#[test]
fn soak_an_outbox_in_its_own_transaction_is_caught_by_kills() {
    let (folder, scratch, sink) = (tempdir().unwrap(), tempdir().unwrap(), Sink::open());
    let sound = setup(folder.path());
    let mut ledger = kill::prepare(&sound, scratch.path(), &sink, 0x5EED_0303);
    let mutant = sound.with("XUNZHEN_MUTANT", "outbox_apart");
    let caught = (1..=TRIES).find(|passes| {
        let doomed = mutant.clone().with("XUNZHEN_FAIL", &format!("outbox_apart:{passes}"));
        kill::live_until_it_dies(&doomed, &mut ledger);
        tells(&audit::file(folder.path(), &ledger), "owed and not in the outbox")
    });
    println!("caught at try {}", caught.expect("the harness does not see missing messages"));
}
