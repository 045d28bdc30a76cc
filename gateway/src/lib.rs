//! Xunzhen (巡诊): one path for every reading, at every level.
//!
//! The folders are the stages of that path, in its order: intake, admit, assess, care, commit, the
//! store, and what follows the log: notify, export, serve. ARCHITECTURE.md is the map.

mod asking;
pub mod config;
#[cfg(feature = "faults")]
mod fault;
pub mod heaps;
pub mod secrets;
pub mod supervise;
pub mod tls;

pub mod domain;

pub mod intake;

pub mod admit;

pub mod assess;

pub mod care;

pub mod commit;

pub mod receipt;

pub mod store;

pub mod suggest;

pub mod notify;

pub mod uplink;

pub mod enrol;

pub mod audit;

pub mod export;

pub mod trial;

pub mod slip;

pub mod serve;

pub mod cli;
