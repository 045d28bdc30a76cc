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

#[test]
fn a_store_that_is_gone_or_damaged_is_not_begun_anew_in_silence() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("store");
    drop(SqliteStore::open(Options::new(&folder)).unwrap());
    let database = folder.join("xunzhen.db");
    let whole = fs::read(&database).unwrap();
    let told = || {
        let error = SqliteStore::open(Options::new(&folder)).map(|_| ()).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    };
    let says = |told: &str| {
        assert!(told.contains("xunzhen backup restore") && told.contains("恢复到新目录"), "{told}");
        assert!(told.contains("xunzhen.db"), "{told}");
    };
    let mut bent = whole.clone();
    bent[..4096].fill(0x55);
    fs::write(&database, &bent).unwrap();
    says(&told());
    // A server was at work here: what it keeps beside the store lies there still.
    fs::write(folder.join("link-secret"), [7; 32]).unwrap();
    shut(&folder);
    for _ in 0..2 {
        fs::remove_file(&database).unwrap();
        says(&told());
        assert!(!database.try_exists().unwrap(), "nothing is put in its place");
        fs::write(&database, b"").unwrap();
        shut(&folder);
        says(&told());
    }
    fs::write(&database, &whole).unwrap();
    shut(&folder);
    drop(SqliteStore::open(Options::new(&folder)).unwrap());
    // What has had no server yet begins as ever.
    fs::remove_file(folder.join("link-secret")).unwrap();
    fs::remove_file(&database).unwrap();
    drop(SqliteStore::open(Options::new(&folder)).unwrap());
}
