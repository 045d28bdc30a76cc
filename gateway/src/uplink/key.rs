//! A gateway's own key (Ed25519), made on the box and never leaving it.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};

use crate::secrets::{self, Secret};

/// The key within the data folder, as PKCS #8 (RFC 8410).
const KEY_FILE: &str = "gateway-key";

/// How a public key begins in files and configuration.
const PREFIX: &str = "ed25519:";

/// Characters of a fingerprint: 64 bits, to be read aloud over a telephone.
const FINGERPRINT_BYTES: usize = 8;

/// What checks a gateway's signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

/// A signature that is not the key's, or not of these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not that of the key over these bytes")]
pub struct Forged;

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected ed25519: and 43 letters, digits, - or _")]
pub struct NoKey;

impl PublicKey {
    /// Checks a signature.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Forged> {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(message, signature).map_err(|_unspecified| Forged)
    }

    /// The key in short, for people: 16 hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let hash = blake3::hash(&self.0);
        hash.as_bytes().iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl PublicKey {
    /// The key that these bytes are, as a certificate has it.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// How an Ed25519 key begins in a certificate (RFC 8410, section 4): the 32 bytes of the key follow.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

impl PublicKey {
    /// The key that a certificate is about, by its subject public key info; nothing: it is of another
    /// kind.
    #[must_use]
    pub fn from_spki(spki: &[u8]) -> Option<Self> {
        spki.strip_prefix(&SPKI)?.try_into().ok().map(Self)
    }

    /// The key as a certificate has it.
    #[must_use]
    pub fn to_spki(self) -> Vec<u8> {
        [&SPKI[..], &self.0].concat()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl FromStr for PublicKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(NoKey)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_invalid| NoKey)?;
        bytes.try_into().map(Self).map_err(|_other_length| NoKey)
    }
}

/// A gateway's own key.
pub struct GatewayKey {
    pair: Ed25519KeyPair,
    encoded: Secret<Vec<u8>>,
}

impl fmt::Debug for GatewayKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GatewayKey").field(&self.public().fingerprint()).finish()
    }
}

impl GatewayKey {
    /// The key of a data folder, where there is one.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn found(folder: &Path) -> io::Result<Option<Self>> {
        if folder.join(KEY_FILE).try_exists()? { Self::open(folder).map(Some) } else { Ok(None) }
    }

    /// Where the key of a data folder lies.
    #[must_use]
    pub fn file(folder: &Path) -> PathBuf {
        folder.join(KEY_FILE)
    }

    /// The key of a data folder, made where it is missing.
    ///
    /// # Errors
    /// The file cannot be read or made, others may read it, or it holds no key.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(KEY_FILE);
        let make = || {
            let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
            let made = made.map_err(|_none| io::Error::other("the system gives no randomness"))?;
            Ok(made.as_ref().to_vec())
        };
        let encoded = secrets::kept(&path, make)?;
        let pair = Ed25519KeyPair::from_pkcs8(&encoded).map_err(|why| damaged(&path, why))?;
        Ok(Self { pair, encoded: Secret::new(encoded) })
    }

    /// The key of a made-up gateway: of a benchmark, or of samples.
    pub(crate) fn made_up(seed: [u8; 32]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
        Some(Self { pair, encoded: Secret::new(Vec::new()) })
    }

    /// Brings the key of a store's former folder into a new one, so that whoever believed that gateway
    /// believes this one.
    ///
    /// # Errors
    /// The file cannot be read, others may read it, or it holds no key; the folder has another key.
    pub fn bring(file: &Path, folder: &Path) -> io::Result<Self> {
        let encoded = secrets::kept(file, || Err(io::ErrorKind::NotFound.into()))?;
        let pair = Ed25519KeyPair::from_pkcs8(&encoded).map_err(|why| damaged(file, why))?;
        let held = secrets::kept(&folder.join(KEY_FILE), || Ok(encoded.clone()))?;
        if held != encoded {
            return Err(io::Error::other(format!("{} has another key", folder.display())));
        }
        Ok(Self { pair, encoded: Secret::new(encoded) })
    }

    /// A key that is gone with the test.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
        Self { pair, encoded: Secret::new(made.as_ref().to_vec()) }
    }

    /// Always the same key, for samples.
    #[cfg(test)]
    pub(crate) fn of_seed(seed: [u8; 32]) -> Self {
        Self::made_up(seed).unwrap()
    }

    /// What checks its signatures.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        let mut public = [0; 32];
        for (to, from) in public.iter_mut().zip(self.pair.public_key().as_ref()) {
            *to = *from;
        }
        PublicKey(public)
    }

    /// The key itself as PKCS #8, for TLS in this very process. It is written nowhere else.
    #[must_use]
    pub(crate) const fn encoded(&self) -> &Secret<Vec<u8>> {
        &self.encoded
    }

    /// Signs bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

fn damaged(path: &Path, why: ring::error::KeyRejected) -> io::Error {
    io::Error::other(format!(
        "{} holds no key ({why}): bring it back from where it is kept apart from the copies; if it is lost, \
         remove the file, and another key is made, by which the gateways above and below must be told anew \
         (docs/uplink.md) / 网关密钥已损坏：请用另行保管的副本放回；若已丢失，删除该文件将生成新密钥，须重新告知上下级网关",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_checks_only_what_it_signed() {
        let folder = tempfile::tempdir().unwrap();
        let key = GatewayKey::open(folder.path()).unwrap();
        let public = key.public();
        assert_eq!(GatewayKey::open(folder.path()).unwrap().public(), public);
        let signature = key.sign(b"roster");
        assert_eq!(public.verify(b"roster", &signature), Ok(()));
        assert_eq!(public.verify(b"rosters", &signature), Err(Forged));
        assert_eq!(public.verify(b"roster", b"short"), Err(Forged));
        let other = tempfile::tempdir().unwrap();
        let other = GatewayKey::open(other.path()).unwrap().public();
        assert_eq!(other.verify(b"roster", &signature), Err(Forged));
        assert_ne!(other.fingerprint(), public.fingerprint());
    }

    #[test]
    fn a_public_key_is_found_in_a_certificate_and_no_other_kind_is_taken_for_one() {
        let public = GatewayKey::of_seed([1; 32]).public();
        assert_eq!(PublicKey::from_spki(&public.to_spki()), Some(public));
        let mut longer = public.to_spki();
        longer.push(0);
        let mut other = public.to_spki();
        other[8] = 0x6e;
        for wrong in [&longer[..], &other, &public.to_spki()[..43], &[]] {
            assert_eq!(PublicKey::from_spki(wrong), None);
        }
    }

    #[test]
    fn a_key_goes_into_a_new_folder_and_over_no_other() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = GatewayKey::open(old.path()).unwrap();
        let file = old.path().join(KEY_FILE);
        for _ in 0..2 {
            let brought = GatewayKey::bring(&file, new.path()).unwrap();
            assert_eq!(brought.public(), key.public());
        }
        assert_eq!(GatewayKey::open(new.path()).unwrap().public(), key.public());
        let other = tempfile::tempdir().unwrap();
        GatewayKey::open(other.path()).unwrap();
        GatewayKey::bring(&file, other.path()).unwrap_err();
        GatewayKey::bring(&old.path().join("missing"), new.path()).unwrap_err();
    }

    #[test]
    fn a_public_key_is_written_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let public = GatewayKey::open(folder.path()).unwrap().public();
        assert_eq!(public.to_string().parse(), Ok(public));
        for text in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA"] {
            assert_eq!(text.parse::<PublicKey>(), Err(NoKey), "{text}");
        }
    }
}
