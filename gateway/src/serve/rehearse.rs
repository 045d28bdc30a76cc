//! What would become of rows of the registry if they were entered: every check of an entry, and no
//! entry.

use std::collections::HashMap;

use super::{
    shared::Shared,
    weigh::{Weighed, weigh},
    wire,
};
use crate::{
    commit::registry_key,
    domain::Registered,
    store::{RegistryKey, StoreError, view::Scope},
};

/// Weighs rows and counts what would be new, changed and unchanged; with `with_ours`, answers with
/// the row in force under the name of each.
pub(super) fn rehearse(
    shared: &Shared,
    rows: Vec<(usize, Registered)>,
    with_ours: bool,
) -> Result<wire::RegistryCounted, StoreError> {
    let in_force = |key: &RegistryKey| shared.reader.registered(&Scope::Everything, key);
    let ours = if with_ours {
        let ours = rows.iter().map(|(_, row)| in_force(&registry_key(row)));
        Some(ours.collect::<Result<Vec<_>, _>>()?)
    } else {
        None
    };
    let Weighed { rows, rejected, warned } = weigh(shared, rows)?;
    let mut latest: HashMap<RegistryKey, Registered> = HashMap::new();
    let (mut new, mut changed, mut unchanged) = (0_usize, 0_usize, 0_usize);
    for row in rows {
        let key = registry_key(&row);
        let before = match latest.remove(&key) {
            Some(earlier) => Some(earlier),
            None => in_force(&key)?,
        };
        let count = match &before {
            None => &mut new,
            Some(before) if *before != row => &mut changed,
            Some(_) => &mut unchanged,
        };
        *count = count.saturating_add(1);
        latest.insert(key, row);
    }
    let (new_or_changed, changed) = (new.saturating_add(changed), Some(changed));
    Ok(wire::RegistryCounted { new_or_changed, unchanged, changed, ours, rejected, warned })
}
