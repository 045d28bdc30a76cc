//! What is read from certificates: whose key it is, and by what a certificate is known.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::{domain::BoxId, uplink::PublicKey};

/// How a certificate names a box.
pub(super) const BOX_URI: &str = "urn:xunzhen:box:";

/// What stands before the 32 bytes of an Ed25519 key (RFC 8410, section 4).
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The box that a certificate names, and its key. Whether to believe the certificate is another matter:
/// its chain and its dates were checked before, and the registry decides about the box.
#[must_use]
pub fn box_of_certificate(certificate: &CertificateDer<'_>) -> Option<(BoxId, PublicKey)> {
    let parsed = EndEntityCert::try_from(certificate).ok()?;
    let mut boxes = parsed.valid_uri_names().filter_map(|uri| uri.strip_prefix(BOX_URI));
    // A certificate that names two boxes is nobody's.
    let (Some(name), None) = (boxes.next(), boxes.next()) else { return None };
    let info = parsed.subject_public_key_info();
    let key = info.as_ref().strip_prefix(ED25519.as_slice())?;
    Some((BoxId::new(name).ok()?, PublicKey::from_bytes(key.try_into().ok()?)))
}

/// Bytes of a pin: 128 bits, against which nobody can make a key.
const PIN_BYTES: usize = 16;

/// By what a certificate's key is known: the beginning of the hash of its public key with its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pin([u8; PIN_BYTES]);

impl Pin {
    /// The pin of a certificate; `None` where it is none.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = EndEntityCert::try_from(certificate).ok()?;
        let hash = blake3::hash(parsed.subject_public_key_info().as_ref());
        hash.as_bytes().first_chunk().copied().map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PIN_BYTES] {
        &self.0
    }

    /// The pin that these bytes are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; PIN_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// A text is no pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 22 letters, digits, - or _")]
pub struct NoPin;

impl FromStr for Pin {
    type Err = NoPin;

    fn from_str(text: &str) -> Result<Self, NoPin> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_invalid| NoPin)?;
        bytes.try_into().map(Self).map_err(|_other_length| NoPin)
    }
}
