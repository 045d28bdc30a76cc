//! The writer's groups, on real stores and on the model.

mod anew;
mod claims;
mod context;
mod once;
