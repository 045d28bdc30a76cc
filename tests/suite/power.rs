//! A power cut at any instant loses nothing that was acknowledged (promise P1).
//!
//! The power of an ext4 on a loop device is cut by its shutdown call: what was not synced is gone.
//! The first test proves that the tool does that here, for a tool that cut nothing would prove
//! nothing.

use std::{
    fs::{self, File},
    io::Write,
    sync::atomic::Ordering,
    time::Duration,
};

use end_to_end::{
    audit,
    gateway::{READY, Setup},
    ledger::Ledger,
    load,
    patience::wait_at_most,
    places::{Disk, in_own_mounts},
    skip,
    webhook::Sink,
};
use tempfile::tempdir;

use crate::{kill, setup};

/// Cuts of one shard; the shards together make the 40 that the issue asks for.
const CUTS: u32 = 20;

/// The same in the long form.
const CUTS_LONG: u32 = 250;

/// Longest time between the first acknowledgement and the cut.
const LIFE_MAX_MS: u64 = 300;

/// Room for a store of a test.
pub(crate) const DISK_MIB: u64 = 256;

/// Starts the gateway on a disk, lets every device publish, cuts the power at a random time, and
/// gives the power back.
pub(crate) fn live_until_cut(
    (disk, setup): (&Disk, &Setup),
    ledger: &mut Ledger,
    random: &mut fastrand::Rng,
) {
    let gateway = setup.start();
    let life = Duration::from_millis(random.u64(1..=LIFE_MAX_MS));
    let address = gateway.mqtt;
    load::run(ledger, address, |progress| {
        let begun = wait_at_most(READY, || progress.begun());
        assert!(begun.is_some(), "nothing was acknowledged; its log:\n{}", gateway.process.log());
        wait_at_most(life, || None::<()>);
        progress.cut.store(true, Ordering::SeqCst);
        disk.cut();
        gateway.kill();
    });
    disk.unmount();
    disk.mount();
}

fn check(test: &str, seed: u64) {
    in_own_mounts(test, &["xfs_io"], || {
        let cuts = if skip::long() { CUTS_LONG } else { CUTS };
        println!("seed {seed}, {cuts} cuts");
        let (disk, scratch, sink) = (Disk::new(DISK_MIB), tempdir().unwrap(), Sink::open());
        let folder = disk.path().join("store");
        let setup = setup(&folder);
        let mut ledger = kill::prepare(&setup, scratch.path(), &sink, seed);
        let mut random = fastrand::Rng::with_seed(seed);
        for cut in 1..=cuts {
            live_until_cut((&disk, &setup), &mut ledger, &mut random);
            let found = audit::file(&folder, &ledger);
            assert!(found.is_empty(), "seed {seed}, cut {cut}: {found:#?}");
        }
        let found = kill::settle(&setup, &mut ledger);
        assert!(found.is_empty(), "seed {seed}, after {cuts} cuts: {found:#?}");
        println!("{} readings acknowledged over {cuts} cuts, none lost", ledger.acknowledged());
    });
}

#[test]
fn the_cut_takes_what_was_not_synced_and_leaves_what_was() {
    let test = "power::the_cut_takes_what_was_not_synced_and_leaves_what_was";
    in_own_mounts(test, &["xfs_io"], || {
        let disk = Disk::new(16);
        let write = |name: &str, synced: bool| {
            let mut file = File::create(disk.path().join(name)).unwrap();
            file.write_all(name.as_bytes()).unwrap();
            if synced {
                file.sync_all().unwrap();
            }
        };
        write("synced", true);
        write("unsynced", false);
        let read = |name: &str| fs::read_to_string(disk.path().join(name)).unwrap_or_default();
        assert_eq!(read("unsynced"), "unsynced", "both can be read before the cut");
        disk.cut();
        disk.unmount();
        disk.mount();
        assert_eq!(read("synced"), "synced");
        assert_eq!(read("unsynced"), "", "the tool cuts nothing here");
    });
}

#[test]
fn soak_power_cuts_lose_nothing_first_half() {
    check("power::soak_power_cuts_lose_nothing_first_half", 0x5EED_0101);
}

#[test]
fn soak_power_cuts_lose_nothing_second_half() {
    check("power::soak_power_cuts_lose_nothing_second_half", 0x5EED_0102);
}
