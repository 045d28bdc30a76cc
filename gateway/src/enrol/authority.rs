//! The gateway's own certificate authority: two files of the data folder, made when first needed.
//!
//! Its key is ECDSA P-256, which browsers and old clients know; a box's certificate is of the box's own
//! Ed25519 key. Nothing is revoked by it: a box's row in the registry decides.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
    date_time_ymd,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::certificate::{BOX_URI, Pin};
use crate::{
    domain::{BoxId, Millis, Timestamp},
    secrets,
    uplink::PublicKey,
};

/// Its key within the data folder, as PKCS #8.
const KEY_FILE: &str = "enrol-ca-key";

/// Its certificate within the data folder, as PEM.
pub(super) const CERTIFICATE_FILE: &str = "enrol-ca.pem";

/// A box's certificate is good for so many days (ATTACKS 2.3).
pub const BOX_DAYS: i64 = 180;

/// A server's certificate is good for so many days: the most that browsers believe of any authority.
pub const SERVER_DAYS: i64 = 397;

/// The authority's own.
const AUTHORITY_DAYS: i64 = 20 * 365;

/// Bytes of a serial number: RFC 5280 allows 20.
const SERIAL_BYTES: usize = 16;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Its files cannot be read or made.
    #[error("the files of the certificate authority cannot be used")]
    File(#[from] io::Error),
    /// What the files hold is no authority, or a name cannot stand in a certificate.
    #[error("no certificate can be made")]
    Certificate(#[from] rcgen::Error),
}

/// From when to when a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From this instant.
    pub from: Timestamp,
    /// Up to this one.
    pub until: Timestamp,
}

impl Span {
    /// So many days from an instant, and a day before it for clocks that differ.
    #[must_use]
    pub const fn of_days(days: i64, at: Timestamp) -> Self {
        Self { from: at.minus(Millis::days(1)), until: at.plus(Millis::days(days)) }
    }
}

/// The number of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serial(pub [u8; SERIAL_BYTES]);

impl Serial {
    /// A random one.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; SERIAL_BYTES];
        let made = SystemRandom::new().fill(&mut bytes);
        made.map_err(|_none| io::Error::other("the system gives no randomness"))?;
        Ok(Self(bytes))
    }

    /// As people and files write it.
    #[must_use]
    pub fn text(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a listener shows of itself: both as PEM.
pub struct ServerIdentity {
    /// Its certificate, and the authority's behind it.
    pub chain: String,
    /// Its key.
    pub key: secrets::Secret<String>,
}

impl std::fmt::Debug for ServerIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerIdentity").field("chain", &self.chain).finish_non_exhaustive()
    }
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    secret: secrets::Secret<[u8; 32]>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("pin", &self.pin()).finish_non_exhaustive()
    }
}

impl Authority {
    /// The authority of a data folder, where there is one.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn found(folder: &Path, now: Timestamp) -> Result<Option<Self>, AuthorityError> {
        let there = folder.join(KEY_FILE).try_exists()?;
        if there { Self::open(folder, now).map(Some) } else { Ok(None) }
    }

    /// Where the two files of a data folder's authority lie, its key first.
    #[must_use]
    pub fn files(folder: &Path) -> [PathBuf; 2] {
        [KEY_FILE, CERTIFICATE_FILE].map(|file| folder.join(file))
    }

    /// Brings the authority of a store's former folder into a new one: boxes believe no other.
    ///
    /// # Errors
    /// There is none, its files cannot be read, others may read them, or the folder has another one.
    pub fn bring(from: &Path, folder: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        let missing = || Err(io::ErrorKind::NotFound.into());
        let read = |path: &PathBuf| {
            secrets::kept(path, missing)
                .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
        };
        let [key, certificate] = Self::files(from);
        let held = [read(&key)?, read(&certificate)?];
        // What is no authority is not brought.
        Self::open(from, now)?;
        for (bytes, to) in held.into_iter().zip(Self::files(folder)) {
            if secrets::kept(&to, || Ok(bytes.clone()))? != bytes {
                let why = format!("{} has another authority", folder.display());
                return Err(io::Error::other(why).into());
            }
        }
        Self::open(folder, now)
    }

    /// The authority of a data folder, made where it is missing.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn open(folder: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        let make =
            || KeyPair::generate().map(|pair| pair.serialize_der()).map_err(io::Error::other);
        let of_key = folder.join(KEY_FILE);
        let encoded = secrets::kept(&of_key, make)?;
        let secret = blake3::derive_key("xunzhen enrolment authority 1", &encoded);
        let pair = KeyPair::try_from(encoded).map_err(|error| {
            io::Error::other(format!("{} holds no key: {error}", of_key.display()))
        })?;
        let (params, at) = (of_authority(&pair, now), folder.join(CERTIFICATE_FILE));
        let make = || {
            let made = params.self_signed(&pair).map_err(io::Error::other)?;
            Ok(pem("CERTIFICATE", made.der()).into_bytes())
        };
        let text = secrets::kept(&at, make)?;
        let certificate = CertificateDer::from_pem_slice(&text).map_err(|error| {
            io::Error::other(format!("{} holds no certificate: {error}", at.display()))
        })?;
        let issuer = Issuer::new(params, pair);
        let secret = secrets::Secret::new(secret);
        Ok(Self { issuer, certificate, secret })
    }

    /// Its certificate.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// By what others know it.
    #[must_use]
    pub fn pin(&self) -> Pin {
        Pin::of(&self.certificate).unwrap_or_default()
    }

    /// A certificate of a box's own key.
    ///
    /// # Errors
    /// [`AuthorityError::Certificate`].
    pub fn for_box(
        &self,
        (name, key): (&BoxId, &PublicKey),
        serial: Serial,
        span: Span,
    ) -> Result<CertificateDer<'static>, AuthorityError> {
        let uri = format!("{BOX_URI}{name}").try_into()?;
        let mut params = of_leaf(name.as_str(), serial, span);
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params.signed_by(&BoxKey(key), &self.issuer)?.into())
    }

    /// A key and its certificate for this gateway's own listeners, under these host names and addresses.
    ///
    /// # Errors
    /// [`AuthorityError`]: a name cannot stand in a certificate.
    pub fn for_server(
        &self,
        names: &[String],
        span: Span,
    ) -> Result<ServerIdentity, AuthorityError> {
        let pair = KeyPair::generate()?;
        let called = names.first().map_or("xunzhen", String::as_str);
        let mut params = of_leaf(called, Serial::random()?, span);
        params.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&pair, &self.issuer)?;
        let chain = format!("{}{}", pem("CERTIFICATE", leaf.der()), self.pem());
        let key = secrets::Secret::new(pem("PRIVATE KEY", pair.serialized_der()));
        Ok(ServerIdentity { chain, key })
    }

    /// What nobody else can compute of these parts: the same whenever it is asked again.
    #[must_use]
    pub fn derived(&self, what: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(self.secret.expose());
        for part in [&[what.as_bytes()], parts].concat() {
            hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(part);
        }
        *hasher.finalize().as_bytes()
    }
}

/// A box's public key where a certificate wants one.
struct BoxKey<'k>(&'k PublicKey);

impl PublicKeyData for BoxKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

fn of_authority(pair: &KeyPair, now: Timestamp) -> CertificateParams {
    let hash = blake3::hash(pair.der_bytes()).to_hex();
    let short: String = hash.chars().take(16).collect();
    let mut params = dated(Span::of_days(AUTHORITY_DAYS, now));
    params.distinguished_name = called(&format!("xunzhen {short}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn of_leaf(name: &str, serial: Serial, span: Span) -> CertificateParams {
    let mut params = dated(span);
    params.serial_number = Some(SerialNumber::from_slice(&serial.0));
    params.distinguished_name = called(name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    params
}

fn dated(span: Span) -> CertificateParams {
    // Before 1970 there were no gateways.
    let since_1970 =
        |at: Timestamp| Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or_default());
    let epoch = date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.not_before = epoch + since_1970(span.from);
    params.not_after = epoch + since_1970(span.until);
    params
}

fn called(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

/// PEM (RFC 7468).
pub(super) fn pem(label: &str, bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut text = format!("-----BEGIN {label}-----\n");
    for (number, letter) in encoded.chars().enumerate() {
        if number > 0 && number % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text + &format!("\n-----END {label}-----\n")
}
