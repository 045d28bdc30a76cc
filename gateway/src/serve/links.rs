//! The secret that signs links in messages: a file of the data folder.

use std::{io, path::Path};

use super::secret;
use crate::{domain::AlertLinks, secrets};

const SECRET_FILE: &str = "link-secret";

/// Links under the secret of a data folder, which is made where it is missing, readable by its
/// owner alone.
///
/// # Errors
/// The file cannot be read or made, others may read it, or it holds something else.
pub fn open(folder: &Path) -> io::Result<AlertLinks> {
    let path = folder.join(SECRET_FILE);
    let make = || secret::random::<32>().map(Vec::from).map_err(io::Error::other);
    let key: Option<[u8; 32]> = secrets::kept(&path, make)?.try_into().ok();
    // A file that lost its content in a crash is often all zeros: a secret that everybody knows.
    let key = key.filter(|key| key.iter().any(|byte| *byte != 0));
    let damaged = || {
        io::Error::other(format!(
            "{} is damaged: remove it, and another is made; links in messages sent before open nothing then / \
             链接密钥已损坏：删除该文件即可重新生成，此前消息中的链接随之失效",
            path.display()
        ))
    };
    key.map(AlertLinks::with_key).ok_or_else(damaged)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

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
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for damaged in [&[0_u8; 32][..], &[7; 16], b""] {
            fs::write(&file, damaged).unwrap();
            let told = open(folder.path()).unwrap_err().to_string();
            assert!(told.contains("remove it") && told.contains("删除该文件"), "{told}");
        }
    }
}
