//! What changes beside the facts, in the same unit.

use super::{
    AccessChange, Answer, BenchSession, CarryChange, CommitSeq, Counts, KeptState, NeighbourSaid,
    Owed, RosterHeld, Timer, Timing, TokenRow, ToldMoved,
};
use crate::domain::{
    Alert, AlertId, ContentDigest, Level, NotificationKey, PersonId, ReadingId, Timestamp,
};

/// Working state that changes together with the facts of a unit.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The alert as it stands now; inserted or replaced by its key.
    Alert(Box<Alert>),
    /// An older id by which the alert is still known.
    Alias(AlertId, i64),
    /// A timer begins, or moves: (kind, person, alert) is its name.
    SetTimer(Timer),
    /// A timer ends.
    ClearTimer(Timer),
    /// A notification is owed. A known key changes nothing. Its position for
    /// [`super::Reader::delivered_to`] is that of the alert's latest step: append that first.
    Owe(Box<Owed>),
    /// A notification is owed no more, or later: after an attempt.
    Resend {
        /// Which.
        key: NotificationKey,
        /// When to try again; `None`: done, dropped or dead.
        due_at: Option<Timestamp>,
        /// What the attempt said, if it failed.
        last_error: Option<String>,
    },
    /// Messages that still wait to be due leave sooner: never later than before.
    Hasten {
        /// Of this alert.
        alert: i64,
        /// Not after this.
        due_at: Timestamp,
    },
    /// Messages that nobody has tried to send yet tell of what the alert is now, and leave then:
    /// what was lowered while its page waited calls nobody as what it was.
    Calm {
        /// Of this alert.
        alert: i64,
        /// What they tell of.
        level: Level,
        /// Not before this.
        due_at: Timestamp,
    },
    /// A follower has done everything up to a position; `None`: it is no more.
    Cursor {
        /// Which.
        follower: String,
        /// Up to here.
        to: Option<CommitSeq>,
    },
    /// Whoever answers for a household at an instant does so from now on, as lists of a doctor's
    /// people see it. It never goes back.
    HandOver(Timestamp),
    /// A bench session begins or its end moves: (site, bench, from) is its name.
    Session(BenchSession),
    /// A request was answered.
    Answer(Box<Answer>),
    /// A token was made, or ended.
    Token(Box<TokenRow>),
    /// An account changed, or somebody looked beyond their own people.
    Access(AccessChange),
    /// Items were counted.
    Count(Counts),
    /// A context that waits is joined to a reading that is stored: what it tells is the reading's
    /// from now on. Of several that say the same, the latest is meant.
    Join(ContentDigest, ReadingId),
    /// What the lines remember of a person now: it holds every reading and event of theirs up to the
    /// log's end. Append first.
    KeepState(Box<KeptState>),
    /// A person is to be looked at then, within a day of a reading also before. `None`: never.
    Watch(PersonId, Option<Timestamp>),
    /// What is stored of a person means something else: nothing kept of them holds.
    ForgetState(PersonId),
    /// A roster of another gateway was taken whole.
    HoldRoster(RosterHeld),
    /// Something about what other gateways brought.
    Carry(Box<CarryChange>),
    /// Something is known of a neighbour. A receipt that it counted before what it said already changes
    /// nothing; one with another hash ends what was found to differ of that day.
    Neighbour(Box<NeighbourSaid>),
    /// A reading belongs to somebody else from now on, or to nobody; nothing that was kept of
    /// either holds.
    Reattribute(ReadingId, Option<crate::domain::Attribution>),
    /// A reading has other times from now on; nothing that was kept of its owner holds.
    Retime(ReadingId, Timing),
    /// The card scan at a position happened at another time than was believed.
    MoveScan(CommitSeq, Timestamp),
    /// What was told at a position, an event or a step, counts at another time than was believed; nothing
    /// that was kept of its person holds. The latest counts beside those before it, but for a guess.
    MoveTold(CommitSeq, ToldMoved),
}
