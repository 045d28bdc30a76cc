//! What goes over HTTP, exactly: the only types that outsiders' JSON is read into and written from.
//!
//! Times are RFC 3339 on the clocks of China, numbers are in the device's own units and exact. A
//! member is never left out: what is unknown or not for this reader is `null`.

mod account;
mod admin;
mod alert;
mod audit;
mod bench;
mod board;
mod event;
mod happened;
mod held;
mod indicators;
mod list;
mod live;
mod me;
mod merge;
mod outcome;
mod person;
mod query;
mod reading;
mod receipt;

pub use account::{
    AccountAsked, AccountChange, AccountChanged, AccountForm, AccountPageAsked, AccountShown,
    GlassAsked, GlassShown, Hidden, Paged, SentBack, SessionShown, SignInForm,
};
pub use admin::{
    BackupAsked, Checked, GatewayKeyTold, LoginLinkAsked, LoginLinkMade, RegistryCounted,
    RosterAsked, RosterMade, RosterOffered, RosterTaken, RowNote, Stats, TokenAsked, TokenMade,
};
pub use alert::{
    Alert, AlertStep, ForwardAsked, NoteAsked, Reason, SymptomOffered, TextAsked, VisitAsked,
    VisitRefused, VisitTold,
};
pub use audit::{AuditAsked, AuditLine};
pub use bench::{CardAsked, CardForm, CardTaken, OperatorSaid, SessionOf};
pub use board::{Board, Hour, Open, SendingState, Site, Village};
pub use event::Event;
pub use happened::{
    EventKept, EventLine, EventsCounted, EventsEntered, FollowUpAsked, MoneyAsked, SiteActAsked,
    VoidAsked,
};
pub use held::{ClaimAsked, Decision, QuarantineItem, ReasonAsked, RefusedItem};
pub use indicators::{Categories, IndicatorMonth, Indicators, Share};
pub use list::{ErrorBody, Events, List};
pub use live::{LiveEvent, Ring, Snapshot};
pub use me::Me;
pub use merge::{Evidence, Merge, MergeAsked, MergeProposed, MergeTold, Suggestion, Undone};
pub use outcome::{OutcomeAsked, OutcomeTold};
pub use person::{
    Contradiction, Correction, Estimate, Latest, Line, Message, Person, PersonRow, Plan,
    TimelineItem, Tracking,
};
pub use query::{
    AlertsAsked, BenchForm, BoardAsked, EventsAsked, FormSent, HeldAsked, IndicatorsAsked,
    PageAsked, PageWords, PeopleAsked, PrintForm, ReadingsAsked, RegistryAsked, SlipAsked,
    TimelineAsked, TypedForm,
};
pub use reading::{Delivered, DeliveredItem, Number, Reading, Value};
pub use receipt::{
    Receipt, ReceiptAsked, ReceiptFirst, ReceiptOfVillage, ReceiptTold, ReceiptsAsked,
};
