//! One group of work, one transaction: what queued while the last sync ran.
//!
//! Within a group the registry comes first, then cards, then readings, then acts, then timers, so
//! that a card scanned before a reading opens its session before the reading asks for it. Each
//! class sees what the classes before it wrote.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    assess::{Pack, Packs},
    domain::{Millis, PersonEvent, PersonId, ReadingId, Registered, Timestamp, Visit},
    intake::{Item, KeyReused, Receipt},
    store::{
        AccessChange, Attempt, Change, CommitSeq, Committed, Counts, Fact, Outcome, Registration,
        RegistryKey, Sending, StoreError, StoredReading, TokenRow, Unit, Watermark,
    },
};

use super::{
    Acted, Registering, Work,
    again::{Stretch, binds},
    carry::Pending,
    cause::Cause,
    clock::{Doubt, Finding},
    desk::Desk,
    repeat::taken,
    work::{AccessDone, ActRefused, CarryRefused, DecideRefused},
};

/// What a sender is told once the group is on disk.
#[derive(Debug)]
pub(super) enum Reply {
    /// What became of each item.
    Outcomes(Vec<Outcome>),
    /// Nothing was done: another delivery came under its key.
    KeyReused,
    /// Where the step of an act stands, if it was recorded.
    Act(Result<CommitSeq, ActRefused>),
    /// Where a decision stands, if it was recorded.
    Decided(Result<CommitSeq, DecideRefused>),
    /// How many rows were new or changed.
    Registered(usize),
    /// Up to where another gateway's facts are here, and what else changes with them.
    Carried(Result<Watermark, CarryRefused>, CameWith),
    /// What became of a change of access.
    Access(Result<AccessDone, KeyReused>),
    /// It is done.
    Done,
}

impl Reply {
    /// Rows entered the registry.
    pub(super) const fn entered_rows(&self) -> bool {
        matches!(self, Self::Registered(1..) | Self::Carried(_, CameWith { rows: true, .. }))
    }

    /// Another pack came into force.
    pub(super) const fn brought_packs(&self) -> bool {
        matches!(self, Self::Carried(_, CameWith { packs: true, .. }))
    }
}

/// What was among the facts of another gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CameWith {
    /// Rows of the registry.
    pub(super) rows: bool,
    /// Rule packs.
    pub(super) packs: bool,
}

/// A group while it is worked on.
pub(super) struct Group<'a> {
    pub(super) unit: &'a mut dyn Unit,
    pub(super) desk: &'a mut Desk,
    /// The pack in force now.
    pub(super) pack: &'a Arc<Pack>,
    /// Every pack that was ever in force, that one last.
    pub(super) packs: &'a Packs,
    /// This gateway's own name and epoch.
    pub(super) gateway: &'a (String, u64),
    pub(super) now: Timestamp,
    /// Facts not yet appended.
    pub(super) facts: Vec<Fact>,
    /// Changes not yet made.
    pub(super) changes: Vec<Change>,
    /// New readings of people, not yet judged.
    #[expect(clippy::vec_box, reason = "they are sorted and become facts, which hold them so")]
    pub(super) touched: Vec<Box<StoredReading>>,
    /// New events of people, not yet judged.
    #[expect(clippy::vec_box, reason = "they become facts, which hold them so")]
    pub(super) happened: Vec<Box<PersonEvent>>,
    /// Joins of contexts to readings of this group, made once these are appended.
    pub(super) joins: Vec<Change>,
    /// People of whom something stored means something else now, with what that is.
    #[expect(clippy::vec_box, reason = "they are looked at beside new ones, which are held so")]
    pub(super) past: BTreeMap<PersonId, Vec<Box<StoredReading>>>,
    /// The decision whose consequences are being judged.
    pub(super) cause: Option<Cause>,
    /// Where cards told of sessions.
    pub(super) stretches: Vec<Stretch>,
    /// Readings of which another frame of their device told something new.
    pub(super) heard_anew: Vec<ReadingId>,
    /// Rows that something may wait for.
    pub(super) bound: Vec<RegistryKey>,
    pub(super) counts: Counts,
    /// Something was written.
    pub(super) dirty: bool,
    /// What is new of the gateway's clock.
    pub(super) clock: Option<Finding>,
    /// The clock is not believed.
    pub(super) doubted: Option<Doubt>,
    /// What other gateways brought and is not in the log yet.
    pub(super) pending: Pending,
    /// Rows of the registry came from another gateway.
    pub(super) rows_came: bool,
    /// Rule packs came from the gateway above.
    pub(super) packs_came: bool,
    /// When it was said what is done now, at the gateway where it was said first.
    pub(super) said_at: Option<Timestamp>,
    /// The visit that is told, as it counted there.
    pub(super) said_visit: Option<Visit>,
}

impl<'a> Group<'a> {
    /// A group in which nothing has been done.
    pub(super) fn new(
        unit: &'a mut dyn Unit,
        desk: &'a mut Desk,
        packs: &'a Packs,
        gateway: &'a (String, u64),
        now: Timestamp,
    ) -> Self {
        Self {
            unit,
            desk,
            pack: packs.last(),
            packs,
            gateway,
            now,
            facts: Vec::new(),
            changes: Vec::new(),
            touched: Vec::new(),
            happened: Vec::new(),
            joins: Vec::new(),
            past: BTreeMap::new(),
            cause: None,
            stretches: Vec::new(),
            heard_anew: Vec::new(),
            bound: Vec::new(),
            counts: Counts::default(),
            dirty: false,
            clock: None,
            doubted: None,
            pending: Pending::default(),
            rows_came: false,
            packs_came: false,
            said_at: None,
            said_visit: None,
        }
    }
}

impl Group<'_> {
    /// Works through the group; the replies stand in the order of the work. The flag says whether
    /// anything was written.
    pub(super) fn apply(mut self, works: &[Work]) -> Result<(Vec<Reply>, bool), StoreError> {
        if let Some(finding) = self.clock {
            self.clock_found(&finding)?;
        }
        let mut replies: Vec<Reply> = works.iter().map(|_| Reply::Done).collect();
        for (work, reply) in works.iter().zip(&mut replies) {
            self.bookkeeping(work, reply)?;
        }
        self.flush()?;
        let turns = self.turns(works)?;
        self.cards(taken(works, &turns))?;
        self.deliveries(works, turns, &mut replies)?;
        for (work, reply) in works.iter().zip(&mut replies) {
            if let Work::Decide(decide) = work {
                *reply = Reply::Decided(self.decide_once(decide)?);
            }
        }
        for (work, reply) in works.iter().zip(&mut replies) {
            if let Work::Carry(carrying) = work {
                let brought = self.carry(carrying)?;
                let rows = std::mem::take(&mut self.rows_came);
                let packs = std::mem::take(&mut self.packs_came);
                *reply = Reply::Carried(brought, CameWith { rows, packs });
            }
        }
        self.attribute_bound()?;
        self.attribute_stretches()?;
        self.judge()?;
        self.flush()?;
        self.changes.append(&mut self.joins);
        self.flush()?;
        for (work, reply) in works.iter().zip(&mut replies) {
            if let Work::Act(act) = work {
                *reply = Reply::Act(self.act_once(act)?);
            }
        }
        self.timers()?;
        if works.iter().any(|work| matches!(work, Work::Tick)) {
            self.hand_over()?;
            self.look_around()?;
            self.mind_boxes()?;
        }
        if self.counts != Counts::default() {
            self.changes.push(Change::Count(self.counts));
        }
        self.flush()?;
        Ok((replies, self.dirty))
    }

    /// The day for which who answers is asked: no earlier than any that is known to have been, however
    /// far back a clock is that cannot be right.
    pub(super) fn day(&self) -> Timestamp {
        self.doubted.map_or(self.now, |doubt| doubt.known.max(self.now))
    }

    /// Writes what is pending, so that the next look-up sees it.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        self.dirty |= !self.facts.is_empty() || !self.changes.is_empty();
        if !self.facts.is_empty() {
            self.unit.append(&std::mem::take(&mut self.facts))?;
        }
        if !self.changes.is_empty() {
            self.unit.change(&std::mem::take(&mut self.changes))?;
        }
        Ok(())
    }

    fn bookkeeping(&mut self, work: &Work, reply: &mut Reply) -> Result<(), StoreError> {
        match work {
            Work::Register(rows) => *reply = Reply::Registered(self.register(rows)?),
            Work::Roster(rows) => *reply = Reply::Registered(self.roster(rows)?),
            Work::Enrol(enrolling) => {
                *reply = Reply::Registered(self.register(&enrolling.rows)?);
                let tokens = enrolling.tokens.iter().cloned();
                self.changes.extend(tokens.map(|token| Change::Token(Box::new(token))));
                let changes = enrolling.changes.iter().cloned();
                self.changes
                    .extend(changes.map(|change| Change::Access(AccessChange::Box(change))));
            }
            Work::Attempted { attempt, .. } => self.attempted(attempt),
            Work::Token { row, .. } => self.changes.push(Change::Token(Box::new(row.clone()))),
            Work::Access { change, asked, .. } => {
                *reply = Reply::Access(self.access(change.as_ref(), asked.as_ref())?);
            }
            Work::Advance { follower, to, .. } => {
                self.changes.push(Change::Cursor { follower: follower.clone(), to: *to });
            }
            Work::Heard { sender, until } => self.heard(sender, *until)?,
            Work::Said { said, .. } => self.changes.push(Change::Neighbour(said.clone())),
            Work::Deliver(_)
            | Work::Act(_)
            | Work::Carry(_)
            | Work::Decide(_)
            | Work::Tick
            | Work::Close => {}
        }
        Ok(())
    }

    /// Enters registry rows; a row equal to the one in force is no fact.
    pub(super) fn register(&mut self, rows: &Registering) -> Result<usize, StoreError> {
        let keys: Vec<_> = rows.rows.iter().map(RegistryKey::of).collect();
        // Rows of this very group count too: write them before looking.
        self.flush()?;
        let in_force = self.unit.registered(&keys)?;
        let mut entered = 0_usize;
        let mut latest: HashMap<RegistryKey, (&Registered, Timestamp)> = HashMap::new();
        for ((row, key), in_force) in rows.rows.iter().zip(keys).zip(&in_force) {
            let before = latest.get(&key).copied();
            if before.map(|(row, _)| row).or(in_force.as_ref()) == Some(row) {
                continue;
            }
            let at = match before {
                Some((_, at)) => Some(at),
                None if in_force.is_some() => self.unit.entered(&key)?.last().map(|(at, _)| *at),
                None => None,
            };
            // No two rows of a name are entered at one instant, and none before what it supersedes.
            let at = at.map_or(self.now, |at| self.now.max(at.plus(Millis(1))));
            latest.insert(key, (row, at));
            entered = entered.saturating_add(1);
            self.bound.extend(binds(row));
            self.desk.forget_row(row);
            self.facts.push(Fact::Registration(Box::new(Registration {
                row: row.clone(),
                author: rows.author.clone(),
                at,
            })));
        }
        Ok(entered)
    }

    fn attempted(&mut self, attempt: &Attempt) {
        let (due_at, last_error) = match &attempt.sending {
            Sending::Delivered | Sending::Dropped => (None, None),
            Sending::Failed { why, retry_at } => (*retry_at, Some(why.clone())),
        };
        self.facts.push(Fact::Attempt(attempt.clone()));
        self.changes.push(Change::Resend { key: attempt.key, due_at, last_error });
    }

    /// Cards and presence of every delivery, before any reading of the group.
    pub(super) fn cards<'a>(
        &mut self,
        items: impl Iterator<Item = &'a Item>,
    ) -> Result<(), StoreError> {
        for item in items {
            match item {
                Item::Card(scan) => self.card(scan)?,
                Item::Presence(presence) => self.facts.push(Fact::Presence(presence.clone())),
                Item::Reading(_)
                | Item::Context(_)
                | Item::Event(_)
                | Item::Quarantined(_)
                | Item::Unnumbered(_)
                | Item::Refused(_) => {}
            }
        }
        self.flush()
    }

    /// Keeps new readings of people without asking the lines what they mean.
    #[cfg(test)]
    pub(super) fn keep_touched(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        self.facts.extend(touched.into_iter().map(Fact::Reading));
    }
}

/// Whether somebody's token ends with these.
pub(super) fn end_tokens(works: &[Work]) -> bool {
    let ended = |row: &TokenRow| row.revoked_at.is_some();
    works.iter().any(|work| {
        matches!(work, Work::Token { row, .. } if ended(row))
            || matches!(work, Work::Enrol(enrolling) if enrolling.tokens.iter().any(ended))
    })
}

/// Answers everybody whose work is on disk.
pub(super) fn answer(works: Vec<Work>, replies: Vec<Reply>, proof: &Committed) {
    for (work, reply) in works.into_iter().zip(replies) {
        match (work, reply) {
            (Work::Deliver(delivery), Reply::KeyReused) => delivery.refuse(KeyReused),
            (Work::Deliver(delivery), reply) => {
                let outcomes =
                    if let Reply::Outcomes(outcomes) = reply { outcomes } else { Vec::new() };
                delivery.acknowledge(Receipt { proof: *proof, outcomes });
            }
            (Work::Act(act), Reply::Act(result)) => {
                tell(act.reply, result.map(|step| Acted { proof: *proof, step }));
            }
            (Work::Access { reply, .. }, Reply::Access(entered)) => tell(reply, entered),
            (Work::Decide(decide), Reply::Decided(result)) => tell(decide.reply, result),
            (Work::Register(rows), Reply::Registered(count)) => tell(rows.reply, (*proof, count)),
            (Work::Roster(rows), Reply::Registered(count)) => tell(rows.reply, (*proof, count)),
            (Work::Enrol(enrolling), Reply::Registered(count)) => {
                tell(enrolling.rows.reply, (*proof, count));
            }
            (Work::Carry(carrying), Reply::Carried(result, _)) => tell(carrying.reply, result),
            (
                Work::Attempted { reply, .. }
                | Work::Token { reply, .. }
                | Work::Said { reply, .. },
                _,
            ) => tell(reply, *proof),
            (Work::Advance { reply, .. }, _) => tell(reply, ()),
            (
                Work::Act(_)
                | Work::Access { .. }
                | Work::Decide(_)
                | Work::Register(_)
                | Work::Roster(_)
                | Work::Enrol(_)
                | Work::Carry(_)
                | Work::Heard { .. }
                | Work::Tick
                | Work::Close,
                _,
            ) => {}
        }
    }
}

/// A sender that went away meanwhile finds the outcome in the store.
fn tell<T>(reply: tokio::sync::oneshot::Sender<T>, outcome: T) {
    drop(reply.send(outcome));
}
