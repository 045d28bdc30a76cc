//! Accounts and broken glass, from memory.

use super::{enrol, reader::ModelReader, state::State};
use crate::store::{
    AccessChange, AccessReader, AccountName, AccountRow, BrokenGlass, StoreError, TokenRow,
    Vouched,
    access::{token_after, token_page},
    paging,
    view::{Page, Paging},
};

pub(super) fn apply(state: &mut State, change: &AccessChange) {
    match change {
        AccessChange::Account(row) => {
            state.accounts.insert(row.name.to_string(), AccountRow::clone(row));
        }
        AccessChange::Glass(broken) => state.glass.push(broken.clone()),
        AccessChange::Box(change) => enrol::apply(state, change),
    }
}

impl AccessReader for ModelReader {
    fn account(&self, name: &AccountName) -> Result<Option<AccountRow>, StoreError> {
        Ok(self.shared().now().accounts.get(name.as_str()).cloned())
    }

    fn account_of(&self, vouched: &Vouched) -> Result<Option<AccountRow>, StoreError> {
        let state = self.shared().now();
        Ok(state.accounts.values().find(|row| row.vouched == *vouched).cloned())
    }

    fn accounts(&self, asked: &Paging) -> Result<Page<AccountRow>, StoreError> {
        let state = self.shared().now();
        let limit = paging::limit_of(asked);
        let after = asked.after.as_deref().unwrap_or_default();
        let rows = state.accounts.iter().filter(|(name, _)| name.as_str() > after);
        let rows = rows.take(limit.saturating_add(1)).map(|(_, row)| row.clone()).collect();
        Ok(paging::cut(rows, limit, |row: &AccountRow| row.name.to_string()))
    }

    fn broken_glass(&self, asked: &Paging) -> Result<Page<BrokenGlass>, StoreError> {
        let state = self.shared().now();
        let limit = paging::limit_of(asked);
        let [before] = paging::read(asked)?.unwrap_or([i64::MAX]);
        let rows = (1_i64..).zip(&state.glass).filter(|(number, _)| *number < before);
        let rows: Vec<_> = rows.map(|(number, row)| (number, row.clone())).collect();
        let rows = rows.into_iter().rev().take(limit.saturating_add(1)).collect();
        let page = paging::cut(rows, limit, |(number, _)| paging::write([*number]));
        let items = page.items.into_iter().map(|(_, row)| row).collect();
        Ok(Page { items, next: page.next })
    }

    fn tokens(&self, asked: &Paging) -> Result<Page<TokenRow>, StoreError> {
        let (after, limit) = (token_after(asked)?, paging::limit_of(asked));
        let state = self.shared().now();
        let rows = state.tokens.values().filter(|row| after.is_none_or(|after| row.hash > after));
        let rows = rows.take(limit.saturating_add(1)).cloned().collect();
        Ok(paging::cut(rows, limit, token_page))
    }

    fn followers(&self, beginning: &str) -> Result<Vec<String>, StoreError> {
        let state = self.shared().now();
        Ok(state.followers.keys().filter(|name| name.starts_with(beginning)).cloned().collect())
    }
}
