//! Pages without script: for weak phones, for links in messages, and where the script pages were not
//! built. Chinese first, English second; every page says of when its data is.

mod access_words;
pub(super) mod account;
pub(super) mod alert;
pub(super) mod bench;
pub(super) mod board;
mod care_forms;
mod chart;
pub(super) mod docs;
pub(super) mod files;
mod form_words;
pub(super) mod inbox;
pub(super) mod indicators;
pub(super) mod link;
mod marks;
mod neighbours;
pub(super) mod oidc;
mod page;
pub(super) mod people;
mod person_words;
pub(super) mod quarantine;
pub(super) mod receipts;
mod role_words;
pub(super) mod session;
pub(super) mod sign_in;
pub(super) mod start;
mod words;

#[cfg(test)]
pub(super) use page::STYLE;
