//! The writer's groups, on real stores and on the model.

mod afar;
mod anew;
mod at_bench;
mod benches;
mod cards;
mod carry;
mod claims;
mod context;
mod days;
mod events;
mod merges;
mod nobody;
mod once;
mod outcomes;
mod rebase;
mod said;
mod told;
mod tracked;
mod uploads;
mod visits;
mod watch;
