//! The keys under which identities are sealed: a file of lines, the last of which seals and each of
//! which opens. Ciphers are made once and shared by every connection.
//!
//! ChaCha20-Poly1305 (RFC 8439): as quick without instructions for AES, which the boxes of vans may
//! lack, as with them, and in `ring` already. Nonces are 96 random bits. A township of 121,300 people
//! seals some 2^20 fields in its registry and, at most, a few fields a reading: 2^31 in ten years of
//! 500,000 readings a day. Among n nonces under one key two are alike with a probability of about
//! n^2/2^97: 2^-35, below the 2^-32 that NIST SP 800-38D (8.3) allows, and a rotation begins anew.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use zeroize::Zeroizing;

use crate::{
    secrets::{self, Secret},
    store::{KeyError, StoreError},
};

/// The keys within the data folder, where no other place is named.
pub(super) const BESIDE: &str = "identity-keys";

/// The credential by which systemd hands the keys over.
const CREDENTIAL: &str = "xunzhen-identity-key";

/// How a line with a key begins.
const PREFIX: &str = "xzk1_";

/// What stands above the keys.
const HEAD: &str = "# xunzhen: keys of identities. The last line seals, every line opens; a copy of \
     the store is worth nothing without its line.\n\
     # 巡诊身份密钥：末行用于加密，各行均可解密；缺少对应的一行，备份无法读取。\n";

/// Bytes of a key, as the cipher wants it.
const KEY_BYTES: usize = 32;

/// What the first byte of a sealed field says: as it is, or under a key that is named next.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;

/// Bytes in front of what is sealed: the mark, the key and the nonce.
const ID_BYTES: usize = 4;

/// Which key: the beginning of a hash of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Where the keys lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFile {
    /// With the data: whoever takes the folder takes both.
    Beside(PathBuf),
    /// In a file of its own.
    Apart(PathBuf),
    /// Handed over by systemd, who alone writes it.
    Credential(PathBuf),
}

impl KeyFile {
    /// The file that is named, else the credential of a folder, else the one beside the data.
    ///
    /// # Errors
    /// It cannot be seen whether there is a credential.
    pub fn of(
        named: Option<&Path>,
        credentials: Option<&Path>,
        folder: &Path,
    ) -> Result<Self, StoreError> {
        if let Some(named) = named {
            let beside = named.starts_with(folder);
            let named = named.to_owned();
            return Ok(if beside { Self::Beside(named) } else { Self::Apart(named) });
        }
        if let Some(credential) = credentials.map(|it| it.join(CREDENTIAL))
            && credential.try_exists().map_err(super::files::file("looking for", &credential))?
        {
            return Ok(Self::Credential(credential));
        }
        Ok(Self::Beside(folder.join(BESIDE)))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Beside(path) | Self::Apart(path) | Self::Credential(path) => path,
        }
    }
}

/// A key and what it does.
struct Kept {
    id: KeyId,
    cipher: LessSafeKey,
}

struct Held {
    file: Option<KeyFile>,
    /// Oldest first.
    keys: Vec<Kept>,
    /// Somebody asked for another key.
    wished: bool,
}

/// The keys that are known. Copies are of the same ring.
#[derive(Clone)]
pub struct KeyRing(Arc<RwLock<Held>>);

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.ids()).finish()
    }
}

/// Bytes that no key here made for that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed field cannot be opened")]
pub(super) struct Broken;

/// Where a field stands: the key of its row, and which field it is.
pub(super) type Place<'a> = (&'a [u8], &'a str);

/// A new key that nothing uses yet.
pub(super) struct Made(Kept);

impl Made {
    pub(super) const fn id(&self) -> KeyId {
        self.0.id
    }

    pub(super) fn close(&self, place: Place<'_>, open: &[u8]) -> Result<Vec<u8>, Broken> {
        self.0.close(place, open)
    }
}

impl KeyRing {
    fn of(file: Option<KeyFile>, keys: Vec<Kept>) -> Self {
        Self(Arc::new(RwLock::new(Held { file, keys, wished: false })))
    }

    /// No key: fields lie as they are.
    #[must_use]
    pub fn plain() -> Self {
        Self::of(None, Vec::new())
    }

    /// One key that is gone with the test.
    #[cfg(test)]
    #[must_use]
    pub fn for_tests(number: u8) -> Self {
        Self::of(None, vec![Kept::of(&[number; KEY_BYTES]).unwrap()])
    }

    /// The keys of a file. A missing one is made, unless something is sealed already: then the right
    /// one is elsewhere.
    ///
    /// # Errors
    /// [`KeyError`] where the file is missing, holds no key, or is open to others.
    pub fn open(file: KeyFile, sealed_under: &[KeyId]) -> Result<Self, StoreError> {
        let path = file.path().to_owned();
        let make = || match (&file, sealed_under) {
            (KeyFile::Beside(_) | KeyFile::Apart(_), []) => first_text(),
            (KeyFile::Beside(_) | KeyFile::Apart(_) | KeyFile::Credential(_), _) => {
                Err(io::ErrorKind::NotFound.into())
            }
        };
        let text = match secrets::kept(&path, make) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(KeyError::Missing { path, ids: listed(sealed_under) }.into());
            }
            Err(error) => {
                return Err(super::files::file("reading the identity keys", &path)(error));
            }
        };
        let keys = parse(&text).ok_or(KeyError::NoKey { path })?;
        Ok(Self::of(Some(file), keys))
    }

    /// The keys of a file as it is; none where there is no file and nothing was sealed.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn find(file: KeyFile, sealed_under: &[KeyId]) -> Result<Self, StoreError> {
        let there = file.path().try_exists();
        let there = there.map_err(super::files::file("looking for", file.path()))?;
        if there || !sealed_under.is_empty() {
            Self::open(file, sealed_under)
        } else {
            Ok(Self::plain())
        }
    }

    fn read<T>(&self, see: impl FnOnce(&Held) -> T) -> T {
        see(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every key, oldest first.
    #[must_use]
    pub fn ids(&self) -> Vec<KeyId> {
        self.read(|held| held.keys.iter().map(|key| key.id).collect())
    }

    /// The key that seals.
    #[must_use]
    pub fn newest(&self) -> Option<KeyId> {
        self.read(|held| held.keys.last().map(|key| key.id))
    }

    /// Where the keys lie.
    #[must_use]
    pub fn file(&self) -> Option<KeyFile> {
        self.read(|held| held.file.clone())
    }

    /// Asks for another key; the writer makes it.
    ///
    /// # Errors
    /// [`KeyError::Handed`] where another program writes the file.
    pub fn wish(&self) -> Result<(), StoreError> {
        match self.file() {
            Some(KeyFile::Beside(_) | KeyFile::Apart(_)) => {
                self.change(|held| held.wished = true);
                Ok(())
            }
            Some(KeyFile::Credential(path)) => Err(KeyError::Handed { path }.into()),
            None => Err(StoreError::Asked { what: "this store has no keys" }),
        }
    }

    /// Whether another key was asked for; asking ends with the answer.
    pub(super) fn take_wish(&self) -> bool {
        self.read(|held| held.wished) && self.change(|held| std::mem::take(&mut held.wished))
    }

    /// A new key, in the file before anything is sealed with it.
    pub(super) fn make(&self) -> Result<Made, StoreError> {
        let Some(file) = self.file() else {
            return Err(StoreError::Asked { what: "this store has no keys" });
        };
        let path = file.path();
        let failed = || super::files::file("adding an identity key", path);
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed())?);
        let key = random_key().map_err(failed())?;
        let made = Kept::of(key.expose())
            .ok_or(StoreError::Key(KeyError::NoKey { path: path.to_owned() }))?;
        let more = Zeroizing::new(format!("{}\n{}", text.trim_end(), *line(key.expose())));
        secrets::write(path, more.as_bytes()).map_err(failed())?;
        Ok(Made(made))
    }

    /// From now on a new key seals.
    pub(super) fn adopt(&self, made: Made) {
        self.change(|held| held.keys.push(made.0));
    }

    /// Seals bytes for a place, under the newest key where there is one.
    pub(super) fn close(&self, place: Place<'_>, open: &[u8]) -> Result<Vec<u8>, Broken> {
        self.read(|held| match held.keys.last() {
            Some(key) => key.close(place, open),
            None => Ok([&[PLAIN], open].concat()),
        })
    }

    /// The bytes that were sealed for a place.
    pub(super) fn open_sealed(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        match sealed.split_first() {
            Some((&PLAIN, open)) => Ok(open.to_vec()),
            Some((&SEALED, rest)) => {
                let (id, rest) = rest.split_first_chunk::<ID_BYTES>().ok_or(Broken)?;
                let id = KeyId(u32::from_be_bytes(*id));
                self.read(|held| {
                    let key = held.keys.iter().rev().find(|key| key.id == id).ok_or(Broken)?;
                    key.open(place, rest)
                })
            }
            Some(_) | None => Err(Broken),
        }
    }

    /// Whether bytes are sealed as they would be now.
    pub(super) fn is_newest(&self, sealed: &[u8]) -> bool {
        let under = match sealed.split_first() {
            Some((&SEALED, rest)) => {
                rest.first_chunk::<ID_BYTES>().map(|id| KeyId(u32::from_be_bytes(*id)))
            }
            Some(_) | None => None,
        };
        under == self.newest()
    }
}

impl Kept {
    fn of(key: &[u8; KEY_BYTES]) -> Option<Self> {
        let cipher = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).ok()?);
        let [a, b, c, d, ..] = blake3::derive_key("xunzhen 2026-11-22 identity key id", key);
        Some(Self { id: KeyId(u32::from_be_bytes([a, b, c, d])), cipher })
    }

    /// What is sealed opens at its place alone: the field, the row and the key are authenticated.
    fn bound(&self, (row, field): Place<'_>) -> Vec<u8> {
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&length[..], field.as_bytes(), &self.id.0.to_be_bytes(), row].concat()
    }

    fn close(&self, place: Place<'_>, open: &[u8]) -> Result<Vec<u8>, Broken> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_unspecified| Broken)?;
        let mut text = open.to_vec();
        let aad = Aad::from(self.bound(place));
        let nonce_of = Nonce::assume_unique_for_key(nonce);
        let tag = self.cipher.seal_in_place_separate_tag(nonce_of, aad, &mut text);
        let tag = tag.map_err(|_unspecified| Broken)?;
        Ok([&[SEALED], &self.id.0.to_be_bytes()[..], &nonce, &text, tag.as_ref()].concat())
    }

    fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, Broken> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Broken)?;
        let mut text = text.to_vec();
        let aad = Aad::from(self.bound(place));
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let open = self.cipher.open_in_place(nonce, aad, &mut text);
        let open = open.map_err(|_unspecified| Broken)?.len();
        text.truncate(open);
        Ok(text)
    }
}

/// Keys as people read them.
pub(super) fn listed(ids: &[KeyId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn random_key() -> io::Result<Secret<[u8; KEY_BYTES]>> {
    let mut key = [0; KEY_BYTES];
    let filled = SystemRandom::new().fill(&mut key);
    filled.map_err(|_unspecified| io::Error::other("the system gives no randomness"))?;
    Ok(Secret::new(key))
}

fn line(key: &[u8; KEY_BYTES]) -> Zeroizing<String> {
    Zeroizing::new(format!("{PREFIX}{}\n", URL_SAFE_NO_PAD.encode(key)))
}

fn first_text() -> io::Result<Vec<u8>> {
    let key = random_key()?;
    Ok([HEAD.as_bytes(), line(key.expose()).as_bytes()].concat())
}

/// The keys of a file's text; `None` where a line is none, two are alike, or there is no line.
fn parse(text: &[u8]) -> Option<Vec<Kept>> {
    let text = std::str::from_utf8(text).ok()?;
    let lines = text.lines().map(str::trim);
    let mut keys: Vec<Kept> = Vec::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let encoded = line.strip_prefix(PREFIX)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
        let key: Zeroizing<[u8; KEY_BYTES]> = Zeroizing::new(bytes.as_slice().try_into().ok()?);
        let key = Kept::of(&key)?;
        if keys.iter().any(|known| known.id == key.id) {
            return None;
        }
        keys.push(key);
    }
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = (b"row", "name");

    #[test]
    fn what_is_sealed_opens_at_its_place_alone_and_not_when_a_bit_was_changed() {
        let ring = KeyRing::for_tests(1);
        let sealed = ring.close(PLACE, "张三".as_bytes()).unwrap();
        assert_ne!(sealed, ring.close(PLACE, "张三".as_bytes()).unwrap(), "a nonce of its own");
        assert_eq!(ring.open_sealed(PLACE, &sealed).unwrap(), "张三".as_bytes());
        for other in [(&b"row"[..], "phone"), (b"another", "name"), (b"rown", "ame")] {
            assert_eq!(ring.open_sealed(other, &sealed), Err(Broken));
        }
        for bit in 0..sealed.len() * 8 {
            let mut bent = sealed.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(ring.open_sealed(PLACE, &bent).as_deref(), Ok("张三".as_bytes()), "{bit}");
        }
        assert_eq!(KeyRing::for_tests(2).open_sealed(PLACE, &sealed), Err(Broken));
        assert_eq!(KeyRing::plain().open_sealed(PLACE, &sealed), Err(Broken));
    }

    #[test]
    fn what_lay_plain_is_still_read_and_every_key_opens_what_it_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::of(None, None, folder.path()).unwrap();
        let ring = KeyRing::open(file.clone(), &[]).unwrap();
        let plain = KeyRing::plain().close(PLACE, b"x").unwrap();
        assert_eq!(ring.open_sealed(PLACE, &plain).unwrap(), b"x");
        assert!(!ring.is_newest(&plain));
        let former = ring.close(PLACE, b"x").unwrap();
        let made = ring.make().unwrap();
        let id = made.id();
        assert_ne!(ring.newest(), Some(id), "it seals nothing before it is adopted");
        ring.adopt(made);
        assert!(!ring.is_newest(&former) && ring.is_newest(&ring.close(PLACE, b"x").unwrap()));
        let again = KeyRing::open(file, &[id]).unwrap();
        assert_eq!(again.ids(), ring.ids());
        assert_eq!(again.newest(), Some(id));
        assert_eq!(again.open_sealed(PLACE, &former).unwrap(), b"x");
    }

    #[test]
    fn a_missing_key_is_made_only_while_nothing_is_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let apart = folder.path().join("key");
        let file = KeyFile::Apart(apart.clone());
        assert!(matches!(
            KeyRing::open(file.clone(), &[KeyId(7)]),
            Err(StoreError::Key(KeyError::Missing { .. }))
        ));
        assert!(!apart.try_exists().unwrap(), "nothing was made");
        let credential = KeyFile::Credential(apart.clone());
        assert!(KeyRing::open(credential, &[]).is_err(), "systemd alone makes a credential");
        KeyRing::open(file.clone(), &[]).unwrap();
        for wrong in ["", "# nothing\n", "xzk1_AAAA\n", "another text"] {
            secrets::write(&apart, wrong.as_bytes()).unwrap();
            let opened = KeyRing::open(file.clone(), &[]);
            assert!(matches!(opened, Err(StoreError::Key(KeyError::NoKey { .. }))), "{wrong:?}");
        }
    }

    #[test]
    fn a_named_file_comes_before_a_credential_and_that_before_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let credentials = folder.path().join("credentials");
        let of = |named| KeyFile::of(named, Some(&credentials), folder.path()).unwrap();
        assert_eq!(of(None), KeyFile::Beside(folder.path().join(BESIDE)));
        std::fs::create_dir(&credentials).unwrap();
        std::fs::write(credentials.join(CREDENTIAL), "").unwrap();
        assert_eq!(of(None), KeyFile::Credential(credentials.join(CREDENTIAL)));
        assert_eq!(of(Some(Path::new("/k"))), KeyFile::Apart("/k".into()));
        let within = folder.path().join("k");
        assert_eq!(of(Some(&within)), KeyFile::Beside(within.clone()), "with the data");
    }
}
