//! One-time codes for boxes, and the certificates that boxes got: rows, not facts. They judge nobody;
//! whom a gateway believes is decided by the rows of its registry.

use smol_str::SmolStr;

use super::StoreError;
use crate::domain::{BoxId, SiteId, Timestamp};

/// A one-time code for a box. The latest of a box counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxCode {
    /// The box that it opens.
    pub name: BoxId,
    /// What is kept of it.
    pub hash: [u8; 32],
    /// The site that the box will stand at.
    pub site: Option<SiteId>,
    /// The places that it will serve.
    pub serves: Vec<String>,
    /// When it was made.
    pub made_at: Timestamp,
    /// By whom.
    pub made_by: SmolStr,
    /// It opens nothing from here on.
    pub until: Timestamp,
    /// By whom it was used.
    pub used: Option<CodeUsed>,
}

/// A code opened its box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeUsed {
    /// When.
    pub at: Timestamp,
    /// The hash of the request: the same one again gets the same answer.
    pub request: [u8; 32],
    /// The key that the box has.
    pub key: String,
}

/// The newest certificate of a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoxCertificate {
    /// Whose.
    pub name: BoxId,
    /// Of which key.
    pub key: String,
    /// Its number.
    pub serial: SmolStr,
    /// When it was made.
    pub issued_at: Timestamp,
    /// It is good up to this instant.
    pub until: Timestamp,
    /// The hash of the token that the box got when it was enrolled.
    pub token: [u8; 32],
}

/// What changes about boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BoxChange {
    /// A code was made or used; replaced by its box.
    Code(Box<BoxCode>),
    /// A certificate was made; replaced by its box.
    Certificate(Box<BoxCertificate>),
}

/// Codes and certificates. A reader that does not say how refuses.
pub trait BoxReader {
    /// The latest code of a box.
    ///
    /// # Errors
    /// Any error of the store.
    fn box_code(&self, name: &BoxId) -> Result<Option<BoxCode>, StoreError> {
        none(name)
    }

    /// The newest certificate of a box.
    ///
    /// # Errors
    /// Any error of the store.
    fn box_certificate(&self, name: &BoxId) -> Result<Option<BoxCertificate>, StoreError> {
        none(name)
    }

    /// Boxes that have a code or a certificate, after a name.
    ///
    /// # Errors
    /// Any error of the store.
    fn boxes(&self, after: &str, limit: usize) -> Result<Vec<BoxId>, StoreError> {
        none((after, limit))
    }
}

fn none<A, T>(_asked: A) -> Result<T, StoreError> {
    Err(StoreError::Asked { what: "this reader knows no boxes" })
}
