//! Secrets: files readable by their owner alone, and values that no log shows and no freed memory
//! keeps.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use zeroize::{Zeroize, Zeroizing};

/// A value that is wiped when it is dropped, and shown by nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Keeps a value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for whoever needs it at this place.
    #[must_use]
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Largest secret that is read; keys and link secrets are under 100 bytes.
const SECRET_MAX: u64 = 4096;

/// The secret of a file, which is made where it is missing. A power cut while it is made leaves
/// none, never half of one.
///
/// # Errors
/// The file cannot be read or made, or others may read it.
pub fn kept(path: &Path, make: impl FnOnce() -> io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match File::open(path) {
        Ok(file) => {
            if file.metadata()?.permissions().mode() & 0o077 != 0 {
                return Err(io::Error::other(format!("others may read {}", path.display())));
            }
            let mut secret = Vec::new();
            file.take(SECRET_MAX).read_to_end(&mut secret)?;
            Ok(secret)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = make()?;
            write(path, &secret)?;
            Ok(secret)
        }
        Err(error) => Err(error),
    }
}

/// Puts a secret in the place of what a file held, whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, secret: &[u8]) -> io::Result<()> {
    let half = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&half)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(secret)?;
    file.sync_all()?;
    fs::rename(&half, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert_eq!(kept(&path, || Ok(vec![1, 2, 3])).unwrap(), [1, 2, 3]);
        assert_eq!(kept(&path, || Ok(vec![9])).unwrap(), [1, 2, 3]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(kept(&path, || Ok(vec![9])).is_err());
    }

    #[test]
    fn a_secret_is_shown_by_nothing() {
        assert_eq!(format!("{:?}", Some(Secret::new("whsec_1".to_owned()))), "Some(…)");
        assert_eq!(Secret::new([7_u8; 2]).expose(), &[7, 7]);
    }

    #[test]
    fn a_secret_that_cannot_be_made_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(kept(&path, || Err(io::Error::other("none"))).is_err());
        assert!(!path.try_exists().unwrap());
    }
}
