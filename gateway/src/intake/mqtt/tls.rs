//! The listener's door with TLS: who comes in by a certificate is known by the key that they prove to
//! have, and by nothing that a certificate or a packet says (ATTACKS 2.3).
//!
//! A certificate must end at an authority of ours, be a client's, and be in force by a time that does
//! not run back; and its key must stand in an enabled row of the registry. All of it is checked within
//! the handshake, before a byte of MQTT is read. Sessions are never resumed: a ticket would let in who
//! was withdrawn since.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme, SupportedProtocolVersion,
    client::danger::HandshakeSignatureValid,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime},
    server::{
        NoServerSessionStorage, ParsedCertificate, VerifierBuilderError, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    time_provider::TimeProvider,
    version::{TLS12, TLS13},
};
use smol_str::SmolStr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tracing::{debug, info};

use super::{
    denied::{By, Denial, UNKNOWN},
    limits::FAREWELL,
    shared::{Door, Shared},
};
use crate::{
    intake::{BoxBook, Standing},
    tls::{TlsError, unusable},
    uplink::PublicKey,
};

/// What a door with TLS is made of.
#[derive(Debug)]
pub struct TlsDoor {
    /// What it shows of itself, its own certificate first, and the key of that.
    pub own: (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
    /// Who vouches for boxes.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Whose keys are known.
    pub boxes: BoxBook,
    /// The time by which certificates are judged.
    pub time: Arc<dyn TimeProvider>,
    /// TLS 1.2 is taken as well, for old gear.
    pub old_gear: bool,
    /// Nobody comes in without a certificate.
    pub certificate_required: bool,
}

const OLD_AND_NEW: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const NEW: &[&SupportedProtocolVersion] = &[&TLS13];

impl TlsDoor {
    /// The door as the listener uses it.
    ///
    /// # Errors
    /// Certificate and key do not go together, or an authority can vouch for nobody.
    pub fn acceptor(self) -> Result<TlsAcceptor, TlsError> {
        let Self { own, authorities, boxes, time, old_gear, certificate_required } = self;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots.add(authority).map_err(unusable)?;
        }
        let chain = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
        let chain = if certificate_required { chain } else { chain.allow_unauthenticated() };
        let chain = chain.build().map_err(|error| unusable(no_authority(&error)))?;
        let mut config = ServerConfig::builder_with_details(provider, time)
            .with_protocol_versions(if old_gear { OLD_AND_NEW } else { NEW })
            .map_err(unusable)?
            .with_client_cert_verifier(Arc::new(BoxVerifier { chain, boxes }))
            .with_single_cert(own.0, own.1)
            .map_err(unusable)?;
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn no_authority(error: &VerifierBuilderError) -> Error {
    Error::General(error.to_string())
}

tokio::task_local! {
    /// Whose key a certificate shows that is being looked at; nothing is proven by that.
    static SHOWN: Arc<Mutex<Option<SmolStr>>>;
}

/// The chain as rustls checks it, and the key as the registry has it.
#[derive(Debug)]
struct BoxVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    boxes: BoxBook,
}

impl ClientCertVerifier for BoxVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Who asks from outside need not know who vouches here.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let standing = key_of(end_entity).and_then(|key| self.boxes.standing(&key));
        if let Some(Standing::Enabled(name) | Standing::Revoked(name)) = &standing {
            let keep = |shown: &Arc<Mutex<_>>| {
                *shown.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(SmolStr::new(name.as_str()));
            };
            // Outside a handshake of ours nobody asks who it was.
            SHOWN.try_with(keep).unwrap_or_default();
        }
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        match standing {
            Some(Standing::Enabled(_)) => Ok(verified),
            Some(Standing::Revoked(_)) => Err(CertificateError::Revoked.into()),
            Some(Standing::Shared) | None => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// The Ed25519 key that a certificate is about.
fn key_of(certificate: &CertificateDer<'_>) -> Option<PublicKey> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    PublicKey::from_spki(parsed.subject_public_key_info().as_ref())
}

/// Shakes hands; who is refused is told why by an alert, and the auditor too.
pub(super) async fn shake_hands(
    tls: &TlsAcceptor,
    (stream, from): (TcpStream, SocketAddr),
    shared: &Shared,
) -> Option<(TlsStream<TcpStream>, Door)> {
    let shown = Arc::new(Mutex::default());
    let shaken = SHOWN.scope(Arc::clone(&shown), tls.accept(stream).into_fallible()).await;
    match shaken {
        Ok(stream) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let key = certificates.and_then(<[_]>::first).and_then(key_of);
            Some((stream, Door::Tls(key)))
        }
        Err((error, stream)) => {
            let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
            refused(&error, (from, shown), shared);
            // What it sent after its certificate would turn the alert into a reset.
            drop(timeout(FAREWELL, read_out(stream)).await);
            None
        }
    }
}

fn refused(error: &io::Error, (from, shown): (SocketAddr, Option<SmolStr>), shared: &Shared) {
    let metrics = shared.metrics();
    metrics.tls_refused.add_one();
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    let Some(why) = cause.and_then(why) else {
        debug!(%error, "a client left in the handshake");
        return;
    };
    info!(%error, of = shown.as_deref(), "mqtt connection refused: tls");
    let (of, by) = (shown.as_deref(), By::Stranger(Some(from.ip())));
    shared.tell(&Denial { act: "TLS", object: why, of, outcome: UNKNOWN, by });
}

/// The reason in a few words that nobody outside can choose; nothing: the client gave up itself.
#[expect(clippy::wildcard_enum_match_arm, reason = "foreign and non-exhaustive")]
fn why(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::NoCertificatesPresented => "no certificate",
        Error::InvalidCertificate(error) => match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "not valid yet"
            }
            CertificateError::UnknownIssuer => "issued by somebody else",
            CertificateError::BadSignature => "signed by another key",
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "not for clients"
            }
            CertificateError::Revoked => "revoked",
            CertificateError::ApplicationVerificationFailure => "key of no box",
            _ => "unusable certificate",
        },
        Error::PeerIncompatible(_) => "version or cipher",
        Error::AlertReceived(_) => return None,
        _ => "no tls",
    })
}

async fn read_out(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut rest = [0; 512];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
