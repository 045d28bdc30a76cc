//! What is told of the keys under which identities are sealed: never a key.

use super::StoreError;

/// Where the keys lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyPlace {
    /// Nowhere: identities lie open.
    #[default]
    None,
    /// With the data: whoever takes the folder takes both.
    Beside,
    /// In a file of its own.
    Apart,
    /// Handed over by systemd.
    Credential,
}

impl KeyPlace {
    /// Its name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Beside => "beside_data",
            Self::Apart => "apart",
            Self::Credential => "credential",
        }
    }
}

/// A key, by the beginning of a hash of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealKey {
    /// Eight hexadecimal digits.
    pub id: String,
    /// What is written now is sealed with it.
    pub seals: bool,
    /// Something in the store may still be sealed with it.
    pub needed: bool,
}

/// The keys of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seals {
    /// Oldest first.
    pub keys: Vec<SealKey>,
    /// Where they lie.
    pub place: KeyPlace,
    /// Rows are being brought under the newest one.
    pub sealing_anew: bool,
}

/// Tells of keys and asks for another one.
pub trait SealReader {
    /// Which keys there are.
    ///
    /// # Errors
    /// Any error of the store.
    fn seals(&self) -> Result<Seals, StoreError> {
        Ok(Seals::default())
    }

    /// Where the keys lie.
    fn key_place(&self) -> KeyPlace {
        KeyPlace::None
    }

    /// Asks the writer for another key.
    ///
    /// # Errors
    /// The store has none, or the file is another program's.
    fn wish_key(&self) -> Result<(), StoreError> {
        Err(StoreError::Asked { what: "this store has no keys" })
    }
}
