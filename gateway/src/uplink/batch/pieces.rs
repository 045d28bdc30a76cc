//! Messages whose body is bytes as they are: a piece of a roster, a certificate; and the question that
//! a certificate answers.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{
    chain::Hash,
    envelope::{EnvelopeError, Sealed},
    message::{Told, header, put},
};
use crate::{
    domain::{BoxId, Timestamp},
    uplink::GatewayKey,
};

/// A piece of a signed roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterPart {
    /// Who sends.
    pub told: Told,
    /// To whom.
    pub of: BoxId,
    /// The hash of the whole package.
    pub package: Hash,
    /// Its length.
    pub bytes: u64,
    /// Where the piece begins.
    pub at: u64,
    /// The piece.
    pub piece: Vec<u8>,
}

/// A box that was enrolled by a code asks whether it is time for another certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// Who asks.
    pub told: Told,
    /// The number of the certificate that it holds.
    pub serial: SmolStr,
}

/// What the gateway above says about a box's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// Who answers.
    pub told: Told,
    /// Whom.
    pub of: BoxId,
    /// The number of the certificate that counts.
    pub serial: SmolStr,
    /// It is good up to this instant.
    pub until: Timestamp,
    /// What time it is above.
    pub said_at: Timestamp,
    /// The certificate; empty: the box holds it.
    pub certificate: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RosterHeader {
    told: Told,
    of: BoxId,
    package: Hash,
    bytes: u64,
    at: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct CertifiedHeader {
    told: Told,
    of: BoxId,
    serial: SmolStr,
    until: Timestamp,
    said_at: Timestamp,
}

impl RosterPart {
    pub(super) fn put(&self, kind: u8, key: &GatewayKey) -> Result<Vec<u8>, EnvelopeError> {
        let Self { told, of, package, bytes, at, piece } = self;
        let (told, of) = (told.clone(), of.clone());
        let header = RosterHeader { told, of, package: *package, bytes: *bytes, at: *at };
        put(kind, &header, piece, key)
    }

    pub(super) fn take(sealed: &Sealed<'_>) -> Result<Self, EnvelopeError> {
        let RosterHeader { told, of, package, bytes, at } = header(sealed)?;
        Ok(Self { told, of, package, bytes, at, piece: sealed.body()? })
    }
}

impl Certified {
    pub(super) fn put(&self, kind: u8, key: &GatewayKey) -> Result<Vec<u8>, EnvelopeError> {
        let Self { told, of, serial, until, said_at, certificate } = self;
        let (told, of, serial) = (told.clone(), of.clone(), serial.clone());
        let header = CertifiedHeader { told, of, serial, until: *until, said_at: *said_at };
        put(kind, &header, certificate, key)
    }

    pub(super) fn take(sealed: &Sealed<'_>) -> Result<Self, EnvelopeError> {
        let CertifiedHeader { told, of, serial, until, said_at } = header(sealed)?;
        Ok(Self { told, of, serial, until, said_at, certificate: sealed.body()? })
    }
}
