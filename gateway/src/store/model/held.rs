//! What waits in quarantine.

use super::{reader::at_site, state::State};
use crate::{
    domain::Standing,
    store::{
        Origin, QuarantineReason, StoredReading,
        view::{HeldQuarantine, Scope},
    },
};

/// What waits in quarantine within a scope.
pub(super) fn quarantined(state: &State, scope: &Scope) -> Vec<HeldQuarantine> {
    let reached = state.quarantine().filter(|(_, item)| match scope {
        Scope::Doctor(_) => {
            let named = item.reading.as_ref().and_then(|held| held.remarks.person.as_ref());
            named.is_some_and(|person| state.reaches(scope, person))
        }
        Scope::Everything | Scope::Place(_) | Scope::Nobody => {
            at_site(state, scope, item.origin.site.as_ref())
        }
    });
    let items = reached.map(|(seq, item)| {
        let (decided, taken_back_by) = HeldQuarantine::told(state.decided(seq));
        HeldQuarantine {
            seq,
            reason: item.reason,
            detail: item.detail.clone(),
            raw: item.raw.clone(),
            origin: item.origin.clone(),
            received_at: item.received_at,
            decided,
            taken_back_by,
            reading: item.reading.as_ref().map(|held| StoredReading {
                reading: (**held).clone(),
                attribution: None,
                context: None,
                told_symptoms: Vec::new(),
                standing: Standing::Stored,
                late: false,
                possible_duplicate: false,
                server_at: item.received_at,
                rebased_at: None,
            }),
        }
    });
    items.chain(waiting(state, scope)).collect()
}

/// Contexts within a scope whose measurement has not come.
fn waiting<'s>(state: &'s State, scope: &'s Scope) -> impl Iterator<Item = HeldQuarantine> + 's {
    let all = state.contexts().filter(|(_, context)| context.reading.is_none());
    let reached = all.filter(|(_, context)| at_site(state, scope, Some(&context.site)));
    reached.map(|(seq, context)| HeldQuarantine {
        seq,
        decided: None,
        taken_back_by: None,
        reason: QuarantineReason::NoMeasurement,
        detail: context.number.to_string(),
        raw: context.raw,
        origin: Origin {
            road: context.road,
            site: Some(context.site),
            device: Some(context.device.as_str().into()),
        },
        received_at: context.received_at,
        reading: None,
    })
}
