//! Enrolment: how a box comes to be believed by the gateway above without anybody carrying keys.
//!
//! The gateway above makes a one-time code ([`Code`]) for a box. The box makes its own key, which never
//! leaves it, and says the code once over a line that is pinned to whoever made it; the gateway above
//! enters the box's row, answers with a certificate for the box's key, and burns the code, all in one
//! transaction. What the box got lies in one file ([`Enrolment`]).
//!
//! A code opens one box, once, for a day. Whom the gateway above believes is decided by the rows of its
//! registry alone, never by a certificate: a certificate says which box's key it is, and ends.
//! Certificates are judged by a time that cannot be set back ([`TimeFloor`]).

mod authority;
mod certificate;
mod client;
mod code;
mod enrolment;
mod floor;
pub mod join;
mod office;
mod spoken;
#[cfg(test)]
mod tests;

pub use authority::{
    Authority, AuthorityError, BOX_DAYS, SERVER_DAYS, Serial, ServerIdentity, Span,
};
pub use certificate::{Pin, box_of_certificate};
pub use client::{client_tls, pinned_tls};
pub use code::{CODE_HOURS, CODE_MAX, Code, NoCode, kept};
pub use enrolment::{Enrolled, Enrolment};
pub use floor::{TimeFloor, judged};
pub use office::{Office, Opens, RENEW_DAYS, Turned, due, weigh};
pub use spoken::{Answers, Asked, Asks, encoded};
