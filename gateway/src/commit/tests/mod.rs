//! The writer's groups, on real stores and on the model.

mod anew;
mod at_bench;
mod benches;
mod carry;
mod claims;
mod context;
mod days;
mod events;
mod merges;
mod nobody;
mod once;
mod rebase;
mod tracked;
mod visits;
mod watch;
