//! HTTP: JSON, pages without script, live events, and the operator's own door.
//!
//! Follows the log and asks the store's reading side; everything that changes anything goes through
//! the one writer, and is answered only when it is on disk. Every query about people takes the
//! caller's scope. Nothing here can slow or fail ingest: questions to the store, bodies and streams
//! are bounded, and a slow reader is cut off.

mod accounts;
mod admin;
mod admin_enrol;
mod admin_events;
mod admin_keys;
mod admin_receipts;
mod admin_roster;
mod admin_slip;
mod admin_tokens;
mod answers;
mod api;
mod assets;
mod bundle;
mod caller;
mod describe;
mod extract;
mod http;
mod indicators;
mod links;
mod live;
pub mod metrics;
mod oidc;
mod openapi;
mod pages;
mod prompt;
mod refusal;
mod rehearse;
mod router;
mod scope;
mod secret;
mod sessions;
mod shared;
mod slips;
#[cfg(test)]
mod tests;
mod trail;
mod weigh;
pub mod wire;

pub use self::{
    accounts::AccountRules,
    admin::admin_router,
    bundle::{Asset, Bundle},
    caller::Grant,
    http::{CONNECTIONS_MAX, Listener, serve_http},
    indicators::{Latest, follow as follow_indicators},
    links::open as open_links,
    oidc::{NoClient, Oidc, OidcSettings},
    openapi::described,
    router::router,
    secret::NoRandomness,
    sessions::{IDLE_MAX, SESSION_MAX},
    shared::{
        Admit, Known, LineBand, Lines, PackSummary, Parts, PostedReadings, Seen, Settings, Shared,
        Weighed,
    },
};
