//! Quantities, times, names, readings, people, alerts: types that cannot be wrong.
//!
//! Nothing here does I/O, reads a clock, or knows how a value is stored or sent.

mod alert;
mod assignment;
mod case;
mod check;
mod consent;
mod event;
mod id;
mod id_number;
mod identity;
mod initials;
mod link;
mod neighbour;
mod outcome;
mod place;
mod plan;
mod reading;
mod registry;
mod session;
mod time;
mod visit;

pub use alert::{
    Alert, AlertState, BOX_SILENT, CareLevel, Level, Reason, Rung, UNATTRIBUTED_EMERGENCY,
};
pub use assignment::{Assigned, NoAssignment, NoMoment, Span, answered, answering, at_once};
pub use case::case_code;
pub use check::{CAUSES, COHORT_TAGS, RowError};
pub use consent::{Consent, Use};
pub use event::{ActOutcome, Happened, Money, MoneyKind, PersonEvent, SiteAct, SiteDeed, standing};
pub use id::{
    AlertId, AlertKind, BenchId, BenchKind, BoxId, BoxKind, ContentDigest, ContentKind, DeviceId,
    DeviceKind, DoctorId, DoctorKind, EventId, EventKind, HouseholdId, HouseholdKind, Id, Key,
    KeyError, NAME_MAX, NOBODY, NameError, NotificationKey, NotificationKind, PersonId, PersonKind,
    ReadingId, ReadingKind, SILENT_SITE, SiteId, SiteKind,
};
pub use id_number::{IdNumber, NoIdNumber, number_of_card};
pub use identity::{
    Numbering, alert_id, card_digest, content_digest, event_content, event_id, id_number_digest,
    notification_key, quarantine_digest, raw_digest, reading_id, received_digest,
};
pub use initials::{initials, reading_of, surname_letters};
pub use link::{AlertLinks, LINK_MAX};
pub use neighbour::{BoxState, Neighbour};
pub use outcome::{AlertOutcome, OutcomeCode};
pub use place::{Bench, Duty, Pairing, Place, PlaceKind, TeamOf, Within};
pub use plan::{NoTarget, Plan, PlanError, TenthsMmol};
pub use reading::{
    Attribution, Basis, Reading, Remarks, Road, Sequence, Setting, Standing, flag_bits, meal_name,
};
pub use registry::{
    Attributes, Card, Dated, Device, Doctor, Household, Person, Registered, Sex, Site, SiteRole,
};
pub use session::{AtBench, OpenedBy};
pub use time::{Clock, Grade, Measured, Millis, Timestamp};
pub use visit::{Visit, VisitRejected};
