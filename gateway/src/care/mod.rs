//! The life of an alert: who owns it, until when, who is told, and what happens next.
//!
//! Pure: the writer passes in the team, the alert and the time, and commits what comes back in the
//! same transaction as its cause. At every instant a live alert has one owner and one deadline, or
//! the reason why it has none is on the board.

mod episode;
mod hours;
mod life;
mod outcome;
mod team;
mod visit;

pub use episode::{follow, restate, withdraw};
pub use hours::{DAY_BEGINS_HOUR, DAY_ENDS_HOUR, add_day_time, next_day_time};
pub use life::{
    Opening, Paging, Step, acknowledge, actor, ask_again, escalate, forward, note, open, revise,
    runs_by_day, stand_again, stand_as, tell,
};
pub use outcome::end;
pub use team::Team;
pub use visit::{Responsible, Stood, is_ahead, unvisited, visit};
