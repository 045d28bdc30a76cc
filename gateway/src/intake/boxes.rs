//! Which boxes may come in by a certificate: the key of each row in force, read from the registry and
//! kept in memory, for a handshake must not wait for the store.
//!
//! It is an allow-list: a key that no row holds is nobody's, and nothing that a certificate says of
//! itself is looked at. A follower: it lags behind a row by a moment; whoever comes in is asked for
//! again in the store itself ([`BoxBook::of`]).

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    domain::{BoxId, BoxState, Neighbour, Registered},
    store::{Reader, RegistryKey, StoreError, view::Paging, view::Scope},
    uplink::PublicKey,
};

/// What the registry says of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is the key of this box.
    Enabled(BoxId),
    /// It is the key of a box that was withdrawn.
    Revoked(BoxId),
    /// Two rows hold it: nobody can say whose it is.
    Shared,
}

/// Every box's key. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct BoxBook(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    keys: HashMap<PublicKey, Standing>,
    rows: HashMap<BoxId, Neighbour>,
}

/// A box whose rights are others than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Which.
    pub name: BoxId,
    /// It has none any more.
    pub revoked: bool,
}

impl BoxBook {
    /// What is known of a key; nothing: no row holds it.
    #[must_use]
    pub fn standing(&self, key: &PublicKey) -> Option<Standing> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys.get(key).cloned()
    }

    /// The row in force of the box whose key this is, as the store has it now. Blocks.
    ///
    /// # Errors
    /// Any error of the store.
    pub fn of(
        &self,
        key: &PublicKey,
        reader: &dyn Reader,
    ) -> Result<Option<Neighbour>, StoreError> {
        let Some(Standing::Enabled(name)) = self.standing(key) else { return Ok(None) };
        let row = reader.registered(&Scope::Everything, &RegistryKey::neighbour(&name))?;
        let Some(Registered::Box(row)) = row else { return Ok(None) };
        let holds = row.state == BoxState::Enabled && row.key.parse() == Ok(*key);
        Ok(holds.then_some(row))
    }

    /// Reads every box anew, and says whose rights changed. Blocks.
    ///
    /// # Errors
    /// Any error of the store.
    pub fn load(&self, reader: &dyn Reader) -> Result<Vec<Changed>, StoreError> {
        let mut rows = HashMap::new();
        let mut paging = Paging { limit: Paging::LIMIT_MAX, after: None };
        loop {
            let page = reader.registry("box", &paging)?;
            for row in page.items {
                if let Registered::Box(row) = row {
                    rows.insert(row.name.clone(), row);
                }
            }
            match page.next {
                Some(next) => paging.after = Some(next),
                None => break,
            }
        }
        let known = Known { keys: keys(rows.values()), rows };
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let changed = changed(&held.rows, &known.rows);
        *held = known;
        Ok(changed)
    }

    /// A book of these rows.
    #[cfg(test)]
    pub(crate) fn for_tests(rows: &[Neighbour]) -> Self {
        let rows =
            rows.iter().map(|row| (row.name.clone(), row.clone())).collect::<HashMap<_, _>>();
        Self(Arc::new(RwLock::new(Known { keys: keys(rows.values()), rows })))
    }

    /// As if these were the rows now.
    #[cfg(test)]
    pub(crate) fn replace(&self, rows: &[Neighbour]) {
        let other = Self::for_tests(rows);
        let known = std::mem::take(&mut *other.0.write().unwrap_or_else(PoisonError::into_inner));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

/// A key that was withdrawn under any name is withdrawn: who found a box must not come in by it as
/// another one.
fn keys<'a>(rows: impl Iterator<Item = &'a Neighbour>) -> HashMap<PublicKey, Standing> {
    let mut keys = HashMap::new();
    for row in rows {
        let Ok(key) = row.key.parse::<PublicKey>() else { continue };
        let name = row.name.clone();
        let standing = match (row.state, keys.remove(&key)) {
            (BoxState::Revoked, _) => Standing::Revoked(name),
            (BoxState::Enabled, None) => Standing::Enabled(name),
            (BoxState::Enabled, Some(Standing::Revoked(other))) => Standing::Revoked(other),
            (BoxState::Enabled, Some(Standing::Enabled(_) | Standing::Shared)) => Standing::Shared,
        };
        keys.insert(key, standing);
    }
    keys
}

/// Whose state, key or site is another; whom it serves is asked for at every exchange.
fn changed(before: &HashMap<BoxId, Neighbour>, now: &HashMap<BoxId, Neighbour>) -> Vec<Changed> {
    let other = |(name, was): (&BoxId, &Neighbour)| {
        let is = now.get(name);
        let rights = |row: &Neighbour| (row.state, row.key.clone(), row.site.clone());
        let changed = is.is_none_or(|is| rights(is) != rights(was));
        let revoked = is.is_none_or(|is| is.state == BoxState::Revoked);
        changed.then(|| Changed { name: name.clone(), revoked })
    };
    before.iter().filter_map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Attributes, uplink::GatewayKey};

    fn key(seed: u8) -> PublicKey {
        GatewayKey::of_seed([seed; 32]).public()
    }

    fn row((name, seed): (&str, u8), state: BoxState) -> Neighbour {
        Neighbour {
            name: BoxId::new(name).unwrap(),
            key: key(seed).to_string(),
            site: None,
            serves: Vec::new(),
            state,
            epoch: None,
            attributes: Attributes::default(),
        }
    }

    const ENABLED: BoxState = BoxState::Enabled;
    const REVOKED: BoxState = BoxState::Revoked;

    /// What these rows, in either order, say of the key of seed 1.
    #[track_caller]
    fn check(rows: &[Neighbour], expected: Option<&Standing>) {
        let back: Vec<_> = rows.iter().rev().cloned().collect();
        for rows in [rows, &back] {
            assert_eq!(keys(rows.iter()).get(&key(1)), expected, "{rows:?}");
        }
    }

    #[test]
    fn a_key_is_that_of_the_one_enabled_row_that_holds_it() {
        let a = BoxId::new("a").unwrap();
        check(&[], None);
        check(&[row(("b", 2), ENABLED)], None);
        check(
            &[row(("a", 1), ENABLED), row(("b", 2), REVOKED)],
            Some(&Standing::Enabled(a.clone())),
        );
        check(&[row(("a", 1), REVOKED)], Some(&Standing::Revoked(a.clone())));
        check(&[row(("a", 1), REVOKED), row(("b", 1), ENABLED)], Some(&Standing::Revoked(a)));
        check(&[row(("a", 1), ENABLED), row(("b", 1), ENABLED)], Some(&Standing::Shared));
    }

    /// What becomes of box `a` between these two rows.
    #[track_caller]
    fn check_changed(before: &[Neighbour], now: &[Neighbour], expected: Option<bool>) {
        let of = |rows: &[Neighbour]| {
            rows.iter().map(|row| (row.name.clone(), row.clone())).collect::<HashMap<_, _>>()
        };
        let changed = changed(&of(before), &of(now));
        assert_eq!(changed.first().map(|it| it.revoked), expected, "{before:?} {now:?}");
    }

    #[test]
    fn rights_change_with_state_key_and_site_and_with_nothing_else() {
        let row = |seed, state| row(("a", seed), state);
        check_changed(&[], &[row(1, ENABLED)], None);
        check_changed(&[row(1, ENABLED)], &[row(1, ENABLED)], None);
        let serving = Neighbour { serves: vec!["North".to_owned()], ..row(1, ENABLED) };
        check_changed(&[row(1, ENABLED)], &[serving], None);
        let moved = Neighbour { site: Some("V03".parse().unwrap()), ..row(1, ENABLED) };
        check_changed(&[row(1, ENABLED)], &[moved], Some(false));
        check_changed(&[row(1, ENABLED)], &[row(2, ENABLED)], Some(false));
        check_changed(&[row(1, ENABLED)], &[row(1, REVOKED)], Some(true));
        check_changed(&[row(1, ENABLED)], &[], Some(true));
        check_changed(&[row(1, REVOKED)], &[row(1, ENABLED)], Some(false));
    }
}
