//! What a box got when it was enrolled: one file of its data folder, whole or not there.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    client::ResolvesClientCert,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    sign::CertifiedKey,
};
use serde::{Deserialize, Serialize};

use super::certificate::{Pin, box_of_certificate};
use crate::{
    domain::{BoxId, Timestamp},
    secrets::{self, Secret},
    uplink::{GatewayKey, PublicKey},
};

/// Within the data folder.
const FILE: &str = "enrolment.json";

/// What a box got when it was enrolled.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The box: the gateway's own name.
    pub name: BoxId,
    /// The address at which it was enrolled.
    pub to: String,
    /// Whom alone it believes.
    pub parent_key: PublicKey,
    /// By what the server at that address is known.
    pub pin: Pin,
    /// The authority that vouches for the listeners above.
    pub ca: CertificateDer<'static>,
    /// The box's own certificate.
    pub certificate: CertificateDer<'static>,
    /// Its number.
    pub serial: String,
    /// It is good up to this instant, by the clock above.
    pub until: Timestamp,
    /// The latest time that the gateway above has signed.
    pub said_at: Timestamp,
    /// The token of role `device` for what has no certificates.
    pub token: Secret<String>,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u8,
    #[serde(rename = "box")]
    name: BoxId,
    to: String,
    parent_key: String,
    pin: String,
    ca: String,
    certificate: String,
    serial: String,
    until: Timestamp,
    said_at: Timestamp,
    token: String,
}

/// The version of the file that this program writes and reads.
const VERSION: u8 = 1;

impl Enrolment {
    /// The enrolment of a data folder, where there is one.
    ///
    /// # Errors
    /// The file cannot be read, others may read it, or it does not hold an enrolment.
    pub fn found(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join(FILE);
        if !path.try_exists()? {
            return Ok(None);
        }
        let text = secrets::kept(&path, || Err(io::ErrorKind::NotFound.into()))?;
        let wrong = |why: &dyn std::fmt::Display| {
            io::Error::other(format!("{} holds no enrolment: {why}", path.display()))
        };
        // The words of the parser may hold what stands there: a token.
        let read: Result<Written, _> = serde_json::from_slice(&text);
        let written = read.map_err(|error| {
            wrong(&format!("it cannot be read at line {} column {}", error.line(), error.column()))
        })?;
        if written.version > VERSION {
            return Err(wrong(&"it is of a later version of this program"));
        }
        let read = Self::read(written).ok_or_else(|| wrong(&"a field cannot be read"))?;
        let named = box_of_certificate(&read.certificate).map(|(name, _)| name);
        if named.as_ref() != Some(&read.name) {
            return Err(wrong(&"its certificate is another box's"));
        }
        Ok(Some(read))
    }

    fn read(written: Written) -> Option<Self> {
        let der = |text: &str| STANDARD.decode(text).ok().map(CertificateDer::from);
        Some(Self {
            parent_key: written.parent_key.parse().ok()?,
            pin: written.pin.parse().ok()?,
            ca: der(&written.ca)?,
            certificate: der(&written.certificate)?,
            name: written.name,
            to: written.to,
            serial: written.serial,
            until: written.until,
            said_at: written.said_at,
            token: Secret::new(written.token),
        })
    }

    /// Puts it in the place of what the folder held, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let written = Written {
            version: VERSION,
            name: self.name.clone(),
            to: self.to.clone(),
            parent_key: self.parent_key.to_string(),
            pin: self.pin.to_string(),
            ca: STANDARD.encode(&self.ca),
            certificate: STANDARD.encode(&self.certificate),
            serial: self.serial.clone(),
            until: self.until,
            said_at: self.said_at,
            token: self.token.expose().clone(),
        };
        let text = Secret::new(serde_json::to_vec(&written)?);
        secrets::write(&folder.join(FILE), text.expose())
    }
}

/// The enrolment that a running gateway uses. What replaces it is used by the next connection.
#[derive(Debug)]
pub struct Enrolled {
    folder: PathBuf,
    key: Arc<GatewayKey>,
    held: Mutex<(Enrolment, Arc<CertifiedKey>)>,
}

impl Enrolled {
    /// The enrolment of a data folder, where there is one.
    ///
    /// # Errors
    /// As [`Enrolment::found`]; or its certificate is not of this gateway's key.
    pub fn open(folder: &Path, key: Arc<GatewayKey>) -> io::Result<Option<Arc<Self>>> {
        let Some(enrolment) = Enrolment::found(folder)? else { return Ok(None) };
        let certified = certified(&enrolment, &key)?;
        let held = Mutex::new((enrolment, certified));
        Ok(Some(Arc::new(Self { folder: folder.to_owned(), key, held })))
    }

    /// As it stands now.
    #[must_use]
    pub fn now(&self) -> Enrolment {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Keeps another certificate. Blocks.
    ///
    /// # Errors
    /// It is not of this box and its key, or cannot be written; what was held is held on.
    pub fn replace(&self, enrolment: Enrolment) -> io::Result<()> {
        let certified = certified(&enrolment, &self.key)?;
        enrolment.write(&self.folder)?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = (enrolment, certified);
        Ok(())
    }
}

fn certified(enrolment: &Enrolment, key: &GatewayKey) -> io::Result<Arc<CertifiedKey>> {
    let named = box_of_certificate(&enrolment.certificate);
    if named != Some((enrolment.name.clone(), key.public())) {
        return Err(io::Error::other("the certificate is not of this gateway's name and key"));
    }
    let encoded = PrivatePkcs8KeyDer::from(key.encoded().expose().as_slice());
    let signer = rustls::crypto::ring::sign::any_eddsa_type(&encoded).map_err(io::Error::other)?;
    Ok(Arc::new(CertifiedKey::new(vec![enrolment.certificate.clone()], signer)))
}

impl ResolvesClientCert for Enrolled {
    fn resolve(
        &self,
        _authorities: &[&[u8]],
        _schemes: &[rustls::SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.held.lock().unwrap_or_else(PoisonError::into_inner).1))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
