//! One-time codes for boxes, and their certificates.

use rusqlite::{Connection, params};
use smol_str::SmolStr;

use super::{
    SqliteStore,
    fault::failed,
    reader::SqliteReader,
    row::{Cells, fetch, fetch_one, name_cell, number, run},
};
use crate::{
    domain::{BoxId, Id},
    store::{BoxCertificate, BoxChange, BoxCode, BoxReader, CodeUsed, StoreError},
};

/// Keeps what changed.
pub(super) fn apply(connection: &Connection, change: &BoxChange) -> Result<(), StoreError> {
    match change {
        BoxChange::Code(code) => keep_code(connection, code),
        BoxChange::Certificate(made) => {
            let sql = "INSERT OR REPLACE INTO box_certificate \
                       (box, key, serial, issued_at, until, token) VALUES (?, ?, ?, ?, ?, ?)";
            let (issued_at, until) = (made.issued_at.as_millis(), made.until.as_millis());
            let (name, serial) = (made.name.as_str(), made.serial.as_str());
            let params = params![name, made.key, serial, issued_at, until, made.token];
            run(connection, "keeping a box's certificate", sql, params).map(|_| ())
        }
    }
}

fn keep_code(connection: &Connection, code: &BoxCode) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO box_code (box, hash, site, serves, made_at, made_by, until, \
               used_at, used_request, used_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let used = code.used.as_ref();
    let params = params![
        code.name.as_str(),
        code.hash,
        code.site.as_ref().map(Id::as_str),
        serde_json::Value::from(code.serves.clone()).to_string(),
        code.made_at.as_millis(),
        code.made_by.as_str(),
        code.until.as_millis(),
        used.map(|used| used.at.as_millis()),
        used.map(|used| used.request),
        used.map(|used| used.key.as_str()),
    ];
    run(connection, "keeping a box's code", sql, params).map(|_| ())
}

fn code(cells: &mut Cells<'_, '_>) -> Result<BoxCode, StoreError> {
    let (name, hash, site) = (cells.id()?, cells.take()?, cells.id_or_none()?);
    let serves = cells.text(|text| serde_json::from_str(text).ok())?;
    let (made_at, made_by) = (cells.time()?, cells.text(|text| Some(SmolStr::new(text)))?);
    let until = cells.time()?;
    let used = (cells.time_or_none()?, cells.take::<Option<_>>()?, cells.take::<Option<_>>()?);
    let used = match used {
        (Some(at), Some(request), Some(key)) => Some(CodeUsed { at, request, key }),
        (None, None, None) => None,
        _ => return Err(cells.damaged("a code is half used")),
    };
    Ok(BoxCode { name, hash, site, serves, made_at, made_by, until, used })
}

fn certificate(cells: &mut Cells<'_, '_>) -> Result<BoxCertificate, StoreError> {
    Ok(BoxCertificate {
        name: cells.id()?,
        key: cells.take()?,
        serial: cells.text(|text| Some(SmolStr::new(text)))?,
        issued_at: cells.time()?,
        until: cells.time()?,
        token: cells.take()?,
    })
}

impl BoxReader for SqliteReader {
    fn box_code(&self, name: &BoxId) -> Result<Option<BoxCode>, StoreError> {
        let sql = "SELECT box, hash, site, serves, made_at, made_by, until, used_at, used_request, \
                   used_key FROM box_code WHERE box = ?";
        self.see(|connection| fetch_one(connection, "box_code", (sql, [name.as_str()]), code))
    }

    fn box_certificate(&self, name: &BoxId) -> Result<Option<BoxCertificate>, StoreError> {
        let sql = "SELECT box, key, serial, issued_at, until, token FROM box_certificate \
                   WHERE box = ?";
        let asked = (sql, [name.as_str()]);
        self.see(|connection| fetch_one(connection, "box_certificate", asked, certificate))
    }

    fn boxes(&self, after: &str, limit: usize) -> Result<Vec<BoxId>, StoreError> {
        let sql = "SELECT box FROM (SELECT box FROM box_code UNION SELECT box FROM box_certificate) \
                   WHERE box > ? ORDER BY box LIMIT ?";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.see(|connection| {
            fetch(connection, "box_code", (sql, params![after, limit]), name_cell)
        })
    }
}

/// What would keep another name from being given: facts that came or went under the one it has.
const USED: &str = "SELECT (SELECT received FROM state) + (SELECT count(*) FROM box) \
                    + (SELECT count(*) FROM uploaded) + (SELECT count(*) FROM person_event)";

impl SqliteStore {
    /// Gives the gateway the name under which the gateway above enrols it. Only a store to which
    /// nothing was told yet takes another name: a fact's name is the gateway where it was first, for ever.
    ///
    /// # Errors
    /// [`StoreError::Asked`] where the store is in use under another name; any error of the store.
    pub fn take_name(&mut self, name: &BoxId) -> Result<(), StoreError> {
        let connection = self.connection()?;
        let what = "naming the gateway";
        let unit = connection.unchecked_transaction().map_err(failed(what))?;
        let same = "SELECT count(*) FROM state WHERE gateway = ?";
        if number(&unit, same, [name.as_str()])? == 1 {
            return Ok(());
        }
        if number(&unit, USED, [])? != 0 {
            return Err(StoreError::Asked {
                what: "this gateway has facts under its own name: ask for a code for that name, as \
                       `roster key` prints it / 本网关已有数据，请按其现有网关名申请注册码",
            });
        }
        run(&unit, what, "UPDATE state SET gateway = ?", [name.as_str()])?;
        unit.commit().map_err(failed(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, sqlite::Options};

    fn named(store: &SqliteStore) -> String {
        store.reader().gateway().unwrap().0
    }

    #[test]
    fn only_a_store_that_holds_nothing_takes_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(Options::new(folder.path())).unwrap();
        let epoch = store.reader().gateway().unwrap().1;
        let (first, second) = ("V03".parse().unwrap(), "V04".parse().unwrap());
        store.take_name(&first).unwrap();
        store.take_name(&second).unwrap();
        assert_eq!(store.reader().gateway().unwrap(), ("V04".to_owned(), epoch));
        let received = "UPDATE state SET received = 1";
        store.connection().unwrap().execute_batch(received).unwrap();
        store.take_name(&second).unwrap();
        let error = store.take_name(&first).unwrap_err().to_string();
        assert!(error.contains("ask for a code for that name"), "{error}");
        assert_eq!(named(&store), "V04");
        drop(store);
        let store = SqliteStore::open(Options::new(folder.path())).unwrap();
        assert_eq!(named(&store), "V04");
    }
}
