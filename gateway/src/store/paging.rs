//! Cursors of lists: opaque to those who carry them, the same for every store.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    StoreError,
    view::{Page, Paging},
};

const FOREIGN: StoreError = StoreError::Asked { what: "the cursor is not one of this list" };

/// How many items a page may have.
pub(super) const fn limit_of(paging: &Paging) -> usize {
    match paging.limit {
        0 => Paging::LIMIT,
        asked if asked > Paging::LIMIT_MAX => Paging::LIMIT_MAX,
        asked => asked,
    }
}

/// The numbers of a cursor that the list wrote with [`write`].
pub(super) fn read<const N: usize>(paging: &Paging) -> Result<Option<[i64; N]>, StoreError> {
    let Some(text) = &paging.after else { return Ok(None) };
    let numbers: Result<Vec<i64>, _> = text.split('_').map(str::parse).collect();
    match numbers.map(<[i64; N]>::try_from) {
        Ok(Ok(numbers)) => Ok(Some(numbers)),
        Ok(Err(_)) | Err(_) => Err(FOREIGN),
    }
}

/// A cursor of numbers.
pub(super) fn write<const N: usize>(numbers: [i64; N]) -> String {
    numbers.map(|number| number.to_string()).join("_")
}

/// The village and the name of a cursor that the list wrote with [`write_home`].
pub(super) fn read_home(paging: &Paging) -> Result<Option<(String, String)>, StoreError> {
    let Some(text) = &paging.after else { return Ok(None) };
    let Some((name, village)) = text.split_once('~') else { return Err(FOREIGN) };
    let village = URL_SAFE_NO_PAD.decode(village).ok().and_then(|it| String::from_utf8(it).ok());
    village.map(|village| Some((village, name.to_owned()))).ok_or(FOREIGN)
}

/// A cursor of a name within a village, in letters that need no escape in an address.
pub(super) fn write_home(village: &str, name: &str) -> String {
    format!("{name}~{}", URL_SAFE_NO_PAD.encode(village))
}

/// Cuts what a query found with one item more than asked for down to a page.
pub(super) fn cut<T>(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(cursor) } else { None };
    Page { items, next }
}
