//! What the database says, without any value that was in the statement.

use rusqlite::ffi::{self, ErrorCode};

use crate::store::StoreError;

/// An error of the database as its number and the fixed text of that number.
#[derive(Debug, thiserror::Error)]
#[error("{text} (code {code})")]
pub(super) struct Fault {
    /// Extended result code; 0 where the failure is not one of the database library's own.
    pub(super) code: i32,
    text: &'static str,
}

/// For `map_err`: what was attempted becomes part of the error.
pub(super) fn failed(what: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |error| {
        let Some(said) = error.sqlite_error() else {
            let fault = Fault { code: 0, text: "the answer has another shape" };
            return StoreError::Database { what, source: Box::new(fault) };
        };
        let code = said.extended_code;
        if said.code == ErrorCode::DiskFull {
            StoreError::Full { what }
        } else if matches!(said.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) {
            StoreError::Busy
        } else {
            let fault = Fault { code, text: ffi::code_to_str(code) };
            StoreError::Database { what, source: Box::new(fault) }
        }
    }
}

/// A failed write of an ordinary kind on a disk without room is a full disk: SQLite says so itself
/// only where the system call said it. A failed sync is never excused.
pub(super) fn excuse(error: StoreError, disk_is_full: impl FnOnce() -> bool) -> StoreError {
    const EXCUSABLE: [i32; 4] = [
        ffi::SQLITE_IOERR_WRITE,
        ffi::SQLITE_IOERR_SHMSIZE,
        ffi::SQLITE_IOERR_SHMOPEN,
        ffi::SQLITE_CANTOPEN,
    ];
    let StoreError::Database { what, source } = error else { return error };
    let code = source.downcast_ref::<Fault>().map(|fault| fault.code);
    if code.is_some_and(|code| EXCUSABLE.contains(&code)) && disk_is_full() {
        StoreError::Full { what }
    } else {
        StoreError::Database { what, source }
    }
}
