//! Links in messages: an alert's page for one recipient, without a table.
//!
//! The token carries the alert, the doctor and a 128-bit proof that this gateway made it; nothing of
//! it can be guessed or moved to another alert or doctor. It stops working when the alert is too
//! old, when the secret changes, or when the doctor's reach no longer contains the alert.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{AlertId, DoctorId, Millis};

/// A link works so long after its alert was opened.
pub const LINK_MAX: Millis = Millis::days(30);

const CONTEXT: &[u8] = b"xunzhen alert link 1";

/// Makes and reads the tokens of alert pages.
#[derive(Clone)]
pub struct AlertLinks {
    key: [u8; 32],
}

impl fmt::Debug for AlertLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlertLinks")
    }
}

impl AlertLinks {
    /// With the gateway's secret.
    #[must_use]
    pub const fn with_key(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The page's path at this gateway.
    #[must_use]
    pub fn path(&self, alert: &AlertId, doctor: &DoctorId) -> String {
        let mut token = Vec::with_capacity(96);
        token.extend_from_slice(alert.as_bytes());
        token.extend_from_slice(&self.proof(alert, doctor));
        token.extend_from_slice(doctor.as_str().as_bytes());
        format!("/a/{}", URL_SAFE_NO_PAD.encode(token))
    }

    /// The alert and the doctor of a token that this gateway made.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<(AlertId, DoctorId)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (alert, rest) = bytes.split_first_chunk::<16>()?;
        let (proof, doctor) = rest.split_first_chunk::<16>()?;
        let alert = AlertId::from_bytes(*alert);
        let doctor = DoctorId::new(std::str::from_utf8(doctor).ok()?).ok()?;
        // The hash's own comparison takes the same time wherever the first difference is.
        let same = pad(&self.proof(&alert, &doctor)) == pad(proof);
        same.then_some((alert, doctor))
    }

    fn proof(&self, alert: &AlertId, doctor: &DoctorId) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(CONTEXT);
        hasher.update(alert.as_bytes());
        hasher.update(doctor.as_str().as_bytes());
        let mut proof = [0; 16];
        hasher.finalize_xof().fill(&mut proof);
        proof
    }
}

fn pad(proof: &[u8; 16]) -> blake3::Hash {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(proof) {
        *to = *from;
    }
    blake3::Hash::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_one_alert_for_one_doctor_and_no_change_of_it_opens_anything() {
        let links = AlertLinks::with_key([7; 32]);
        let (alert, doctor) = (AlertId::from_bytes([9; 16]), DoctorId::new("DR1").unwrap());
        let path = links.path(&alert, &doctor);
        let token = path.strip_prefix("/a/").unwrap();
        assert_eq!(links.read(token), Some((alert, doctor.clone())));
        assert_eq!(AlertLinks::with_key([8; 32]).read(token), None);
        for at in 0..token.len() {
            let mut changed = token.to_owned().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(links.read(&changed), None, "{at}");
        }
        for text in ["", "x", "AAAA", &"A".repeat(500)] {
            assert_eq!(links.read(text), None);
        }
    }
}
