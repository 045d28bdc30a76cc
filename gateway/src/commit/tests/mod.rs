//! The writer's groups, on real stores and on the model.

mod anew;
mod benches;
mod claims;
mod context;
mod days;
mod events;
mod once;
mod tracked;
mod watch;
