//! What goes over HTTP, exactly: the only types that outsiders' JSON is read into and written from.
//!
//! Times are RFC 3339 on the clocks of China, numbers are in the device's own units and exact. A
//! member is never left out: what is unknown or not for this reader is `null`.

mod admin;
mod alert;
mod board;
mod happened;
mod held;
mod indicators;
mod list;
mod live;
mod me;
mod person;
mod query;
mod reading;

pub use admin::{
    BackupAsked, Checked, LoginLinkAsked, LoginLinkMade, RegistryCounted, RowNote, Stats,
    TokenAsked, TokenMade,
};
pub use alert::{Alert, AlertStep, ForwardAsked, NoteAsked, Reason, TextAsked};
pub use board::{Board, Hour, Open, SendingState, Site, Village};
pub use happened::{EventKept, EventLine, EventsCounted, EventsEntered, FollowUpAsked, MoneyAsked};
pub use held::{ClaimAsked, Decision, QuarantineItem, ReasonAsked, RefusedItem};
pub use indicators::{Categories, IndicatorMonth, Indicators, Share};
pub use list::{ErrorBody, Events, List};
pub use live::{LiveEvent, Snapshot};
pub use me::Me;
pub use person::{
    Contradiction, Correction, Estimate, Latest, Line, Person, PersonRow, Plan, TimelineItem,
    Tracking,
};
pub use query::{
    AlertsAsked, BoardAsked, EventsAsked, FormSent, HeldAsked, IndicatorsAsked, PageAsked,
    PageWords, PeopleAsked, ReadingsAsked, RegistryAsked, TimelineAsked,
};
pub use reading::{Delivered, DeliveredItem, Number, Reading, Value};
