//! The writer's groups, on real stores and on the model.

mod anew;
mod benches;
mod claims;
mod context;
mod events;
mod once;
mod rebase;
mod tracked;
mod watch;
