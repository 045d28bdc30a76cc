//! Simulated devices and places: real frames over serial lines and MQTT, seeded, with faults.
//!
//! Nothing here knows the gateway: what it is told, it is told over a wire. One seed gives one
//! world: the same people, the same values, the same faults, in the same order. Everything that a
//! device offers is in the [`Ledger`](ledger::Ledger), in exactly one of three states, so that a
//! test can compare what was sent with what was kept.
//!
//! 1. [`clock`] and [`chance`]: the time devices show, and chance without floats.
//! 2. [`body`]: blood pressures and glucose values of people who do not exist.
//! 3. [`device`]: what cuffs and meters put on the wire.
//! 4. [`fault`] and [`ledger`]: what goes wrong on the way, and the account of it.
//! 5. [`pty`] and [`mqtt`]: the two wires.
//! 6. [`world`]: a township, its places, and a day compressed into minutes.
//! 7. [`census`]: a registry of any size, as files.
//! 8. [`township`]: a whole township and its year, with the truth about everybody in it.
//! 9. [`benches`]: the benches of a van through a day, with the truth about every measurement.
//! 10. [`printer`]: a printer of slips, and what is on its paper.

pub mod benches;
pub mod body;
pub mod census;
pub mod chance;
pub mod clock;
pub mod device;
pub mod fault;
pub mod ledger;
pub mod mqtt;
pub mod printer;
pub mod pty;
pub mod township;
pub mod world;
