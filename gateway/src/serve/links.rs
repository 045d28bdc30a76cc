//! The secret that signs links in messages: a file of the data folder.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use super::secret;
use crate::domain::AlertLinks;

const SECRET_FILE: &str = "link-secret";

/// Links under the secret of a data folder, which is made where it is missing, readable by its
/// owner alone.
///
/// # Errors
/// The file cannot be read or made, or others may read it.
pub fn open(folder: &Path) -> io::Result<AlertLinks> {
    let path = folder.join(SECRET_FILE);
    match fs::File::open(&path) {
        Ok(mut file) => {
            if file.metadata()?.permissions().mode() & 0o077 != 0 {
                return Err(io::Error::other(format!("others may read {}", path.display())));
            }
            let mut key = [0; 32];
            file.read_exact(&mut key)?;
            Ok(AlertLinks::with_key(key))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(&path),
        Err(error) => Err(error),
    }
}

fn make(path: &Path) -> io::Result<AlertLinks> {
    let key = secret::random().map_err(io::Error::other)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(AlertLinks::with_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AlertId, DoctorId};

    #[test]
    fn the_secret_is_made_once_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let (alert, doctor) = (AlertId::from_bytes([9; 16]), DoctorId::new("DR1").unwrap());
        let first = open(folder.path()).unwrap().path(&alert, &doctor);
        assert_eq!(open(folder.path()).unwrap().path(&alert, &doctor), first);
        let file = folder.path().join(SECRET_FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(open(folder.path()).is_err());
    }
}
