//! Changes of working state.

use super::{
    ROLLUP, access, staff,
    state::{Promise, State},
};
use crate::{
    domain::{Alert, ContentDigest, NotificationKey, ReadingId, Timestamp},
    store::{
        Answer, Change, CommitSeq, Context, Counts, KeptState, NeighbourSaid, Owed, ReceiptSaid,
        StoreError,
    },
};

/// Applies one change.
pub(super) fn apply(state: &mut State, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::Alert(alert) => {
            state.alerts.insert(alert.key, Alert::clone(alert));
        }
        Change::Alias(id, key) => {
            state.aliases.insert(*id, *key);
        }
        Change::SetTimer(timer) => {
            let name = (timer.kind, timer.person.clone(), timer.alert);
            state.timers.insert(name, timer.clone());
        }
        Change::ClearTimer(timer) => {
            state.timers.remove(&(timer.kind, timer.person.clone(), timer.alert));
        }
        Change::Owe(owed) => owe(state, owed),
        Change::Resend { key, due_at, last_error } => {
            resend(state, key, *due_at, last_error.as_ref())?;
        }
        Change::Hasten { alert, due_at } => {
            for promise in untried(state, *alert) {
                promise.due_at = promise.due_at.map(|before| before.min(*due_at));
            }
        }
        Change::Calm { alert, level, due_at } => {
            for promise in untried(state, *alert).filter(|promise| promise.due_at.is_some()) {
                promise.owed.level = *level;
                promise.due_at = Some(*due_at);
            }
        }
        Change::Cursor { follower, to } => move_cursor(state, follower, *to)?,
        Change::HandOver(now) => staff::hand_over(state, *now),
        Change::Session(session) => {
            let name = (session.site.clone(), session.bench.clone(), session.from);
            state.sessions.insert(name, session.clone());
        }
        Change::Answer(answer) => {
            state.answers.insert(answer.request.key.clone(), Answer::clone(answer));
        }
        Change::Token(token) => {
            state.tokens.insert(token.hash, (**token).clone());
        }
        Change::Access(change) => access::apply(state, change),
        Change::KeepState(kept) => {
            let upto = state.last();
            state.kept.insert(kept.person.clone(), (upto, KeptState::clone(kept)));
        }
        Change::Watch(person, Some(due_at)) => {
            state.watches.insert(person.clone(), *due_at);
        }
        Change::Watch(person, None) => {
            state.watches.remove(person);
        }
        Change::ForgetState(person) => {
            state.kept.remove(person);
        }
        Change::HoldRoster(held) => {
            state.rosters.insert(held.issuer.clone(), held.clone());
        }
        Change::Neighbour(said) => neighbour(state, said),
        Change::Join(content, id) => join(state, content, id)?,
        Change::Count(more) => count(&mut state.counts, more),
        Change::Carry(carried) => state.carry(carried)?,
        Change::Reattribute(..)
        | Change::Retime(..)
        | Change::MoveScan(..)
        | Change::MoveTold(..) => {
            correct(state, change)?;
        }
    }
    Ok(())
}

/// What is known of a neighbour.
fn neighbour(state: &mut State, said: &NeighbourSaid) {
    match said {
        NeighbourSaid::Receipt(said) => told(state, said),
        NeighbourSaid::Differs(found) => {
            let name = (found.site.clone(), found.day, found.by.clone());
            match found.first {
                Some(_) => drop(state.differs.insert(name, found.clone())),
                None => drop(state.differs.remove(&name)),
            }
        }
        NeighbourSaid::Alarm(alarm) => match alarm.code {
            Some(_) => drop(state.alarms.insert(alarm.of.clone(), alarm.clone())),
            None => drop(state.alarms.remove(&alarm.of)),
        },
    }
}

/// What another gateway says of a day; what it said before changes nothing.
fn told(state: &mut State, said: &ReceiptSaid) {
    let name = (said.receipt.site.clone(), said.receipt.day, said.by.clone());
    let held = state.receipts.get(&name);
    if held.is_none_or(|held| said.follows(held)) {
        if held.is_some_and(|held| held.receipt.hash != said.receipt.hash) {
            state.differs.remove(&name);
        }
        state.receipts.insert(name, said.clone());
    }
}

fn resend(
    state: &mut State,
    key: &NotificationKey,
    due_at: Option<Timestamp>,
    last_error: Option<&String>,
) -> Result<(), StoreError> {
    let Some(promise) = state.promises.get_mut(key) else {
        return Err(StoreError::Asked { what: "no such notification is owed" });
    };
    promise.due_at = due_at;
    promise.owed.attempts = promise.owed.attempts.saturating_add(1);
    promise.owed.last_error = last_error.cloned().or_else(|| promise.owed.last_error.take());
    Ok(())
}

/// Changes what is stored of a reading or a scan, if it is there.
fn correct(state: &mut State, change: &Change) -> Result<(), StoreError> {
    let reading = |state: &State, id: &ReadingId| match state.ids.contains_key(id) {
        true => Ok(()),
        false => Err(StoreError::Asked { what: "no such reading to change" }),
    };
    if let Change::Reattribute(id, attribution) = change {
        reading(state, id)?;
        state.reattribute(*id, attribution.clone());
    } else if let Change::Retime(id, timing) = change {
        reading(state, id)?;
        state.retime(*id, *timing);
    } else if let Change::MoveScan(seq, at) = change
        && !state.move_scan(*seq, *at)
    {
        return Err(StoreError::Asked { what: "no such card scan" });
    } else if let Change::MoveTold(seq, moved) = change
        && !state.move_told(*seq, *moved)
    {
        return Err(StoreError::Asked { what: "no such event or step" });
    }
    Ok(())
}

/// Messages of an alert that nobody tried to send yet.
fn untried(state: &mut State, alert: i64) -> impl Iterator<Item = &mut Promise> {
    let all = state.promises.values_mut();
    all.filter(move |promise| promise.owed.alert == alert && promise.owed.attempts == 0)
}

fn move_cursor(state: &mut State, follower: &str, to: Option<CommitSeq>) -> Result<(), StoreError> {
    if follower == ROLLUP {
        return Err(StoreError::Asked { what: "the rollup follower moves by itself" });
    }
    if let Some(to) = to {
        let cursor = state.followers.entry(follower.to_owned()).or_default();
        *cursor = (*cursor).max(to);
    } else {
        state.followers.remove(follower);
    }
    Ok(())
}

fn join(state: &mut State, content: &ContentDigest, id: &ReadingId) -> Result<(), StoreError> {
    let waits = |(_, context): &(CommitSeq, Context)| {
        context.content == *content && context.reading.is_none()
    };
    let waiting = state.contexts().filter(waits).last();
    let (Some((seq, _)), true) = (waiting, state.ids.contains_key(id)) else {
        let what = "no such context waits, or no such reading is stored";
        return Err(StoreError::Asked { what });
    };
    state.joins.push((seq, *id));
    Ok(())
}

fn owe(state: &mut State, owed: &Owed) {
    let steps = state.events().filter(|(_, event)| event.alert.key == owed.alert);
    let seq = steps.map(|(seq, _)| seq).max().unwrap_or_default();
    let due_at = Some(owed.due_at);
    state.promises.entry(owed.key).or_insert(Promise { owed: owed.clone(), due_at, seq });
}

fn count(sum: &mut Counts, more: &Counts) {
    let pairs = [
        (&mut sum.received, more.received),
        (&mut sum.stored, more.stored),
        (&mut sum.rejected, more.rejected),
        (&mut sum.duplicate, more.duplicate),
        (&mut sum.quarantined, more.quarantined),
        (&mut sum.refused, more.refused),
    ];
    for (sum, more) in pairs {
        *sum = sum.saturating_add(more);
    }
}
