//! How a field of an identity lies in the file. Every one passes here on its way in and out, by two
//! functions of SQL that each connection knows: `seal(key, field, text)` and
//! `unseal(key, field, bytes)`.
//!
//! Today a field lies as it is, behind one byte that says so. A cipher is another value of that byte
//! and another arm of [`close`] and [`open`]: they are told the row and the field, so that what is
//! sealed for one place opens in no other.

use rusqlite::{
    Connection,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

use super::fault::failed;
use crate::store::StoreError;

/// What the first byte of a sealed field says.
const PLAIN: u8 = 0;

/// Where a field stands: the random key of its row, and which field it is.
type Place<'a> = (&'a [u8], &'a str);

/// Bytes that no seal of ours made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed field cannot be opened")]
struct Broken;

/// Seals the bytes of a field.
fn close(_place: Place<'_>, open: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(open.len().saturating_add(1));
    sealed.push(PLAIN);
    sealed.extend_from_slice(open);
    sealed
}

/// The bytes of a sealed field.
fn open<'s>(_place: Place<'_>, sealed: &'s [u8]) -> Result<&'s [u8], Broken> {
    match sealed.split_first() {
        Some((&PLAIN, open)) => Ok(open),
        Some(_) | None => Err(Broken),
    }
}

/// Makes the two functions known to a connection.
pub(super) fn install(connection: &Connection) -> Result<(), StoreError> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    let sealing = connection.create_scalar_function("seal", 3, flags, seal);
    sealing.map_err(failed("opening the store"))?;
    let opening = connection.create_scalar_function("unseal", 3, flags, unseal);
    opening.map_err(failed("opening the store"))
}

fn place<'c>(context: &'c Context<'_>) -> rusqlite::Result<Place<'c>> {
    let (row, field) = (context.get_raw(0).as_blob(), context.get_raw(1).as_str());
    Ok((row.map_err(refused)?, field.map_err(refused)?))
}

/// An empty text is no field.
fn seal(context: &Context<'_>) -> rusqlite::Result<Option<Vec<u8>>> {
    let text = match context.get_raw(2) {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        ValueRef::Null => &[],
        ValueRef::Integer(_) | ValueRef::Real(_) => return Err(refused(Broken)),
    };
    Ok(if text.is_empty() { None } else { Some(close(place(context)?, text)) })
}

fn unseal(context: &Context<'_>) -> rusqlite::Result<Option<String>> {
    let sealed = match context.get_raw(2) {
        ValueRef::Null => return Ok(None),
        ValueRef::Blob(bytes) => bytes,
        ValueRef::Text(_) | ValueRef::Integer(_) | ValueRef::Real(_) => {
            return Err(refused(Broken));
        }
    };
    let text = open(place(context)?, sealed).map_err(refused)?;
    String::from_utf8(text.to_vec()).map(Some).map_err(|_not_text| refused(Broken))
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: Result<Option<&str>, ()>) {
        let connection = Connection::open_in_memory().unwrap();
        install(&connection).unwrap();
        let told = connection.query_row(sql, [], |row| row.get::<_, Option<String>>(0));
        assert_eq!(told.map_err(|_refused| ()), expected.map(|it| it.map(str::to_owned)), "{sql}");
    }

    #[test]
    fn a_field_comes_out_as_it_went_in_and_nothing_else_does() {
        check("SELECT unseal(x'01', 'name', seal(x'01', 'name', '张𠮷'))", Ok(Some("张𠮷")));
        check("SELECT unseal(x'01', 'name', seal(x'01', 'name', ''))", Ok(None));
        check("SELECT unseal(x'01', 'name', NULL)", Ok(None));
        check("SELECT unseal(x'01', 'name', x'07aabb')", Err(()));
        check("SELECT unseal(x'01', 'name', 'a text')", Err(()));
        check("SELECT unseal(x'01', 'name', x'')", Err(()));
    }
}
