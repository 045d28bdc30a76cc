//! A line of the log: its members, and the hash that ties it to the one before.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::{domain::Timestamp, uplink::PublicKey};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody looked.
    View,
    /// Somebody took rows out.
    Export,
    /// Somebody changed something.
    Change,
    /// Somebody was refused, or asked for what they may not see.
    Denied,
    /// Somebody signed in.
    LogIn,
    /// Somebody signed out.
    LogOut,
    /// The gateway started, with a configuration of that hash.
    Started,
    /// It started with another configuration than before.
    Configured,
    /// The gateway ended as it should.
    Stopped,
    /// A file of the log begins; `prev` is where the chain stood.
    Begun,
    /// The gateway signed where the chain stands.
    Checkpoint,
    /// A file of the log was deleted because its time was over.
    Expired,
    /// What was found at the start was not whole: a line torn by a cut, or a chain that somebody broke.
    Damage,
}

/// A line, as the file has it. `hash` follows as its last member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Which line since the log was begun.
    pub n: u64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: Kind,
    /// In which role.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub role: SmolStr,
    /// Who.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub who: SmolStr,
    /// By which token or session.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub via: SmolStr,
    /// Method and route.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub act: SmolStr,
    /// What the route was asked for, a file, a hash.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub object: SmolStr,
    /// Whom it showed or concerned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whom: Vec<SmolStr>,
    /// How it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<u16>,
    /// Where the chain stood before this line, where the gateway signs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<SmolStr>,
    /// The key that signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SmolStr>,
    /// The signature over where the chain stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sig: Option<SmolStr>,
}

/// Where a chain stands.
pub(super) type Hash = [u8; 32];

/// Where a log begins.
pub(super) const BEGINNING: Hash = [0; 32];

/// What stands between a line's members and its hash, and after that.
const BEFORE_HASH: &[u8] = br#","hash":""#;
const AFTER_HASH: &[u8] = br#""}"#;
const HASH_DIGITS: usize = 64;

/// A line that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("the line is not whole")]
    Torn,
    #[error("the line was changed, or the one before it was changed or removed")]
    Hash,
    #[error("the line is not one of this log")]
    Shape,
}

impl Line {
    /// A line that says nothing yet but what and when.
    pub(super) fn new(n: u64, at: Timestamp, kind: Kind) -> Self {
        let none = SmolStr::default();
        Self {
            n,
            at,
            kind,
            role: none.clone(),
            who: none.clone(),
            via: none.clone(),
            act: none.clone(),
            object: none,
            whom: Vec::new(),
            outcome: None,
            prev: None,
            key: None,
            sig: None,
        }
    }

    /// The bytes of the line, its end included, and where the chain stands after it.
    pub(super) fn encode(&self, before: &Hash) -> Result<(Vec<u8>, Hash), serde_json::Error> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.pop();
        let hash = chained(before, &bytes);
        bytes.extend_from_slice(BEFORE_HASH);
        bytes.extend_from_slice(hex(&hash).as_bytes());
        bytes.extend_from_slice(AFTER_HASH);
        bytes.push(b'\n');
        Ok((bytes, hash))
    }

    /// A line of a file, without its end, and where the chain stands after it.
    pub(super) fn decode(bytes: &[u8], before: &Hash) -> Result<(Self, Hash), Broken> {
        let (line, body, stated) = split(bytes).ok_or(Broken::Torn)?;
        let hash = chained(before, body);
        if hex(&hash).as_bytes() != stated {
            return Err(Broken::Hash);
        }
        let line = line.ok_or(Broken::Shape)?;
        Ok((line, hash))
    }

    /// A line as it says it is: for whoever reads a log that is checked elsewhere.
    pub(super) fn believed(bytes: &[u8]) -> Option<Self> {
        split(bytes)?.0
    }
}

/// A line's members, the bytes that its hash is of, and its hash as written.
fn split(bytes: &[u8]) -> Option<(Option<Line>, &[u8], &[u8])> {
    let rest = bytes.strip_suffix(AFTER_HASH)?;
    let (rest, stated) = rest.split_at_checked(rest.len().checked_sub(HASH_DIGITS)?)?;
    let body = rest.strip_suffix(BEFORE_HASH)?;
    let whole = [body, b"}"].concat();
    Some((serde_json::from_slice(&whole).ok(), body, stated))
}

fn chained(before: &Hash, body: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before).update(body);
    *hasher.finalize().as_bytes()
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(hash: &Hash) -> String {
    blake3::Hash::from_bytes(*hash).to_hex().to_string()
}

/// What the gateway signs: that its chain stood there before line `n`.
pub(super) fn signed(n: u64, before: &Hash) -> Vec<u8> {
    format!("xunzhen audit 1\n{n}\n{}\n", hex(before)).into_bytes()
}

/// Whether a line that says where the chain stood says so truly, and whose key signed it.
pub(super) fn check_signature(
    line: &Line,
    before: &Hash,
    trusted: Option<&PublicKey>,
) -> Result<(), &'static str> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let (Some(prev), Some(key), Some(sig)) = (&line.prev, &line.key, &line.sig) else {
        return Err("the line is not signed");
    };
    if *prev != hex(before) {
        return Err("it was signed for another place of the chain");
    }
    let key: PublicKey = key.parse().map_err(|_no_key| "the line names no key")?;
    if trusted.is_some_and(|trusted| *trusted != key) {
        return Err("another gateway signed it");
    }
    let sig = URL_SAFE_NO_PAD.decode(sig.as_str()).map_err(|_other| "the signature is no text")?;
    key.verify(&signed(line.n, before), &sig).map_err(|_forged| "the signature is forged")
}
