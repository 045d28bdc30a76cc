//! What was in force when: the packs, and what the registry said of a person, each from its instant.
//!
//! "Registry and pack facts are in force at a reading's effective time" (DESIGN section 6): a fact is
//! judged by the pack and the row of its own time, so that a new pack changes no history. A change of
//! the registry reaches back so far that an error of the last days is mended, and no further.

use std::sync::Arc;

use super::{
    episode::{Assessment, Transition},
    facts::{Fact, distinct},
    keep::JudgedWith,
    ledger::Bench,
    pack::Pack,
    patient::{EVER, Patient},
    state::{OutOfOrder, Position, State},
    tracking::minded,
};
use crate::domain::{Millis, Timestamp};

/// What the lines judge with from an instant on.
#[derive(Debug, Clone)]
pub struct Stretch {
    from: Timestamp,
    /// The pack.
    pub pack: Arc<Pack>,
    /// What the registry says of the person.
    pub patient: Patient,
}

/// The stretches of one person, without gaps, the first since ever.
#[derive(Debug, Clone)]
pub struct InForce {
    /// What stretches that are forgotten were made of.
    before: JudgedWith,
    first: Stretch,
    later: Vec<Stretch>,
}

/// Packs as they followed each other, each from its instant; the first counts since ever.
#[derive(Debug, Clone)]
pub struct Packs {
    first: Arc<Pack>,
    later: Vec<(Timestamp, Arc<Pack>)>,
}

impl Packs {
    /// One pack since ever.
    #[must_use]
    pub const fn new(first: Arc<Pack>) -> Self {
        Self { first, later: Vec::new() }
    }

    /// Another one comes into force.
    pub fn follow(&mut self, from: Timestamp, pack: Arc<Pack>) {
        self.later.push((from, pack));
    }

    /// The one in force now.
    #[must_use]
    pub fn last(&self) -> &Arc<Pack> {
        self.later.last().map_or(&self.first, |(_, pack)| pack)
    }

    /// All of them, as they followed each other.
    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Pack>> {
        [&self.first].into_iter().chain(self.later.iter().map(|(_, pack)| pack))
    }

    fn at(&self, instant: Timestamp) -> &Arc<Pack> {
        let later = self.later.iter().rev().find(|(from, _)| *from <= instant);
        later.map_or(&self.first, |(_, pack)| pack)
    }
}

impl InForce {
    /// One pack and one row since ever.
    #[must_use]
    pub fn always(pack: Arc<Pack>, patient: Patient) -> Self {
        let first = Stretch { from: EVER, pack, patient };
        Self { before: JudgedWith::NOTHING, first, later: Vec::new() }
    }

    /// The packs, and the row of the person as it was entered at each of some instants, by time; the
    /// first row counts since ever, each later one from so long before it as the pack of its instant
    /// says: "a change of either re-judges at most the last 14 days" (DESIGN section 6); a pack
    /// applies to later facts. `patient` says what the row of an instant means under a pack.
    #[must_use]
    pub fn new(
        packs: &Packs,
        entered: &[Timestamp],
        patient: impl Fn(&Pack, Timestamp) -> Patient,
    ) -> Self {
        let first_row = entered.first().copied().unwrap_or(EVER);
        let rows: Vec<_> =
            entered.iter().skip(1).map(|at| (at.minus(packs.at(*at).rejudged), *at)).collect();
        let stretch = |from: Timestamp| {
            let row = rows.iter().rev().find(|(reaching, _)| *reaching <= from);
            let row = row.map_or(first_row, |(_, row)| *row);
            let pack = Arc::clone(packs.at(from));
            Stretch { from, patient: patient(&pack, row), pack }
        };
        let mut begins: Vec<_> = packs.later.iter().map(|(from, _)| *from).collect();
        begins.extend(rows.iter().map(|(from, _)| *from));
        begins.sort_unstable();
        begins.dedup();
        let mut in_force =
            Self { before: JudgedWith::NOTHING, first: stretch(EVER), later: Vec::new() };
        for next in begins.into_iter().map(stretch) {
            if !in_force.last().same(&next) {
                in_force.later.push(next);
            }
        }
        for stretch in &mut in_force.later {
            stretch.patient.in_force_from = stretch.from;
        }
        in_force
    }

    /// The same where it is known only up to an instant what was measured; `None`: up to now.
    #[must_use]
    pub fn known_until(mut self, until: Option<Timestamp>) -> Self {
        self.know_until(until);
        self
    }

    /// It is known up to another instant what was measured.
    pub fn know_until(&mut self, until: Option<Timestamp>) {
        self.first.patient.known_until = until;
        for stretch in &mut self.later {
            stretch.patient.known_until = until;
        }
    }

    /// Whether silence is judged up to an instant only.
    #[must_use]
    pub const fn waits_for_uploads(&self) -> bool {
        self.first.patient.known_until.is_some()
    }

    /// When silence would tell something next of which it is not known whether it is one.
    #[must_use]
    pub fn next_held(&self, state: &State, now: Timestamp) -> Option<Timestamp> {
        let stretch = self.at(state.position().at.max(now));
        state.next_held(&stretch.pack, &stretch.patient)
    }

    /// Whether what could not be known when its time was passed is known now: everything is to be
    /// folded anew.
    #[must_use]
    pub fn has_passed(&self, state: &State) -> bool {
        state.has_passed(&self.last().patient)
    }

    /// What is in force now.
    #[must_use]
    pub fn last(&self) -> &Stretch {
        self.later.last().unwrap_or(&self.first)
    }

    /// The pack by which a fact is judged that says it happened, and was received, at these instants.
    #[must_use]
    pub fn pack_at(&self, at: Timestamp, received_at: Timestamp) -> &Pack {
        &self.at(at.min(received_at)).pack
    }

    /// When a fact counts.
    #[must_use]
    pub fn effective(&self, fact: &Fact) -> Timestamp {
        fact.effective(&self.of(fact).pack)
    }

    /// What everything up to an instant was judged with; `None` where it has no encoding.
    #[must_use]
    pub fn judged_with(&self, position: Timestamp) -> Option<JudgedWith> {
        self.stretches()
            .take_while(|stretch| stretch.from <= position)
            .try_fold(self.before, |before, it| before.and(it.from, &it.pack, &it.patient))
    }

    /// Whether another pack or row came into force after one instant and by another.
    #[must_use]
    pub fn changes_between(&self, after: Timestamp, by: Timestamp) -> bool {
        self.later.iter().any(|stretch| stretch.from > after && stretch.from <= by)
    }

    /// Forgets what only facts before an instant ask for.
    pub fn forget_before(&mut self, position: Timestamp) {
        while self.later.first().is_some_and(|next| next.from <= position) {
            let Stretch { from, pack, patient } = &self.first;
            let Some(before) = self.before.and(*from, pack, patient) else { return };
            (self.before, self.first) = (before, self.later.remove(0));
        }
    }

    /// Judges one more fact by what was in force at its time; steps are added to `steps`.
    ///
    /// # Errors
    /// [`OutOfOrder`] where the fact's place has been passed.
    pub fn apply(
        &self,
        state: &mut State,
        fact: &Fact,
        steps: &mut Vec<Transition>,
    ) -> Result<(), OutOfOrder> {
        let stretch = self.of(fact);
        if fact.effective(&stretch.pack) >= state.position().at {
            self.pass(state, stretch.from, steps);
        }
        state.apply(&stretch.pack, &stretch.patient, fact, steps)
    }

    /// Lets time run to an instant.
    pub fn advance(&self, state: &mut State, to: Timestamp, steps: &mut Vec<Transition>) {
        self.pass(state, to, steps);
        let stretch = self.at(to);
        state.advance(&stretch.pack, &stretch.patient, to, steps);
    }

    /// Whether another pack or row comes into force after what [`InForce::forget_before`] was told.
    #[must_use]
    pub const fn changes(&self) -> bool {
        !self.later.is_empty()
    }

    /// When time alone may change the answer of a state next, to which time has run until `now`.
    #[must_use]
    pub fn next_due(&self, state: &State, now: Timestamp) -> Option<Timestamp> {
        let stretch = self.at(state.position().at.max(now));
        state.next_due(&stretch.pack, &stretch.patient)
    }

    /// When silence alone may change it, which may be months from now.
    #[must_use]
    pub fn next_silence(&self, state: &State, now: Timestamp) -> Option<Timestamp> {
        let stretch = self.at(state.position().at.max(now));
        state.next_silence(&stretch.pack, &stretch.patient)
    }

    /// Judges a set of facts from nothing and lets time run to an instant.
    #[must_use]
    pub fn fold(&self, facts: &[Fact], as_of: Timestamp) -> (State, Assessment) {
        let effective = |fact: &Fact| self.effective(fact);
        let facts = distinct(effective, facts);
        let mut state = State::foreseeing(effective, &facts);
        let mut steps = Vec::new();
        for fact in &facts {
            let stretch = self.of(fact);
            self.pass(&mut state, stretch.from, &mut steps);
            let mut bench =
                Bench { pack: &stretch.pack, patient: &stretch.patient, steps: &mut steps };
            let place = Position { at: effective(fact), fact: Some(fact.id) };
            state.take(&mut bench, fact, place);
        }
        self.advance(&mut state, as_of, &mut steps);
        let due = self.next_due(&state, as_of);
        state.settle(steps, due)
    }

    /// Ends every stretch that is over before an instant's begins.
    fn pass(&self, state: &mut State, to: Timestamp, steps: &mut Vec<Transition>) {
        for (over, next) in self.stretches().zip(&self.later) {
            if next.from > to {
                break;
            }
            if next.from > state.position().at {
                let end = next.from.minus(Millis(1));
                state.advance(&over.pack, &over.patient, end, steps);
                state.pass_held(&over.pack, &over.patient, end);
            }
        }
    }

    fn of(&self, fact: &Fact) -> &Stretch {
        self.at(fact.at.min(fact.received_at))
    }

    fn at(&self, instant: Timestamp) -> &Stretch {
        self.later.iter().rev().find(|stretch| stretch.from <= instant).unwrap_or(&self.first)
    }

    fn stretches(&self) -> impl Iterator<Item = &Stretch> {
        std::iter::once(&self.first).chain(&self.later)
    }
}

impl Stretch {
    /// Whether silence of the person matters to anybody at an instant.
    #[must_use]
    pub fn minds_silence(&self, at: Timestamp) -> bool {
        minded(&self.pack, &self.patient, at)
    }

    fn same(&self, other: &Self) -> bool {
        self.pack.hash() == other.pack.hash() && self.patient == other.patient
    }
}
