//! Reading rows: columns one after another, each checked for what its table promises.

use rusqlite::{Connection, OptionalExtension, Params, Row, types::FromSql};

use super::fault::failed;
use crate::{
    domain::{Id, Key, Timestamp},
    store::{CommitSeq, StoreError},
};

/// The columns of one row, taken from left to right.
pub(super) struct Cells<'r, 's> {
    row: &'r Row<'s>,
    next: usize,
    table: &'static str,
}

impl<'r, 's> Cells<'r, 's> {
    pub(super) const fn new(row: &'r Row<'s>, table: &'static str) -> Self {
        Self { row, next: 0, table }
    }

    /// The row is not what its table promises.
    pub(super) fn damaged(&self, what: &str) -> StoreError {
        let what = format!("column {}: {what}", self.next);
        StoreError::Damaged { table: self.table, what }
    }

    pub(super) fn take<T: FromSql>(&mut self) -> Result<T, StoreError> {
        let taken = self.row.get(self.next);
        self.next = self.next.saturating_add(1);
        taken.map_err(|_other_type| self.damaged("not of its type"))
    }

    /// Passes over columns that this row has no use for.
    pub(super) const fn skip(&mut self, columns: usize) {
        self.next = self.next.saturating_add(columns);
    }

    pub(super) fn flag(&mut self) -> Result<bool, StoreError> {
        Ok(self.take::<i64>()? != 0)
    }

    pub(super) fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.take().map(Timestamp::from_millis)
    }

    pub(super) fn time_or_none(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_millis))
    }

    pub(super) fn seq(&mut self) -> Result<CommitSeq, StoreError> {
        self.take().map(CommitSeq)
    }

    /// A whole number of a smaller type.
    pub(super) fn small<T: TryFrom<i64>>(&mut self) -> Result<T, StoreError> {
        let wide: i64 = self.take()?;
        T::try_from(wide).map_err(|_too_large| self.damaged("out of range"))
    }

    pub(super) fn small_or_none<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, StoreError> {
        let wide: Option<i64> = self.take()?;
        wide.map(T::try_from).transpose().map_err(|_too_large| self.damaged("out of range"))
    }

    /// A text that something parses.
    pub(super) fn text<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        self.text_or_none(parse)?.ok_or_else(|| self.damaged("absent"))
    }

    pub(super) fn text_or_none<T>(
        &mut self,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let cell = self.row.get_ref(self.next);
        self.next = self.next.saturating_add(1);
        let text = cell.ok().and_then(|cell| cell.as_str_or_null().ok());
        let Some(text) = text else { return Err(self.damaged("not a text")) };
        text.map(|text| parse(text).ok_or_else(|| self.damaged("unknown word"))).transpose()
    }

    pub(super) fn id<K>(&mut self) -> Result<Id<K>, StoreError> {
        self.text(|text| Id::new(text).ok())
    }

    pub(super) fn id_or_none<K>(&mut self) -> Result<Option<Id<K>>, StoreError> {
        self.text_or_none(|text| Id::new(text).ok())
    }

    pub(super) fn key<K>(&mut self) -> Result<Key<K>, StoreError> {
        self.take::<[u8; 16]>().map(Key::from_bytes)
    }

    pub(super) fn key_or_none<K>(&mut self) -> Result<Option<Key<K>>, StoreError> {
        Ok(self.take::<Option<[u8; 16]>>()?.map(Key::from_bytes))
    }

    /// A number that stands for one of a closed set.
    pub(super) fn one_of<T: Copy>(
        &mut self,
        all: &[T],
        code: impl Fn(T) -> i64,
    ) -> Result<T, StoreError> {
        self.one_of_or_none(all, code)?.ok_or_else(|| self.damaged("absent"))
    }

    pub(super) fn one_of_or_none<T: Copy>(
        &mut self,
        all: &[T],
        code: impl Fn(T) -> i64,
    ) -> Result<Option<T>, StoreError> {
        let Some(found) = self.take::<Option<i64>>()? else { return Ok(None) };
        let known = all.iter().copied().find(|value| code(*value) == found);
        known.map(Some).ok_or_else(|| self.damaged("unknown code"))
    }

    /// A word that stands for one of a closed set.
    pub(super) fn word<T: Copy>(
        &mut self,
        all: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Result<T, StoreError> {
        self.text(|text| all.iter().copied().find(|value| word(*value) == text))
    }
}

/// A row of one column.
pub(super) fn cell<T: FromSql>(cells: &mut Cells<'_, '_>) -> Result<T, StoreError> {
    cells.take()
}

/// A row of one name.
pub(super) fn name_cell<K>(cells: &mut Cells<'_, '_>) -> Result<Id<K>, StoreError> {
    cells.id()
}

/// A row of one key.
pub(super) fn key_cell<K>(cells: &mut Cells<'_, '_>) -> Result<Key<K>, StoreError> {
    cells.key()
}

/// All rows of a query.
pub(super) fn fetch<T>(
    connection: &Connection,
    table: &'static str,
    (sql, params): (&str, impl Params),
    mut decode: impl FnMut(&mut Cells<'_, '_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed("preparing a query"))?;
    let mut rows = statement.query(params).map_err(failed("a query"))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failed("a query"))? {
        found.push(decode(&mut Cells::new(row, table))?);
    }
    Ok(found)
}

/// The first row of a query.
pub(super) fn fetch_one<T>(
    connection: &Connection,
    table: &'static str,
    (sql, params): (&str, impl Params),
    decode: impl FnOnce(&mut Cells<'_, '_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed("preparing a query"))?;
    let found = statement.query_row(params, |row| Ok(decode(&mut Cells::new(row, table))));
    found.optional().map_err(failed("a query"))?.transpose()
}

/// One number.
pub(super) fn number(
    connection: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<i64, StoreError> {
    Ok(fetch_one(connection, "a count", (sql, params), cell::<Option<i64>>)?.flatten().unwrap_or(0))
}

/// Changes rows; says how many.
pub(super) fn run(
    connection: &Connection,
    what: &'static str,
    sql: &str,
    params: impl Params,
) -> Result<usize, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(what))?;
    statement.execute(params).map_err(failed(what))
}
