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

/// What an operator does about a file that was damaged on its disk.
const DAMAGED: &str = "the file is no sound database; if it is a copy, take another one; if it is the gateway's own \
                       xunzhen.db, stop the gateway, keep a copy of its folder, look at the disk, and restore the \
                       latest copy into another folder (xunzhen backup restore): what the gateways above and below \
                       hold comes back from them / 数据库文件已损坏：若为备份，请换用另一份；若为本机数据库，请停止网关，\
                       保留数据目录副本，检查磁盘，再用 backup restore 将最近的备份恢复到新目录";

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
            let damaged = matches!(said.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase);
            let text = if damaged { DAMAGED } else { ffi::code_to_str(code) };
            let fault = Fault { code, text };
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
