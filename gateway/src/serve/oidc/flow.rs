//! Sign-ins that somebody began here and ends at the provider: in memory, each of one browser, used
//! once. A restart forgets them.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

use crate::{
    domain::{Millis, Timestamp},
    serve::secret::{self, NoRandomness},
};

/// Longest time at the provider.
const LIFETIME: Millis = Millis::minutes(10);

/// Begun at once. Full: the oldest makes room.
const HELD_MAX: usize = 1_000;

/// Begun at once from one source. Full: its oldest makes room, so that nobody ends another's.
const OF_SOURCE_MAX: usize = 20;

/// A sign-in that was begun.
#[derive(Debug)]
pub(super) struct Flow {
    /// What the provider must send back.
    pub(super) state: String,
    /// What its token must hold.
    pub(super) nonce: String,
    /// What only we can say for the code (PKCE, RFC 7636).
    pub(super) verifier: String,
    source: [u8; 32],
    until: Timestamp,
}

impl Flow {
    /// What the provider is told of the verifier.
    pub(super) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }
}

/// Every sign-in that was begun, by the hash of what its browser keeps.
#[derive(Debug, Default)]
pub(super) struct Flows(Mutex<HashMap<[u8; 32], Flow>>);

impl Flows {
    /// Begins one: what the browser keeps, and what the provider is told.
    pub(super) fn begin<T>(
        &self,
        source: [u8; 32],
        now: Timestamp,
        told: impl FnOnce(&Flow) -> T,
    ) -> Result<(String, T), NoRandomness> {
        let kept = secret::text()?;
        let flow = Flow {
            state: secret::text()?,
            nonce: secret::text()?,
            verifier: secret::text()?,
            source,
            until: now.plus(LIFETIME),
        };
        let told = told(&flow);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, flow| flow.until > now);
        let of_source = held.values().filter(|flow| flow.source == source).count();
        let goes = |flow: &&Flow| of_source < OF_SOURCE_MAX || flow.source == source;
        if held.len() >= HELD_MAX || of_source >= OF_SOURCE_MAX {
            let oldest = held.iter().filter(|(_, flow)| goes(flow)).min_by_key(|it| it.1.until);
            let oldest = oldest.map(|(id, _)| *id);
            oldest.into_iter().for_each(|id| drop(held.remove(&id)));
        }
        held.insert(secret::hash(&kept), flow);
        Ok((kept, told))
    }

    /// The sign-in that a browser keeps, which thereby is used; `None`: it keeps none with that state.
    pub(super) fn take(&self, kept: &str, state: &str, now: Timestamp) -> Option<Flow> {
        let id = secret::hash(kept);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = secret::hash(&held.get(&id)?.state) == secret::hash(state);
        if !same {
            return None;
        }
        held.remove(&id).filter(|flow| flow.until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(flows: &Flows, source: u8, at: i64) -> (String, String) {
        flows.begin([source; 32], Timestamp::from_millis(at), |flow| flow.state.clone()).unwrap()
    }

    #[track_caller]
    fn check(flows: &Flows, (kept, state): (&str, &str), at: i64, expected: bool) {
        let taken = flows.take(kept, state, Timestamp::from_millis(at));
        assert_eq!(taken.is_some(), expected);
    }

    #[test]
    fn a_sign_in_belongs_to_one_browser_and_ends_once_and_in_time() {
        let flows = Flows::default();
        let (mine, theirs) = (begun(&flows, 1, 0), begun(&flows, 2, 0));
        check(&flows, (&mine.0, &theirs.1), 1, false);
        check(&flows, (&mine.0, &mine.1), 1, true);
        check(&flows, (&mine.0, &mine.1), 1, false);
        check(&flows, ("", ""), 1, false);
        check(&flows, (&theirs.0, &theirs.1), LIFETIME.0, false);
    }

    #[test]
    fn a_flood_from_one_place_ends_nobody_else_s_and_is_bounded() {
        let flows = Flows::default();
        let owner = begun(&flows, 0, 0);
        for at in 1..5_000 {
            begun(&flows, 1, at);
        }
        assert_eq!(flows.0.lock().unwrap().len(), OF_SOURCE_MAX + 1);
        check(&flows, (&owner.0, &owner.1), 5_000, true);
        for number in 0..=255 {
            (0..20).for_each(|at| drop(begun(&flows, number, at)));
        }
        assert_eq!(flows.0.lock().unwrap().len(), HELD_MAX);
    }

    #[test]
    fn the_provider_is_told_the_hash_of_the_verifier() {
        // RFC 7636, appendix B.
        let flow = Flow {
            state: String::new(),
            nonce: String::new(),
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
            source: [0; 32],
            until: Timestamp::from_millis(0),
        };
        assert_eq!(flow.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
