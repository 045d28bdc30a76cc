//! The writer's groups, on real stores and on the model.

mod anew;
mod context;
mod once;
mod tracked;
