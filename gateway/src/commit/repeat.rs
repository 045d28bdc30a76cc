//! Requests that may come again: each is done once, and every repeat is told what the first came to.
//!
//! The key is looked up in the very transaction that does what is asked and keeps what it came to.
//! So no crash finds the one without the other, and of two requests under one key, however close,
//! the second meets the first one's answer.

use std::collections::HashMap;

use crate::{
    domain::ContentDigest,
    intake::{Item, KeyReused},
    store::{AccessChange, Answer, Change, CommitSeq, Done, Outcome, Request, StoreError},
};

use super::{
    Work,
    group::{Group, Reply},
    work::{AccessAsked, AccessDone, Act, ActRefused},
};

/// What is known of a request.
pub(super) enum Known {
    /// Nothing.
    Nothing,
    /// It was done.
    Done(Done),
    /// Another one was made under its key.
    Other,
}

/// What is to be done about the delivery at a place of the group.
#[derive(Debug)]
pub(super) enum Turn {
    /// To take it; whatever is no delivery has this turn too.
    Take,
    /// To tell what the same came to before.
    Told(Vec<Outcome>),
    /// To tell what the same comes to that stands at another place of this group.
    With(usize),
    /// To refuse it.
    Refuse,
}

impl Group<'_> {
    /// What is to be done about each delivery.
    pub(super) fn turns(&mut self, works: &[Work]) -> Result<Vec<Turn>, StoreError> {
        let mut earlier: HashMap<&str, (usize, ContentDigest)> = HashMap::new();
        let mut turns = Vec::with_capacity(works.len());
        for (at, work) in works.iter().enumerate() {
            let request =
                if let Work::Deliver(delivery) = work { delivery.request() } else { None };
            let Some(request) = request else {
                turns.push(Turn::Take);
                continue;
            };
            let before = earlier.get(request.key.as_str());
            turns.push(match before {
                Some((first, digest)) if *digest == request.digest => Turn::With(*first),
                Some(_) => Turn::Refuse,
                None => match self.known(request)? {
                    Known::Done(Done::Delivered(outcomes)) => Turn::Told(outcomes),
                    Known::Done(Done::Acted(_) | Done::Told(_)) | Known::Other => Turn::Refuse,
                    Known::Nothing => {
                        earlier.insert(&request.key, (at, request.digest));
                        Turn::Take
                    }
                },
            });
        }
        Ok(turns)
    }

    /// Receives the deliveries that are to be taken, and says what became of every one.
    pub(super) fn deliveries(
        &mut self,
        works: &[Work],
        turns: Vec<Turn>,
        replies: &mut [Reply],
    ) -> Result<(), StoreError> {
        let all: Vec<&Item> = taken(works, &turns).collect();
        let received = if all.is_empty() { Vec::new() } else { self.receive(&all)? };
        let mut received = received.into_iter();
        let mut told: HashMap<usize, Vec<Outcome>> = HashMap::new();
        for (at, (work, turn)) in works.iter().zip(turns).enumerate() {
            let Work::Deliver(delivery) = work else { continue };
            let outcomes = match turn {
                Turn::Take => {
                    let of_it: Vec<_> = received.by_ref().take(delivery.items.len()).collect();
                    if let Some(request) = delivery.request() {
                        self.keep(request, Done::Delivered(of_it.clone()));
                        told.insert(at, of_it.clone());
                    }
                    Some(of_it)
                }
                Turn::Told(outcomes) => Some(outcomes),
                Turn::With(first) => told.get(&first).cloned(),
                Turn::Refuse => None,
            };
            if let Some(reply) = replies.get_mut(at) {
                *reply = outcomes.map_or(Reply::KeyReused, Reply::Outcomes);
            }
        }
        Ok(())
    }

    /// Does an act once for its request; returns where its step stands in the log.
    pub(super) fn act_once(
        &mut self,
        act: &Act,
    ) -> Result<Result<CommitSeq, ActRefused>, StoreError> {
        let Some(request) = &act.request else { return self.act(act) };
        match self.known(request)? {
            Known::Done(Done::Acted(step)) => return Ok(Ok(step)),
            Known::Done(Done::Delivered(_) | Done::Told(_)) | Known::Other => {
                return Ok(Err(ActRefused::KeyReused));
            }
            Known::Nothing => {}
        }
        let done = self.act(act)?;
        if let Ok(step) = done {
            self.keep(request, Done::Acted(step));
            self.flush()?;
        }
        Ok(done)
    }

    /// Changes who may sign in, once for its request.
    pub(super) fn access(
        &mut self,
        change: Option<&AccessChange>,
        asked: Option<&AccessAsked>,
    ) -> Result<Result<AccessDone, KeyReused>, StoreError> {
        if let Some(AccessAsked { request, told }) = asked {
            match self.known(request)? {
                Known::Done(Done::Told(before)) => return Ok(Ok(AccessDone::Before(before))),
                Known::Done(Done::Acted(_) | Done::Delivered(_)) | Known::Other => {
                    return Ok(Err(KeyReused));
                }
                Known::Nothing => {}
            }
            if let Some(told) = told {
                self.keep(request, Done::Told(told.clone()));
            }
        }
        self.changes.extend(change.cloned().map(Change::Access));
        self.flush()?;
        Ok(Ok(AccessDone::Now))
    }

    pub(super) fn known(&mut self, request: &Request) -> Result<Known, StoreError> {
        Ok(match self.unit.answer(&request.key)? {
            None => Known::Nothing,
            Some(answer) if answer.request.digest == request.digest => Known::Done(answer.done),
            Some(_) => Known::Other,
        })
    }

    pub(super) fn keep(&mut self, request: &Request, done: Done) {
        let answer = Answer { request: request.clone(), done, at: self.now };
        self.changes.push(Change::Answer(Box::new(answer)));
    }
}

/// The items of the deliveries that are to be taken, in order.
pub(super) fn taken<'a>(works: &'a [Work], turns: &[Turn]) -> impl Iterator<Item = &'a Item> {
    works.iter().zip(turns).flat_map(|(work, turn)| match (work, turn) {
        (Work::Deliver(delivery), Turn::Take) => delivery.items.as_slice(),
        _ => &[],
    })
}
