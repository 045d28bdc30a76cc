//! What doctors do when they are told, and when they come: assumed, each number in one place. No
//! treatment helps anybody, so that the truth stays known; the load is the worst case.

use crate::{
    assess::Concept,
    domain::{AlertId, DoctorId, Level, Millis},
};

/// Of messages to a village doctor, so many of a thousand are answered in time; assumed. The others
/// wait for their deadline and go up. A township's doctor answers always.
const ANSWERED_PER_MILLE: u64 = 800;
/// An answer to red takes so many minutes; assumed.
const RED_MINUTES: std::ops::Range<u64> = 2..12;
/// An answer to orange, in minutes; assumed.
const ORANGE_MINUTES: std::ops::Range<u64> = 10..110;
/// An answer to yellow, in minutes; assumed.
const YELLOW_MINUTES: std::ops::Range<u64> = 60..1320;

/// A red is closed after so long (LINES 6.5).
const RED_CLOSES: Millis = Millis::days(3);
/// What no value ends is closed with the follow-up that is due (LINES 6.1: 14 days).
const OTHERS_CLOSE: Millis = Millis::days(14);

/// When a doctor acknowledges an alert after its message: each pair has its own chance, the same in
/// every run of a seed. `None`: they do not.
pub(super) fn answers_after(
    seed: u64,
    alert: &AlertId,
    (doctor, always): (&DoctorId, bool),
    level: Level,
) -> Option<Millis> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_be_bytes()).update(alert.as_bytes()).update(doctor.as_str().as_bytes());
    let mut words = [[0_u8; 8]; 2];
    let mut reader = hasher.finalize_xof();
    for word in &mut words {
        reader.fill(word);
    }
    let [chance, minutes] = words.map(u64::from_be_bytes);
    if !always && chance % 1000 >= ANSWERED_PER_MILLE {
        return None;
    }
    let range = match level {
        Level::Red => RED_MINUTES,
        Level::Orange => ORANGE_MINUTES,
        Level::Yellow | Level::Blue => YELLOW_MINUTES,
    };
    let span = range.end.saturating_sub(range.start).max(1);
    let minutes = range.start.saturating_add(minutes % span);
    Some(Millis::minutes(i64::try_from(minutes).unwrap_or(0)))
}

/// When a doctor closes an alert whatever the values say. `None`: a visit back under the line, or
/// the lines themselves, end it.
pub(super) fn closes_after(concept: Concept, level: Level) -> Option<Millis> {
    match (concept, level) {
        (_, Level::Blue) => None,
        (_, Level::Red) => Some(RED_CLOSES),
        (concept, _) if by_values(concept) || ends_itself(concept) => None,
        (Concept::BpExtremeUnreliable | Concept::StaleEmergency | Concept::MissedRepeat, _) => {
            Some(RED_CLOSES)
        }
        _ => Some(OTHERS_CLOSE),
    }
}

/// Closed at the first visit back under the line (LINES 6.5).
pub(super) const fn by_values(concept: Concept) -> bool {
    matches!(
        concept,
        Concept::BpGrade2
            | Concept::BpUncontrolledRepeat
            | Concept::GluHighUrgent
            | Concept::GluUncontrolledRepeat
    )
}

/// Ended by later values, without anybody (LINES 6.1).
const fn ends_itself(concept: Concept) -> bool {
    matches!(
        concept,
        Concept::BpUncontrolledFirst
            | Concept::GluUncontrolledFirst
            | Concept::Missed
            | Concept::MissedDoctor
    )
}
