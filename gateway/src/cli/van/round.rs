//! The story of a pulled cable in five steps, ticked off as they happen. Pure: what is seen goes in.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::Instant;

use super::ask::Seen;

/// What both gateways and the cable show at an instant.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) at: Instant,
    pub(super) plugged: bool,
    /// Visits whose values are on the van's disk.
    pub(super) visits: u32,
    /// Alerts that the van has and the centre has not.
    pub(super) only_van: BTreeSet<String>,
    pub(super) green: bool,
}

/// One round: from a pulled cable to green.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    /// Unplugged, measured, warned, plugged in, green.
    pub(super) done: [bool; 5],
    /// From the plug to green.
    pub(super) took: Option<Duration>,
    /// Alerts that the van opened alone.
    pub(super) warned: BTreeSet<String>,
    visits: u32,
    plugged_at: Option<Instant>,
}

impl Round {
    pub(super) fn see(&mut self, look: &Look) {
        let [unplugged, measured, _, plugged, green] = self.done;
        if !look.plugged && (!unplugged || plugged) {
            *self = Self { visits: look.visits, ..Self::default() };
            self.done[0] = true;
            return;
        }
        if !unplugged {
            return;
        }
        if !look.plugged {
            self.done[1] = measured || look.visits > self.visits;
            self.warned.extend(look.only_van.iter().cloned());
            self.done[2] = self.done[1] && !self.warned.is_empty();
            return;
        }
        let plugged_at = *self.plugged_at.get_or_insert(look.at);
        self.done[3] = true;
        if !green && look.green {
            self.done[4] = true;
            self.took = Some(look.at.duration_since(plugged_at));
        }
    }

    /// How long it has been plugged in and not green yet.
    pub(super) fn waiting_for(&self, now: Instant) -> Option<Duration> {
        let since = self.plugged_at.filter(|_| !self.done[4])?;
        Some(now.saturating_duration_since(since))
    }
}

/// Green: the centre signed that it has the end of the van's log, both hold the same records of the
/// day, and every alert of the van stands at the centre under the same id.
pub(super) fn is_green(van: &Seen, centre: &Seen) -> bool {
    let both = van.is_fresh() && centre.is_fresh();
    let carried = van.confirmed && van.waiting == Some(0) && centre.confirmed;
    both && carried && van.receipt == centre.receipt && only_in(van, centre).is_empty()
}

/// Ids of alerts that one has and the other has not.
pub(super) fn only_in(one: &Seen, other: &Seen) -> BTreeSet<String> {
    let there: BTreeSet<&str> = other.alerts.iter().map(|alert| alert.id.as_str()).collect();
    let ids = one.alerts.iter().map(|alert| &alert.id);
    ids.filter(|id| !there.contains(id.as_str())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::van::ask::{Receipt, Warned};

    /// Each letter is a look: `u` unplugged, `m` after a visit, `w` with an alert of the van alone,
    /// `p` plugged in, `g` green.
    #[track_caller]
    fn check(looks: &str, expected: [bool; 5]) {
        let mut round = Round::default();
        let begun = Instant::now();
        let (mut visits, mut second) = (0, 0);
        for look in looks.chars() {
            second += 1;
            visits += u32::from("mw".contains(look));
            let only_van = if look == 'w' { ["a".to_owned()].into() } else { BTreeSet::new() };
            let at = begun + Duration::from_secs(second);
            let plugged = !"umw".contains(look);
            round.see(&Look { at, plugged, visits, only_van, green: look == 'g' });
        }
        assert_eq!(round.done, expected, "{looks}");
    }

    #[test]
    fn steps_are_ticked_off_in_their_order() {
        check("pgg", [false; 5]);
        check("u", [true, false, false, false, false]);
        check("um", [true, true, false, false, false]);
        check("uw", [true, true, true, false, false]);
        check("uwp", [true, true, true, true, false]);
        check("uwpg", [true; 5]);
        check("uwgpg", [true; 5]);
        check("upg", [true, false, false, true, true]);
    }

    #[test]
    fn pulling_the_cable_again_begins_a_new_round() {
        check("uwpgu", [true, false, false, false, false]);
        check("uwpgppgm", [true, false, false, false, false]);
    }

    #[test]
    fn green_needs_the_signature_the_same_records_and_the_same_alerts() {
        let alert = |id: &str| Warned {
            id: id.to_owned(),
            case: String::new(),
            level: "red".to_owned(),
            person: String::new(),
            zh: String::new(),
            en: String::new(),
        };
        let seen = Seen {
            at: Some(Instant::now()),
            waiting: Some(0),
            confirmed: true,
            alerts: vec![alert("a")],
            ..Seen::default()
        };
        assert!(is_green(&seen, &seen));
        let unsigned = Seen { confirmed: false, ..seen.clone() };
        let waiting = Seen { waiting: Some(1), ..seen.clone() };
        let silent = Seen { at: None, ..seen.clone() };
        let records = Receipt { hash: "other".to_owned(), ..Receipt::default() };
        let other = Seen { receipt: records, ..seen.clone() };
        let warned = Seen { alerts: vec![alert("a"), alert("b")], ..seen.clone() };
        for van in [unsigned, waiting, silent, other, warned.clone()] {
            assert!(!is_green(&van, &seen), "{van:?}");
        }
        assert!(is_green(&seen, &warned), "the centre has alerts of its own");
    }
}
