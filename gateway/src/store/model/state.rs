//! Everything that a store in memory knows.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use smol_str::SmolStr;

use crate::{
    domain::{
        Alert, AlertId, Attribution, BenchId, BoxId, Card, DoctorId, HouseholdId, NotificationKey,
        PersonEvent, PersonId, ReadingId, Registered, SiteId, Timestamp,
    },
    receipt::Day,
    store::{
        AccountRow, AlertEvent, Answer, BenchSession, BoxCertificate, BoxCode, BrokenGlass,
        CardScan, CommitSeq, Context, Counts, Crossing, Decided, Fact, KeptAlarm, KeptState, Owed,
        PackInForce, Quarantined, ReceiptDiffers, ReceiptSaid, Refused, Registration, Resumed,
        RosterHeld, SESSION_MAX, StoredReading, Timer, TimerKind, Timing, TokenRow, ToldMoved,
    },
};

/// A notification, when it is due again if ever, and the position it is listed under.
#[derive(Debug, Clone)]
pub(super) struct Promise {
    pub(super) owed: Owed,
    pub(super) due_at: Option<Timestamp>,
    pub(super) seq: CommitSeq,
}

#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// The log: the fact at position n stands at n - 1.
    pub(super) facts: Vec<Arc<Fact>>,
    /// Where each reading stands in `facts`.
    pub(super) ids: HashMap<ReadingId, usize>,
    /// Attributions that are later than the reading.
    pub(super) attributed: HashMap<ReadingId, Option<Attribution>>,
    /// Times of readings that are later than the reading.
    pub(super) retimed: HashMap<ReadingId, Timing>,
    /// How much later what was told at a position counts.
    pub(super) moved: HashMap<CommitSeq, ToldMoved>,
    /// Readings that contexts are joined to, by the contexts' positions, in the order of joining.
    pub(super) joins: Vec<(CommitSeq, ReadingId)>,
    /// Symptoms told of at the bench, by the stored reading that they are of.
    pub(super) told: HashMap<ReadingId, BTreeSet<SmolStr>>,
    /// Rows in force, by kind and name, with the position of their registration.
    pub(super) registry: BTreeMap<(&'static str, String), (CommitSeq, Registered)>,
    pub(super) counts: Counts,
    pub(super) followers: BTreeMap<String, CommitSeq>,
    pub(super) alerts: BTreeMap<i64, Alert>,
    pub(super) aliases: BTreeMap<AlertId, i64>,
    pub(super) timers: BTreeMap<(TimerKind, PersonId, i64), Timer>,
    pub(super) promises: BTreeMap<NotificationKey, Promise>,
    /// By person, with the position up to which each holds.
    pub(super) kept: BTreeMap<PersonId, (CommitSeq, KeptState)>,
    pub(super) watches: BTreeMap<PersonId, Timestamp>,
    pub(super) sessions: BTreeMap<(SiteId, BenchId, Timestamp), BenchSession>,
    pub(super) answers: BTreeMap<String, Answer>,
    /// By issuer.
    pub(super) rosters: BTreeMap<SmolStr, RosterHeld>,
    /// By (site, day, gateway).
    pub(super) receipts: BTreeMap<(SiteId, Day, SmolStr), ReceiptSaid>,
    /// The same of what differs.
    pub(super) differs: BTreeMap<(SiteId, Day, SmolStr), ReceiptDiffers>,
    /// By neighbour.
    pub(super) alarms: BTreeMap<SmolStr, KeptAlarm>,
    pub(super) tokens: BTreeMap<[u8; 32], TokenRow>,
    /// What came from neighbours.
    pub(super) carried: super::carry::Carried,
    /// By name.
    pub(super) accounts: BTreeMap<String, AccountRow>,
    pub(super) box_codes: BTreeMap<BoxId, BoxCode>,
    pub(super) box_certificates: BTreeMap<BoxId, BoxCertificate>,
    pub(super) glass: Vec<BrokenGlass>,
    /// Who answers for each household, as of `turned` or of its row.
    pub(super) present: BTreeMap<HouseholdId, DoctorId>,
    pub(super) turned: Option<Timestamp>,
}

/// The kind and the name of a row.
pub(super) fn named(row: &Registered) -> (&'static str, String) {
    (row.kind(), row.name().to_string())
}

impl State {
    pub(super) fn last(&self) -> CommitSeq {
        CommitSeq(i64::try_from(self.facts.len()).unwrap_or(i64::MAX))
    }

    /// Puts a row in force.
    pub(super) fn enter(&mut self, registration: &Registration) {
        let row = (self.last(), registration.row.clone());
        self.registry.insert(named(&registration.row), row);
    }

    /// Facts with their positions.
    pub(super) fn log(&self) -> impl DoubleEndedIterator<Item = (CommitSeq, &Fact)> {
        let numbered = self.facts.iter().enumerate();
        numbered.map(|(index, fact)| {
            let before = i64::try_from(index).unwrap_or(i64::MAX);
            (CommitSeq(before.saturating_add(1)), &**fact)
        })
    }

    /// A reading with its latest attribution.
    pub(super) fn latest(&self, stored: &StoredReading) -> StoredReading {
        let mut stored = stored.clone();
        if let Some(later) = self.attributed.get(&stored.reading.id) {
            stored.attribution.clone_from(later);
        }
        if let Some(later) = self.retimed.get(&stored.reading.id) {
            stored.retime(later);
        }
        let joins = self.joins.iter().rev();
        let joined = joins.clone().find(|(_, id)| *id == stored.reading.id);
        if let Some(Fact::Context(context)) = joined.and_then(|(seq, _)| self.fact(*seq)) {
            stored.context = Some(context.told.clone());
        }
        stored.tell(&self.told_of(&stored.reading.id));
        stored
    }

    /// The decision at a position.
    pub(super) fn decision(&self, seq: CommitSeq) -> Option<&Decided> {
        let Fact::Decided(decided) = self.fact(seq)? else { return None };
        Some(decided)
    }

    /// The latest decision about an item of quarantine.
    pub(super) fn decided(&self, item: CommitSeq) -> Option<(CommitSeq, Decided)> {
        self.log().rev().find_map(|(seq, fact)| {
            let Fact::Decided(decided) = fact else { return None };
            (decided.item == item).then(|| (seq, Decided::clone(decided)))
        })
    }

    pub(super) fn fact(&self, seq: CommitSeq) -> Option<&Fact> {
        let index = usize::try_from(seq.0).ok()?.checked_sub(1)?;
        self.facts.get(index).map(Arc::as_ref)
    }

    /// Contexts with the readings that they are joined to now.
    pub(super) fn contexts(&self) -> impl Iterator<Item = (CommitSeq, Context)> {
        self.log().filter_map(|(seq, fact)| {
            if let Fact::Context(context) = fact {
                Some((seq, self.latest_context(seq, context)))
            } else {
                None
            }
        })
    }

    pub(super) fn latest_context(&self, seq: CommitSeq, context: &Context) -> Context {
        let joined = self.joins.iter().find(|(of, _)| *of == seq);
        Context { reading: joined.map(|(_, id)| *id), ..context.clone() }
    }

    pub(super) fn readings(&self) -> impl Iterator<Item = (CommitSeq, StoredReading)> {
        self.log().filter_map(|(seq, fact)| {
            if let Fact::Reading(stored) = fact { Some((seq, self.latest(stored))) } else { None }
        })
    }

    /// The sessions of a bench that touch an instant, latest beginning first.
    pub(super) fn sessions_at(
        &self,
        (site, bench): (&SiteId, &BenchId),
        at: Timestamp,
    ) -> Vec<BenchSession> {
        let touches = |session: &&BenchSession| {
            session.site == *site
                && session.bench == *bench
                && session.from <= at
                && session.from > at.minus(SESSION_MAX)
                && session.until > at
        };
        self.sessions.values().rev().filter(touches).cloned().collect()
    }

    pub(super) fn quarantine(&self) -> impl Iterator<Item = (CommitSeq, &Quarantined)> {
        self.log().filter_map(|(seq, fact)| {
            if let Fact::Quarantined(item) = fact { Some((seq, &**item)) } else { None }
        })
    }

    pub(super) fn scans(&self) -> impl Iterator<Item = &CardScan> {
        self.log()
            .filter_map(|(_, fact)| if let Fact::CardScan(scan) = fact { Some(scan) } else { None })
    }

    pub(super) fn refusals(&self) -> impl Iterator<Item = (CommitSeq, &Refused)> {
        self.log().filter_map(|(seq, fact)| {
            if let Fact::Refused(refused) = fact { Some((seq, refused)) } else { None }
        })
    }

    pub(super) fn crossings(&self) -> impl DoubleEndedIterator<Item = &Crossing> {
        self.log().filter_map(|(_, fact)| {
            if let Fact::Crossing(crossing) = fact { Some(crossing) } else { None }
        })
    }

    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = (CommitSeq, &AlertEvent)> {
        self.log().filter_map(|(seq, fact)| {
            if let Fact::Alert(event) = fact { Some((seq, &**event)) } else { None }
        })
    }

    /// Every row that was ever entered under a kind and a name, by the time of its entry.
    pub(super) fn entered(&self, name: (&'static str, &str)) -> Vec<(Timestamp, Registered)> {
        let rows = self.log().filter_map(|(_, fact)| {
            let Fact::Registration(registration) = fact else { return None };
            let (kind, under) = named(&registration.row);
            ((kind, under.as_str()) == name).then(|| (registration.at, registration.row.clone()))
        });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(at, _)| *at);
        rows
    }

    /// Every pack that came into force, oldest first.
    pub(super) fn packs(&self) -> impl Iterator<Item = &PackInForce> {
        self.log()
            .filter_map(|(_, fact)| if let Fact::Pack(pack) = fact { Some(&**pack) } else { None })
    }

    /// Events of people.
    pub(super) fn person_events(
        &self,
    ) -> impl DoubleEndedIterator<Item = (CommitSeq, &PersonEvent)> {
        self.log().filter_map(|(seq, fact)| {
            if let Fact::Event(event) = fact { Some((seq, &**event)) } else { None }
        })
    }

    /// A person's events after a position, by (when they happened, id).
    pub(super) fn happened(&self, person: &PersonId, after: CommitSeq) -> Vec<PersonEvent> {
        let merged = self.merged();
        let own = |(seq, event): &(CommitSeq, &PersonEvent)| {
            *seq > after && merged.get(&event.person).unwrap_or(&event.person) == person
        };
        let mut events: Vec<_> = self
            .person_events()
            .filter(own)
            .map(|(seq, event)| self.moved_event(seq, event))
            .collect();
        events.sort_by_key(|event| (event.at, event.id));
        events
    }

    /// What is kept of a person, and their readings and events since.
    pub(super) fn kept(&self, person: &PersonId) -> Option<Resumed> {
        let (upto, kept) = self.kept.get(person)?;
        let own = |stored: &StoredReading| self.owner(stored).as_ref() == Some(person);
        let later = self.readings().filter(|(seq, stored)| seq > upto && own(stored));
        let mut since: Vec<_> = later.map(|(_, stored)| stored).collect();
        since.sort_by_key(|stored| (stored.reading.measured.at, stored.reading.id));
        let events = self.happened(person, *upto);
        Some(Resumed { kept: kept.clone(), since, events })
    }

    /// What was kept of the person whom a reading belongs to now holds no more.
    pub(super) fn forget_owner(&mut self, id: &ReadingId) {
        if let Some(whose) = self.reading(id).and_then(|stored| self.owner(&stored)) {
            self.kept.remove(&whose);
        }
    }

    /// A reading belongs to somebody else from now on, or to nobody.
    pub(super) fn reattribute(&mut self, id: ReadingId, to: Option<Attribution>) {
        self.forget_owner(&id);
        self.attributed.insert(id, to);
        self.forget_owner(&id);
    }

    pub(super) fn reading(&self, id: &ReadingId) -> Option<StoredReading> {
        let fact = self.facts.get(*self.ids.get(id)?)?;
        if let Fact::Reading(stored) = &**fact { Some(self.latest(stored)) } else { None }
    }

    /// An alert by an id that it has or had.
    pub(super) fn alert(&self, id: &AlertId) -> Option<&Alert> {
        let now = self.alerts.values().find(|alert| alert.id == *id);
        now.or_else(|| self.alerts.get(self.aliases.get(id)?))
    }

    pub(super) fn in_force(&self, kind: &'static str, name: &str) -> Option<&Registered> {
        self.registry.get(&(kind, name.to_owned())).map(|(_, row)| row)
    }

    /// The row under a kind and a name; cards also from the rows of people.
    pub(super) fn row(&self, kind: &'static str, name: &str) -> Option<Registered> {
        let row = self.in_force(kind, name).cloned();
        if row.is_some() || kind != "card" {
            return row;
        }
        // A card that two people name is nobody's.
        let mut holders =
            self.people().filter(|person| person.cards.iter().any(|card| card == name));
        let person = holders.next().filter(|_| holders.next().is_none())?;
        Some(Registered::Card(Card { card: name.to_owned(), person: person.person.clone() }))
    }
}
