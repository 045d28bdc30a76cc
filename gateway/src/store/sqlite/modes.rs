//! A data folder is its owner's alone, or it is not opened.

use std::{fs, path::Path};

use super::{Options, SqliteStore};
use crate::store::StoreError;

/// Takes a folder and what is in it from others, as an operator does who was told to.
pub(super) fn shut(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    set(folder, 0o700);
    for entry in fs::read_dir(folder).unwrap() {
        set(&entry.unwrap().path(), 0o600);
    }
}

#[test]
fn a_store_that_others_may_open_is_refused_with_the_line_that_mends_it() {
    use std::os::unix::fs::PermissionsExt;
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("store");
    drop(SqliteStore::open(Options::new(&folder)).unwrap());
    fs::write(folder.join("other"), "").unwrap();
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    set(&folder.join("other"), 0o600);
    for (path, open, shut) in [
        (folder.clone(), 0o750, 0o700),
        (folder.join("xunzhen.db"), 0o604, 0o600),
        (folder.join("other"), 0o640, 0o600),
    ] {
        set(&path, open);
        let refused = SqliteStore::open(Options::new(&folder)).map(|_| ());
        let Err(error @ StoreError::Exposed { .. }) = refused else { panic!("{refused:?}") };
        let mends = format!("chmod -R go= {}", folder.display());
        assert!(error.to_string().contains(&mends), "{error}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, open, "left alone");
        set(&path, shut);
    }
    SqliteStore::open(Options::new(&folder)).unwrap();
}
