//! Whom a box believes at the other end of TLS: whoever it was enrolled by, whatever its own clock says.
//!
//! The name is always checked. The dates are checked against the box's clock first; where they do not
//! agree, what decides is the latest time that the gateway above has signed: a server certificate that
//! ended before it is refused, any other is taken with a warning, because a van whose clock is years
//! off must still hand up what it measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tracing::warn;

use super::{
    certificate::Pin,
    enrolment::{Enrolled, Enrolment},
};
use crate::domain::Timestamp;

/// What an enrolled box needs to speak TLS with the gateway above: that gateway's authority alone is
/// believed, and the box shows its own certificate, always the newest, where it is asked for one.
///
/// # Errors
/// The provider offers no common version; it does.
pub fn client_tls(enrolled: &Arc<Enrolled>) -> Result<Arc<ClientConfig>, Error> {
    let pinned = Pinned::of(Some(Arc::clone(enrolled)), enrolled.now().pin);
    let resolver = Arc::clone(enrolled) as Arc<dyn rustls::client::ResolvesClientCert>;
    let config = builder(pinned)?.with_client_cert_resolver(resolver);
    Ok(Arc::new(config))
}

/// What a box that has only a code needs: whoever shows the pinned key, or a chain to it.
///
/// # Errors
/// As [`client_tls`].
pub fn pinned_tls(pin: Pin) -> Result<Arc<ClientConfig>, Error> {
    Ok(Arc::new(builder(Pinned::of(None, pin))?.with_no_client_auth()))
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn builder(pinned: Pinned) -> Result<Builder, Error> {
    let provider = Arc::clone(&pinned.provider);
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned)))
}

/// Whoever shows the pinned key, or a chain to it or to the authority of the enrolment.
#[derive(Debug)]
pub(super) struct Pinned {
    enrolled: Option<Arc<Enrolled>>,
    pin: Pin,
    provider: Arc<CryptoProvider>,
    warned: AtomicBool,
}

impl Pinned {
    pub(super) fn of(enrolled: Option<Arc<Enrolled>>, pin: Pin) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Self { enrolled, pin, provider, warned: AtomicBool::new(false) }
    }

    fn algorithms(&self) -> &WebPkiSupportedAlgorithms {
        &self.provider.signature_verification_algorithms
    }

    /// The authorities that vouch: the one that the box was given, and one in the chain that is pinned.
    fn roots(&self, given: Option<&Enrolment>, chain: &[CertificateDer<'_>]) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        let pinned = chain.iter().filter(|one| Pin::of(one) == Some(self.pin));
        let given = given.map(|given| &given.ca);
        // One that cannot vouch vouches for nobody.
        roots.add_parsable_certificates(
            given.into_iter().chain(pinned).cloned().map(CertificateDer::into_owned),
        );
        roots
    }

    fn verifier(&self, roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let builder = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        );
        builder.build().map_err(|_no_roots| CertificateError::UnknownIssuer.into())
    }

    /// The time to look again with, where the dates do not agree with our clock.
    fn again(error: &Error, said_at: UnixTime) -> Option<UnixTime> {
        if let Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) = error
        {
            return (said_at <= *not_after).then_some(*not_after);
        }
        if let Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before, ..
        }) = error
        {
            return Some(*not_before);
        }
        None
    }
}

fn unix(at: Timestamp) -> UnixTime {
    let millis = u64::try_from(at.as_millis()).unwrap_or_default();
    UnixTime::since_unix_epoch(Duration::from_millis(millis))
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The handshake proves that it has this very key.
        if Pin::of(leaf) == Some(self.pin) {
            return Ok(ServerCertVerified::assertion());
        }
        let given = self.enrolled.as_ref().map(|enrolled| enrolled.now());
        let verifier = self.verifier(self.roots(given.as_ref(), chain))?;
        let said_at =
            given.map_or(UnixTime::since_unix_epoch(Duration::ZERO), |it| unix(it.said_at));
        let now = now.max(said_at);
        let error = match verifier.verify_server_cert(leaf, chain, name, &[], now) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        let Some(at) = Self::again(&error, said_at) else { return Err(error) };
        let verified = verifier.verify_server_cert(leaf, chain, name, &[], at)?;
        if !self.warned.swap(true, Ordering::Relaxed) {
            warn!(
                %error,
                "this gateway's clock and the certificate of the gateway above do not agree: set the \
                 clock, or renew that certificate; handing up goes on / 本机时钟与上级证书有效期不符"
            );
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, self.algorithms())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, self.algorithms())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms().supported_schemes()
    }
}
