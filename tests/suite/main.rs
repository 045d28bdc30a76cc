//! The suites. Names that begin with `soak_` take minutes and have limits of their own
//! (.config/nextest.toml); what needs root, a loop device or a program of the system says so and
//! is skipped where it cannot run, unless `XUNZHEN_TESTS=all`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "clippy's exemptions for tests do not reach functions outside #[test]; seeds and \
              figures are printed"
)]

mod accounts;
mod bad_input;
mod bench;
mod claims;
mod clock;
mod context;
mod contract;
mod demo_van;
mod disk;
mod disk_image;
mod enrol;
mod enrolled;
mod events;
mod files;
mod fleet_alerts;
mod fleet_days;
mod floods;
mod identity;
mod kill;
mod links;
mod merges;
mod mutants;
mod oidc;
mod power;
mod receipts;
mod registry;
mod repeat;
mod roster;
mod rules;
mod screens;
mod shown_by;
mod silence;
mod slip;
mod tidy;
mod tiers;
mod tokens;
mod upgrade;
mod uplink;
mod uplink_facts;
mod uplink_packs;
mod visits;
mod web;

use std::path::Path;

use end_to_end::gateway::Setup;

/// The gateway that cargo built for these suites.
const GATEWAY: &str = env!("CARGO_BIN_EXE_gateway-under-test");

/// A gateway on a folder.
fn setup(folder: &Path) -> Setup {
    Setup::new(GATEWAY, folder)
}
