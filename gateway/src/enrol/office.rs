//! Who may be let in, decided above: pure, with the time passed in; and the authority that certifies them.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use super::{
    authority::{Authority, AuthorityError, BOX_DAYS, Serial, Span},
    certificate::Pin,
    floor::TimeFloor,
    spoken::Asked,
};
use crate::{
    domain::{BoxId, Millis, Timestamp},
    store::{BoxCertificate, BoxCode},
    uplink::PublicKey,
};

/// A certificate is renewed once fewer days are left (ATTACKS 2.3).
pub const RENEW_DAYS: i64 = 90;

/// Why a box is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// There is no such code.
    Wrong,
    /// Its time is over.
    Expired,
    /// It opened its box before, for another key or another request: somebody must look.
    Used,
}

/// What a code opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// The box, now.
    First,
    /// The box, as it did at this instant: the same request came again.
    Again(Timestamp),
}

/// Whether a code lets a box in.
///
/// # Errors
/// [`Turned`].
pub fn weigh(code: Option<&BoxCode>, asked: &Asked, now: Timestamp) -> Result<Opens, Turned> {
    // Hashes of BLAKE3 are compared in constant time.
    let code = code.filter(|code| code.name == asked.name && asked.code == code.hash);
    let code = code.ok_or(Turned::Wrong)?;
    match &code.used {
        Some(used) if used.request != asked.hash => Err(Turned::Used),
        _ if now >= code.until => Err(Turned::Expired),
        Some(used) => Ok(Opens::Again(used.at)),
        None => Ok(Opens::First),
    }
}

/// Whether a box gets another certificate: it is time, or it has not the newest one.
#[must_use]
pub fn due(newest: &BoxCertificate, holds: &str, now: Timestamp) -> bool {
    newest.serial != holds || newest.until.since(now).0 <= Millis::days(RENEW_DAYS).0
}

/// Where boxes are let in.
#[derive(Debug)]
pub struct Office {
    folder: PathBuf,
    /// By which time everything here is judged.
    pub floor: Arc<TimeFloor>,
    /// The certificate that our own listener shows, where one is configured.
    shows: Option<PathBuf>,
    authority: Mutex<Option<Arc<Authority>>>,
}

impl Office {
    /// The office of a data folder. It makes no authority before one is needed.
    #[must_use]
    pub fn open(folder: &Path, floor: Arc<TimeFloor>, shows: Option<PathBuf>) -> Arc<Self> {
        Arc::new(Self { folder: folder.to_owned(), floor, shows, authority: Mutex::default() })
    }

    /// The authority, made when it is first needed. Blocks.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn authority(&self) -> Result<Arc<Authority>, AuthorityError> {
        let mut held = self.authority.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(authority) = held.as_ref() {
            return Ok(Arc::clone(authority));
        }
        let made = Arc::new(Authority::open(&self.folder, self.floor.now())?);
        *held = Some(Arc::clone(&made));
        Ok(made)
    }

    /// What boxes will see of us in TLS: a certificate that is named, else that of our listener, else one
    /// of our authority. Blocks.
    ///
    /// # Errors
    /// There is no authority, or the named file holds no certificate.
    pub fn pin(&self, named: Option<&Path>) -> Result<Pin, AuthorityError> {
        let ours = self.authority()?.pin();
        let Some(file) = named.or(self.shows.as_deref()) else { return Ok(ours) };
        let wrong = |why: &dyn std::fmt::Display| {
            io::Error::other(format!("{}: {why} / 证书不可用", file.display()))
        };
        let chain = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?;
        let chain: Result<Vec<_>, _> = chain.collect();
        let pins = chain.map_err(|error| wrong(&error))?;
        let pins: Vec<Pin> = pins.iter().filter_map(Pin::of).collect();
        if pins.contains(&ours) {
            return Ok(ours);
        }
        let leaf = pins.first().copied();
        leaf.ok_or_else(|| wrong(&"no certificate in it").into())
    }

    /// A box's certificate from an instant on, and what is kept of it.
    ///
    /// # Errors
    /// [`AuthorityError`].
    pub fn certify(
        &self,
        (name, key): (&BoxId, &PublicKey),
        serial: Serial,
        (at, token): (Timestamp, [u8; 32]),
    ) -> Result<(CertificateDer<'static>, BoxCertificate), AuthorityError> {
        let span = Span {
            from: at.min(self.floor.floor()).minus(Millis::days(1)),
            ..Span::of_days(BOX_DAYS, at)
        };
        let made = self.authority()?.for_box((name, key), serial, span)?;
        let kept = BoxCertificate {
            name: name.clone(),
            key: key.to_string(),
            serial: serial.text().into(),
            issued_at: at,
            until: span.until,
            token,
        };
        Ok((made, kept))
    }
}
