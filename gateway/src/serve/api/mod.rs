//! JSON under `/api/v1`.

pub(super) mod accounts;
pub(super) mod alerts;
pub(super) mod audit;
pub(super) mod bench;
pub(super) mod board;
pub(super) mod decide;
pub(super) mod enrol;
pub(super) mod glass;
pub(super) mod happened;
pub(super) mod health;
pub(super) mod held;
pub(super) mod indicators;
pub(super) mod live;
pub(super) mod me;
pub(super) mod merge;
pub(super) mod outcomes;
pub(super) mod people;
pub(super) mod post;
pub(super) mod readings;
pub(super) mod receipts;
pub(super) mod uplink;
pub(super) mod visits;
pub(super) mod void;
