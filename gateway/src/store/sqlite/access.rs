//! Accounts and broken glass. What would open an account passes the seal on its way in and out.

use rusqlite::{Connection, params};
use smol_str::SmolStr;

use super::{
    change, enrol,
    reader::SqliteReader,
    roll,
    row::{Cells, fetch, fetch_one, run},
};
use crate::{
    domain::Id,
    store::{
        AccessChange, AccessReader, AccountName, AccountRow, BrokenGlass, Role, StoreError,
        TokenRow, Vouched, paging,
        view::{Page, Paging},
    },
};

/// Keeps what changed.
pub(super) fn apply(connection: &Connection, change: &AccessChange) -> Result<(), StoreError> {
    match change {
        AccessChange::Account(row) => keep(connection, row),
        AccessChange::Box(change) => enrol::apply(connection, change),
        AccessChange::Glass(broken) => {
            let sql = "INSERT INTO glass (number, at, until, by, role, reason) \
                       SELECT n, ?, ?, ?, ?, seal_text(n, 'reason', ?) \
                       FROM (SELECT coalesce(max(number), 0) + 1 AS n FROM glass)";
            let params = params![
                broken.at.as_millis(),
                broken.until.as_millis(),
                broken.by.as_str(),
                broken.role.as_str(),
                broken.reason,
            ];
            run(connection, "keeping who broke the glass", sql, params).map(|_| ())
        }
    }
}

fn keep(connection: &Connection, row: &AccountRow) -> Result<(), StoreError> {
    let sql = "INSERT OR REPLACE INTO account (name, key, called, role, place, doctor, password, \
               must_change, second, second_step, disabled, generation, created_at, created_by, \
               changed_at, changed_by, oidc) VALUES (?1, ?2, seal_text(?2, 'called', ?3), ?4, ?5, ?6, \
               seal(?2, 'password', ?7), ?8, seal(?2, 'second', ?9), ?10, ?11, ?12, ?13, ?14, ?15, \
               ?16, seal(?2, 'oidc', ?17))";
    let params = params![
        row.name.as_str(),
        row.key,
        row.called,
        row.role.as_str(),
        row.place,
        row.doctor.as_ref().map(Id::as_str),
        row.password,
        row.must_change,
        row.second,
        row.second_step,
        row.disabled,
        i64::try_from(row.generation).unwrap_or(i64::MAX),
        row.created_at.as_millis(),
        row.created_by.as_str(),
        row.changed_at.as_millis(),
        row.changed_by.as_str(),
        row.vouched.to_text(),
    ];
    run(connection, "keeping an account", sql, params).map(|_| ())
}

const COLUMNS: &str = "name, key, unseal_text(key, 'called', called), role, place, doctor, unseal(key, 'password', password), \
     must_change, unseal(key, 'second', second), second_step, disabled, generation, created_at, \
     created_by, changed_at, changed_by, unseal(key, 'oidc', oidc)";

fn decode(cells: &mut Cells<'_, '_>) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        name: cells.id()?,
        key: cells.take()?,
        called: cells.take()?,
        role: cells.word(&Role::ALL, Role::as_str)?,
        place: cells.take()?,
        doctor: cells.id_or_none()?,
        password: cells.take::<Option<String>>()?.unwrap_or_default(),
        must_change: cells.flag()?,
        second: cells.take::<Option<String>>()?.unwrap_or_default(),
        second_step: cells.take()?,
        disabled: cells.flag()?,
        generation: cells.small()?,
        created_at: cells.time()?,
        created_by: cells.text(|text| Some(SmolStr::new(text)))?,
        changed_at: cells.time()?,
        changed_by: cells.text(|text| Some(SmolStr::new(text)))?,
        vouched: cells.text_or_none(Vouched::of_text)?.unwrap_or_default(),
    })
}

fn beyond(limit: usize) -> i64 {
    i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)
}

fn accounts(connection: &Connection, asked: &Paging) -> Result<Page<AccountRow>, StoreError> {
    let limit = paging::limit_of(asked);
    let sql = format!("SELECT {COLUMNS} FROM account WHERE name > ? ORDER BY name LIMIT ?");
    let after = asked.after.as_deref().unwrap_or_default();
    let rows = fetch(connection, "account", (&sql, params![after, beyond(limit)]), decode)?;
    Ok(paging::cut(rows, limit, |row| row.name.to_string()))
}

fn broken_glass(connection: &Connection, asked: &Paging) -> Result<Page<BrokenGlass>, StoreError> {
    let limit = paging::limit_of(asked);
    let [before] = paging::read(asked)?.unwrap_or([i64::MAX]);
    let sql = "SELECT number, at, until, by, role, unseal_text(number, 'reason', reason) FROM glass WHERE number < ? \
               ORDER BY number DESC LIMIT ?";
    let rows = fetch(connection, "glass", (sql, params![before, beyond(limit)]), |cells| {
        let number: i64 = cells.take()?;
        let (at, until) = (cells.time()?, cells.time()?);
        let by = cells.text(|text| Some(SmolStr::new(text)))?;
        let role = cells.word(&Role::ALL, Role::as_str)?;
        Ok((number, BrokenGlass { at, until, by, role, reason: cells.take()? }))
    })?;
    let page = paging::cut(rows, limit, |(number, _)| paging::write([*number]));
    Ok(Page { items: page.items.into_iter().map(|(_, row)| row).collect(), next: page.next })
}

impl AccessReader for SqliteReader {
    fn account(&self, name: &AccountName) -> Result<Option<AccountRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM account WHERE name = ?");
        self.see(|connection| fetch_one(connection, "account", (&sql, [name.as_str()]), decode))
    }

    // What is sealed has no index: a thousand accounts are a few milliseconds, and only a sign-in asks.
    fn account_of(&self, vouched: &Vouched) -> Result<Option<AccountRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM account \
             WHERE oidc IS NOT NULL AND unseal(key, 'oidc', oidc) = ? LIMIT 1"
        );
        let text = vouched.to_text();
        self.see(|connection| fetch_one(connection, "account", (&sql, [&text]), decode))
    }

    fn accounts(&self, paging: &Paging) -> Result<Page<AccountRow>, StoreError> {
        self.see(|connection| accounts(connection, paging))
    }

    fn broken_glass(&self, paging: &Paging) -> Result<Page<BrokenGlass>, StoreError> {
        self.see(|connection| broken_glass(connection, paging))
    }

    fn tokens(&self, paging: &Paging) -> Result<Page<TokenRow>, StoreError> {
        self.see(|connection| change::tokens(connection, paging))
    }

    fn followers(&self, beginning: &str) -> Result<Vec<String>, StoreError> {
        self.see(|connection| roll::followers(connection, beginning))
    }
}
