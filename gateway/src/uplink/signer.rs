//! The gateway's own key as TLS uses it: it signs that this box is here, and no private byte leaves it.
//!
//! What TLS signs begins with 64 spaces and its own words (RFC 8446, section 4.4.3), so no envelope,
//! roster or line of the audit log can be passed off as such a proof, nor the other way round.

use std::sync::Arc;

use rustls::{
    Error, SignatureAlgorithm, SignatureScheme,
    pki_types::SubjectPublicKeyInfoDer,
    sign::{Signer, SigningKey},
};

use super::GatewayKey;

/// A gateway's key for TLS.
#[must_use]
pub fn signer(key: Arc<GatewayKey>) -> Arc<dyn SigningKey> {
    Arc::new(BoxKey(key))
}

#[derive(Debug)]
struct BoxKey(Arc<GatewayKey>);

impl SigningKey for BoxKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let knows = offered.contains(&SignatureScheme::ED25519);
        knows.then(|| Box::new(Self(Arc::clone(&self.0))) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.0.public().to_spki().into())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for BoxKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign(message))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
