//! Times of readings that were corrected after they were stored: each correction, and where a reading
//! stood before.

use std::collections::BTreeMap;

use super::{
    Items, Part,
    corrections::{Moves, of_correction},
    files::Files,
    readings::of_reading,
};
use crate::{
    domain::{PersonId, ReadingId, Timestamp},
    serve::{
        describe::{Describer, reading::grade},
        wire,
    },
    store::{CommitSeq, Retimed, StoreError, StoredReading, Timing, view::Scope},
};

/// What became known, after they were stored, of when readings were taken.
pub(super) struct Times {
    all: BTreeMap<ReadingId, Corrected>,
}

/// A reading with every correction of its time, oldest first.
struct Corrected {
    seq: CommitSeq,
    stored: StoredReading,
    by: Vec<Retimed>,
}

impl Times {
    /// The times of a reading as they were known at an instant, if they are others now.
    pub(super) fn then(&self, reading: &ReadingId, part: &Part) -> Option<Timing> {
        let corrected = self.all.get(reading)?;
        let later = corrected.by.iter().find(|retimed| !part.is_known(retimed.at))?;
        Some(later.before)
    }

    /// Corrections of what came under a file.
    pub(super) fn corrections(&self, file: &PersonId, part: &Part) -> Items {
        let own = self.all.values().filter(|corrected| {
            corrected.stored.attribution.as_ref().is_some_and(|whose| whose.person == *file)
        });
        let all = own.flat_map(|corrected| &corrected.by);
        let told = all.filter(|retimed| part.is_known(retimed.at) && part.is_before(retimed.at));
        told.map(|retimed| (retimed.at, of_retimed(retimed))).collect()
    }

    /// Readings of a file that were believed to be of another time then.
    pub(super) fn moved(&self, moves: &Moves, part: &Part) -> Items {
        let moved = self.all.iter().filter_map(|(id, Corrected { seq, stored, .. })| {
            let then = self.then(id, part)?;
            let now = stored.attribution.as_ref();
            let whose = moves.owner(id, part).unwrap_or(now);
            let shown = moves.is_theirs(whose)
                && part.is_known(stored.server_at)
                && part.is_before(then.measured.at);
            let mut stored = shown.then(|| stored.clone())?;
            stored.retime(&then);
            Some(of_reading(*seq, &stored))
        });
        moved.collect()
    }
}

impl Describer<'_> {
    /// The corrections of what came under a person's files.
    pub(super) fn times(&self, files: &Files) -> Result<Times, StoreError> {
        let mut all: BTreeMap<ReadingId, Corrected> = BTreeMap::new();
        for person in files.related() {
            for retimed in self.reader().retimings(person)? {
                if let Some(corrected) = all.get_mut(&retimed.reading) {
                    corrected.by.push(retimed);
                    continue;
                }
                let found = self.reader().reading(&Scope::Everything, &retimed.reading)?;
                let Some((seq, stored)) = found else { continue };
                all.insert(retimed.reading, Corrected { seq, stored, by: vec![retimed] });
            }
        }
        Ok(Times { all })
    }
}

fn of_retimed(retimed: &Retimed) -> wire::TimelineItem {
    let estimate = |timing: &Timing| wire::Estimate {
        measured_at: timing.measured.at.to_string(),
        grade: grade(timing.measured.grade),
    };
    let correction = wire::Correction {
        reading: retimed.reading.to_string(),
        what: "retimed",
        basis: "gateway_clock",
        was: Some(estimate(&retimed.before)),
        now: Some(estimate(&retimed.after)),
    };
    let at: Timestamp = retimed.at;
    of_correction(at, correction)
}
