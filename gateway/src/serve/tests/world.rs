//! A small world in memory: the reading side and a writer, enough to ask every route.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::sync::{mpsc, watch};

use crate::{
    commit::{AccessAsked, AccessDone, Act, ActRefused, Acted, Deed, Enrolling, Wish, Work},
    domain::*,
    intake::{Delivery, INLET_DEPTH, Inlet, Item, KeyReused, Receipt},
    store::{
        Attributed, Decided, Decision,
        view::{
            AlertFilter, AlertHistory, Board, Delivered, FeedEntry, HeldQuarantine, HeldRefusal,
            HeldState, HourRow, Page, Paging, ReadingFilter, Scope, SiteRow, VillageRow,
        },
        *,
    },
};

#[derive(Default)]
pub(super) struct Rows {
    pub(super) facts: Vec<FeedEntry>,
    pub(super) readings: Vec<(CommitSeq, StoredReading)>,
    pub(super) alerts: Vec<AlertHistory>,
    pub(super) registry: BTreeMap<RegistryKey, Registered>,
    pub(super) tokens: HashMap<[u8; 32], TokenRow>,
    /// So many look-ups of a token fail before the next one succeeds.
    pub(super) unreadable: u32,
    pub(super) answers: HashMap<String, (ContentDigest, Done)>,
    pub(super) quarantine: Vec<HeldQuarantine>,
    pub(super) merges: Vec<HeldMerge>,
    pub(super) sessions: Vec<BenchSession>,
    pub(super) refused: Vec<HeldRefusal>,
    pub(super) accounts: BTreeMap<AccountName, AccountRow>,
    pub(super) glass: Vec<BrokenGlass>,
    pub(super) box_codes: BTreeMap<BoxId, BoxCode>,
    pub(super) box_certificates: BTreeMap<BoxId, BoxCertificate>,
    pub(super) deliveries: usize,
    pub(super) acts: Vec<String>,
}

impl Rows {
    fn keep_box(&mut self, change: BoxChange) {
        match change {
            BoxChange::Code(code) => drop(self.box_codes.insert(code.name.clone(), *code)),
            BoxChange::Certificate(made) => {
                drop(self.box_certificates.insert(made.name.clone(), *made));
            }
        }
    }

    pub(super) fn append(&mut self, fact: Fact) -> CommitSeq {
        let seq = CommitSeq(count(self.facts.len()) + 1);
        self.facts.push(FeedEntry { seq, fact });
        seq
    }

    pub(super) fn store(&mut self, stored: StoredReading) -> CommitSeq {
        let seq = self.append(Fact::Reading(Box::new(stored.clone())));
        self.readings.push((seq, stored));
        seq
    }

    pub(super) fn step(&mut self, alert: Alert, change: AlertChange, by: Option<&str>) {
        let event = AlertEvent {
            alert: alert.clone(),
            change,
            at: super::now(),
            claimed_at: None,
            by: by.map(Into::into),
            note: None,
            from: Some(AlertState::Open),
            alias: None,
            cause: None,
            visit: None,
            outcome: None,
        };
        let seq = self.append(Fact::Alert(Box::new(event.clone())));
        match self.alerts.iter_mut().find(|known| known.alert.key == alert.key) {
            Some(known) => {
                known.alert = alert;
                known.events.push((seq, event));
            }
            None => self.alerts.push(AlertHistory { alert, events: vec![(seq, event)] }),
        }
    }

    fn person(&self, id: &PersonId) -> Option<&Person> {
        let row = self.registry.get(&RegistryKey::Person(id.clone()));
        let Some(Registered::Person(person)) = row else { return None };
        Some(person)
    }

    fn household(&self, person: &Person) -> Option<&Household> {
        let row = self.registry.get(&RegistryKey::Household(person.household.clone()?));
        let Some(Registered::Household(household)) = row else { return None };
        Some(household)
    }

    fn sites(&self) -> impl Iterator<Item = &Site> {
        self.registry.values().filter_map(|row| {
            let Registered::Site(site) = row else { return None };
            Some(site)
        })
    }

    fn in_place(&self, village: &str, place: &str) -> bool {
        village == place
            || self.sites().any(|site| site.village == village && site.township == place)
    }

    fn reaches(&self, scope: &Scope, person: &PersonId) -> bool {
        let household = self.person(person).and_then(|person| self.household(person));
        match scope {
            Scope::Everything => true,
            Scope::Nobody => false,
            Scope::Place(place) => household.is_some_and(|of| self.in_place(&of.village, place)),
            Scope::Doctor(doctor) => {
                let owns = |known: &AlertHistory| {
                    known.alert.person == *person && known.alert.owner.as_ref() == Some(doctor)
                };
                household.is_some_and(|of| of.doctor.as_ref() == Some(doctor))
                    || self.alerts.iter().any(owns)
            }
        }
    }

    fn reaches_site(&self, scope: &Scope, site: Option<&SiteId>) -> bool {
        match scope {
            Scope::Everything => true,
            Scope::Nobody | Scope::Doctor(_) => false,
            Scope::Place(place) => self.sites().any(|row| {
                Some(&row.site) == site && (row.township == *place || row.village == *place)
            }),
        }
    }
}

pub(super) struct World {
    rows: Mutex<Rows>,
    pub(super) committed: watch::Sender<CommitSeq>,
    pub(super) tokens_ended: watch::Sender<CommitSeq>,
}

impl World {
    pub(super) fn new() -> Arc<Self> {
        let (committed, tokens_ended) =
            (watch::channel(CommitSeq(0)).0, watch::channel(CommitSeq(0)).0);
        Arc::new(Self { rows: Mutex::default(), committed, tokens_ended })
    }

    pub(super) fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }

    /// Changes rows as one commit.
    pub(super) fn commit<T>(&self, change: impl FnOnce(&mut Rows) -> T) -> T {
        let mut rows = self.rows();
        let value = change(&mut rows);
        let last = CommitSeq(count(rows.facts.len()));
        drop(rows);
        self.committed.send_replace(last);
        value
    }

    /// A writer that works for as long as its inlet lives. It commits only while `open` says so.
    pub(super) fn writer(
        self: &Arc<Self>,
        open: watch::Receiver<bool>,
        supervisor: &crate::supervise::Supervisor,
    ) -> Inlet {
        let (work, mut queue) = mpsc::channel(INLET_DEPTH);
        let world = Arc::clone(self);
        let mut open = open;
        supervisor.spawn("writer", async move {
            while let Some(work) = queue.recv().await {
                if open.wait_for(|open| *open).await.is_err() {
                    return;
                }
                world.work(work);
            }
        });
        Inlet::new(work)
    }

    fn work(&self, work: Work) {
        match work {
            Work::Deliver(delivery) => self.deliver(delivery),
            Work::Act(act) => self.act(act),
            Work::Decide(decide) => {
                let at = match &decide.wish {
                    Wish::Claim { item, .. } | Wish::Dismiss { item } => *item,
                    Wish::Undo { decision } => *decision,
                    Wish::Merge { .. } => CommitSeq(1),
                    Wish::Unmerge { merge } => *merge,
                };
                let said = format!("{:?}: {} by {}", decide.wish, decide.reason, decide.by);
                self.commit(|rows| rows.acts.push(said));
                told(&decide.reply.send(Ok(at)));
            }
            Work::Register(registering) => {
                let changed = self.commit(|rows| {
                    let mut changed = 0;
                    for row in registering.rows {
                        let key = RegistryKey::of(&row);
                        if rows.registry.get(&key) != Some(&row) {
                            changed += 1;
                            rows.registry.insert(key, row);
                        }
                    }
                    changed
                });
                registering.reply.send((Committed::for_tests(), changed)).unwrap();
            }
            Work::Token { row, reply } => {
                let ended = row.revoked_at.is_some();
                self.commit(|rows| rows.tokens.insert(row.hash, row));
                if ended {
                    self.tokens_ended.send_replace(CommitSeq::default());
                }
                told(&reply.send(Committed::for_tests()));
            }
            Work::Access { change, asked, reply } => {
                let entered = self.commit(|rows| rows.access(change, asked));
                told(&reply.send(entered));
            }
            Work::Enrol(Enrolling { rows: registering, tokens, changes }) => {
                self.commit(|rows| {
                    for row in registering.rows {
                        rows.registry.insert(RegistryKey::of(&row), row);
                    }
                    rows.tokens.extend(tokens.into_iter().map(|token| (token.hash, token)));
                    changes.into_iter().for_each(|change| rows.keep_box(change));
                });
                told(&registering.reply.send((Committed::for_tests(), 1)));
            }
            Work::Roster(_)
            | Work::Carry(_)
            | Work::Attempted { .. }
            | Work::Advance { .. }
            | Work::Said { .. }
            | Work::Heard { .. }
            | Work::Tick
            | Work::Close => {
                panic!("not over HTTP")
            }
        }
    }

    fn deliver(&self, delivery: Delivery) {
        let done = self.commit(|rows| {
            rows.once(delivery.request(), |rows| {
                rows.deliveries += 1;
                let outcomes = delivery.items.iter().map(|item| take(rows, item)).collect();
                Ok::<_, ()>(Done::Delivered(outcomes))
            })
        });
        match done {
            Some(Ok(Done::Delivered(outcomes))) => {
                delivery.acknowledge(Receipt { proof: Committed::for_tests(), outcomes });
            }
            Some(other) => panic!("{other:?}"),
            None => delivery.refuse(KeyReused),
        }
    }

    fn act(&self, act: Act) {
        let request = act.request.clone();
        let done = self.commit(|rows| rows.once(request.as_ref(), |rows| rows.act(&act)));
        let done = match done {
            Some(Ok(Done::Acted(step))) => Ok(Acted { proof: Committed::for_tests(), step }),
            Some(Ok(other)) => panic!("{other:?}"),
            Some(Err(why)) => Err(why),
            None => Err(ActRefused::KeyReused),
        };
        told(&act.reply.send(done));
    }
}

impl Rows {
    fn access(
        &mut self,
        change: Option<AccessChange>,
        asked: Option<AccessAsked>,
    ) -> Result<AccessDone, KeyReused> {
        if let Some(AccessAsked { request, told }) = asked {
            match self.answers.get(&request.key) {
                Some((digest, Done::Told(before))) if *digest == request.digest => {
                    return Ok(AccessDone::Before(before.clone()));
                }
                Some(_) => return Err(KeyReused),
                None => {}
            }
            if let Some(told) = told {
                self.answers.insert(request.key, (request.digest, Done::Told(told)));
            }
        }
        match change {
            Some(AccessChange::Account(row)) => drop(self.accounts.insert(row.name.clone(), *row)),
            Some(AccessChange::Glass(broken)) => self.glass.push(broken),
            Some(AccessChange::Box(change)) => self.keep_box(change),
            None => {}
        }
        Ok(AccessDone::Now)
    }

    /// Does what a request asks for the first time; `None`: its key is another one's.
    fn once<E>(
        &mut self,
        request: Option<&Request>,
        work: impl FnOnce(&mut Self) -> Result<Done, E>,
    ) -> Option<Result<Done, E>> {
        let Some(request) = request else { return Some(work(self)) };
        if let Some((digest, done)) = self.answers.get(&request.key) {
            return (*digest == request.digest).then(|| Ok(done.clone()));
        }
        let done = work(self);
        if let Ok(done) = &done {
            self.answers.insert(request.key.clone(), (request.digest, done.clone()));
        }
        Some(done)
    }

    fn act(&mut self, act: &Act) -> Result<Done, ActRefused> {
        let rows = self;
        let known = rows.alerts.iter().find(|known| known.alert.id == act.alert);
        let Some(mut alert) = known.map(|known| known.alert.clone()) else {
            return Err(ActRefused::Unknown);
        };
        if !alert.state.is_live() {
            return Err(ActRefused::Ended);
        }
        rows.acts.push(format!("{:?} by {}", act.deed, act.by));
        let change = match &act.deed {
            Deed::Acknowledge => {
                alert.state = AlertState::Acknowledged;
                AlertChange::Acknowledged
            }
            Deed::Forward(_) => {
                alert.step = alert.step.next().ok_or(ActRefused::NobodyNext)?;
                AlertChange::Forwarded
            }
            Deed::Note => AlertChange::Noted,
            Deed::Visit(_) => {
                alert.state = AlertState::Visited;
                AlertChange::Visited
            }
            Deed::Outcome(_) => {
                alert.state = AlertState::Closed;
                AlertChange::Closed
            }
        };
        rows.step(alert, change, Some(&act.by));
        let known = rows.alerts.iter_mut().find(|known| known.alert.id == act.alert);
        let (seq, event) = known.and_then(|known| known.events.last_mut()).unwrap();
        event.note.clone_from(&act.note);
        Ok(Done::Acted(*seq))
    }
}

fn take(rows: &mut Rows, item: &Item) -> Outcome {
    match item {
        Item::Reading(reading) => {
            let id = Some(reading.id);
            if rows.readings.iter().any(|(_, known)| known.reading.id == reading.id) {
                return Outcome { id, status: Status::Duplicate, reason: None };
            }
            rows.store(super::stored((**reading).clone()));
            Outcome { id, status: Status::Stored, reason: None }
        }
        Item::Refused(refused) => {
            let seq = rows.append(Fact::Refused(refused.clone()));
            rows.refused.push(HeldRefusal { seq, refused: refused.clone() });
            let reason = Some(refused.reason.clone());
            Outcome { id: None, status: Status::Refused, reason }
        }
        Item::Quarantined(held) | Item::Unnumbered(held) => {
            let reason = Some(held.reason.as_str().to_owned());
            Outcome { id: None, status: Status::Quarantined, reason }
        }
        Item::Event(event) => {
            let id = Some(Key::from_bytes(*event.id.as_bytes()));
            let known = rows.facts.iter().find_map(|entry| {
                let Fact::Event(known) = &entry.fact else { return None };
                (known.id == event.id).then_some(known.content)
            });
            let (status, reason) = match known {
                None => (Status::Stored, None),
                Some(content) if content == event.content => (Status::Duplicate, None),
                Some(_) => (Status::Quarantined, Some("conflict".to_owned())),
            };
            if status == Status::Stored {
                rows.append(Fact::Event(event.clone()));
            }
            Outcome { id, status, reason }
        }
        Item::Card(scan) => {
            rows.append(Fact::CardScan(scan.clone()));
            Outcome { id: None, status: Status::Stored, reason: None }
        }
        Item::Context(_) | Item::Presence(_) => panic!("not over HTTP"),
    }
}

fn page<T>(items: Vec<T>, paging: &Paging) -> Page<T> {
    let limit = if paging.limit == 0 { Paging::LIMIT } else { paging.limit };
    let from: usize = paging.after.as_deref().map_or(0, |after| after.parse().unwrap());
    let more = items.len() > from + limit;
    let items = items.into_iter().skip(from).take(limit).collect();
    Page { items, next: more.then(|| (from + limit).to_string()) }
}

impl Reader for World {
    fn last(&self) -> Result<CommitSeq, StoreError> {
        Ok(CommitSeq(count(self.rows().facts.len())))
    }

    fn gateway(&self) -> Result<(String, u64), StoreError> {
        Ok(("gw".to_owned(), 1))
    }

    fn feed(&self, after: CommitSeq, limit: usize) -> Result<Vec<FeedEntry>, StoreError> {
        let rows = self.rows();
        Ok(rows.facts.iter().filter(|entry| entry.seq > after).take(limit).cloned().collect())
    }

    fn cursor(&self, _follower: &str) -> Result<CommitSeq, StoreError> {
        self.last()
    }

    fn sessions_at(
        &self,
        _: &SiteId,
        _: &BenchId,
        _: Timestamp,
    ) -> Result<Vec<BenchSession>, StoreError> {
        Ok(Vec::new())
    }

    fn event(&self, id: &EventId) -> Result<Option<PersonEvent>, StoreError> {
        let rows = self.rows();
        let events = rows.facts.iter().filter_map(|entry| {
            if let Fact::Event(event) = &entry.fact { Some((**event).clone()) } else { None }
        });
        Ok(events.into_iter().find(|event| event.id == *id))
    }

    fn messages_of(&self, _: i64) -> Result<Vec<view::Message>, StoreError> {
        Ok(Vec::new())
    }

    fn events_of(&self, people: &[PersonId]) -> Result<Vec<Vec<PersonEvent>>, StoreError> {
        let rows = self.rows();
        let of = |person: &PersonId| {
            let events = rows.facts.iter().filter_map(|entry| {
                if let Fact::Event(event) = &entry.fact { Some((**event).clone()) } else { None }
            });
            events.filter(|event| event.person == *person).collect()
        };
        Ok(people.iter().map(of).collect())
    }

    fn readings(
        &self,
        scope: &Scope,
        filter: &ReadingFilter,
        paging: &Paging,
    ) -> Result<Page<(CommitSeq, StoredReading)>, StoreError> {
        let rows = self.rows();
        let mut found: Vec<_> = rows
            .readings
            .iter()
            .filter(|(_, stored)| {
                let (reading, at) = (&stored.reading, stored.reading.measured.at);
                let person = stored.attribution.as_ref().map(|of| &of.person);
                person.is_some_and(|person| rows.reaches(scope, person))
                    && filter.person.as_ref().is_none_or(|of| Some(of) == person)
                    && filter.filed.as_ref().is_none_or(|of| Some(of) == person)
                    && filter.device.as_ref().is_none_or(|of| *of == reading.device)
                    && filter.site.as_ref().is_none_or(|of| *of == reading.site)
                    && filter.from.is_none_or(|from| at >= from)
                    && filter.to.is_none_or(|to| at < to)
            })
            .cloned()
            .collect();
        found.sort_by_key(|(_, stored)| std::cmp::Reverse(stored.reading.measured.at));
        Ok(page(found, paging))
    }

    fn reading(
        &self,
        scope: &Scope,
        id: &ReadingId,
    ) -> Result<Option<(CommitSeq, StoredReading)>, StoreError> {
        let rows = self.rows();
        let found = rows.readings.iter().find(|(_, stored)| stored.reading.id == *id);
        let person =
            |stored: &StoredReading| stored.attribution.as_ref().map(|of| of.person.clone());
        let reached = found.filter(|(_, stored)| {
            person(stored).is_some_and(|person| rows.reaches(scope, &person))
        });
        Ok(reached.cloned())
    }

    fn alerts(
        &self,
        scope: &Scope,
        filter: &AlertFilter,
        paging: &Paging,
    ) -> Result<Page<Alert>, StoreError> {
        let rows = self.rows();
        let wanted = |alert: &&Alert| {
            rows.reaches(scope, &alert.person)
                && (filter.states.is_empty() || filter.states.contains(&alert.state))
                && filter.person.as_ref().is_none_or(|of| *of == alert.person)
                && filter.level.is_none_or(|of| of == alert.level)
                && filter.doctor.as_ref().is_none_or(|of| Some(of) == alert.owner.as_ref())
        };
        let alerts = rows.alerts.iter().map(|known| &known.alert).filter(wanted);
        Ok(page(alerts.cloned().collect(), paging))
    }

    fn alert(&self, scope: &Scope, id: &AlertId) -> Result<Option<AlertHistory>, StoreError> {
        let rows = self.rows();
        let known = rows.alerts.iter().find(|known| known.alert.id == *id);
        Ok(known.filter(|known| rows.reaches(scope, &known.alert.person)).cloned())
    }

    fn crossings_of(
        &self,
        alert: i64,
    ) -> Result<Vec<(Crossing, Option<StoredReading>)>, StoreError> {
        let rows = self.rows();
        let alert = &rows.alerts.iter().find(|known| known.alert.key == alert).unwrap().alert;
        let of = |(_, stored): &&(CommitSeq, StoredReading)| {
            stored.attribution.as_ref().map(|of| &of.person) == Some(&alert.person)
        };
        let crossing = |(_, stored): &(CommitSeq, StoredReading)| {
            let crossing = Crossing {
                reading: Some(stored.reading.id),
                person: alert.person.clone(),
                concept: alert.concept.clone(),
                level: alert.level,
                disposition: Disposition::Opened,
                alert: alert.key,
            };
            (crossing, Some(stored.clone()))
        };
        Ok(rows.readings.iter().filter(of).map(crossing).collect())
    }

    fn registered(
        &self,
        scope: &Scope,
        key: &RegistryKey,
    ) -> Result<Option<Registered>, StoreError> {
        let rows = self.rows();
        let reached = match key {
            RegistryKey::Person(person) | RegistryKey::Plan(person) => rows.reaches(scope, person),
            RegistryKey::Household(_)
            | RegistryKey::Doctor(_)
            | RegistryKey::Device(_)
            | RegistryKey::Site(_)
            | RegistryKey::Card(_)
            | RegistryKey::Other(..) => *scope != Scope::Nobody,
        };
        Ok(rows.registry.get(key).filter(|_| reached).cloned())
    }

    fn entered(
        &self,
        scope: &Scope,
        key: &RegistryKey,
    ) -> Result<Vec<(Timestamp, Registered)>, StoreError> {
        let row = self.registered(scope, key)?;
        Ok(row.map(|row| (Timestamp::from_millis(0), row)).into_iter().collect())
    }

    fn people(
        &self,
        scope: &Scope,
        query: &str,
        paging: &Paging,
    ) -> Result<Page<Person>, StoreError> {
        let rows = self.rows();
        let people = rows.registry.values().filter_map(|row| {
            let Registered::Person(person) = row else { return None };
            Some(person)
        });
        let wanted = |person: &&Person| {
            rows.reaches(scope, &person.person)
                && (person.name.starts_with(query) || person.person.as_str().starts_with(query))
        };
        Ok(page(people.filter(wanted).cloned().collect(), paging))
    }

    fn registry(&self, kind: &str, paging: &Paging) -> Result<Page<Registered>, StoreError> {
        let rows = self.rows();
        let of_kind = rows.registry.values().filter(|row| row.kind() == kind);
        Ok(page(of_kind.cloned().collect(), paging))
    }

    fn quarantine(
        &self,
        scope: &Scope,
        state: HeldState,
        paging: &Paging,
    ) -> Result<Page<HeldQuarantine>, StoreError> {
        let rows = self.rows();
        let held = rows.quarantine.iter().filter(|held| held.state() == state);
        let held = held.filter(|held| rows.reaches_site(scope, held.origin.site.as_ref()));
        Ok(page(held.cloned().collect(), paging))
    }

    fn quarantined(
        &self,
        scope: &Scope,
        item: CommitSeq,
    ) -> Result<Option<HeldQuarantine>, StoreError> {
        let rows = self.rows();
        // To a doctor an item is shown that names one of their people: item n names Pn.
        let person = PersonId::new(&format!("P{}", item.0)).unwrap();
        let reached = |held: &&HeldQuarantine| match scope {
            Scope::Doctor(_) => rows.reaches(scope, &person),
            Scope::Everything | Scope::Place(_) | Scope::Nobody => {
                rows.reaches_site(scope, held.origin.site.as_ref())
            }
        };
        let held = rows.quarantine.iter().find(|held| held.seq == item);
        Ok(held.filter(reached).cloned())
    }

    fn retimings(&self, _: &PersonId) -> Result<Vec<Retimed>, StoreError> {
        Ok(Vec::new())
    }

    fn attributions(&self, _: &PersonId) -> Result<Vec<Attributed>, StoreError> {
        Ok(Vec::new())
    }

    /// Item n was decided about at n.
    fn decision(&self, at: CommitSeq) -> Result<Option<Decided>, StoreError> {
        Ok(self.rows().quarantine.iter().find(|held| held.seq == at).map(|held| Decided {
            item: held.seq,
            decision: Decision::Dismissed,
            reason: "test".to_owned(),
            by: "test".into(),
            at: super::now(),
        }))
    }

    fn refused(&self, scope: &Scope, paging: &Paging) -> Result<Page<HeldRefusal>, StoreError> {
        let rows = self.rows();
        let held = rows.refused.iter();
        let held = held.filter(|held| rows.reaches_site(scope, held.refused.origin.site.as_ref()));
        Ok(page(held.cloned().collect(), paging))
    }

    fn board(
        &self,
        scope: &Scope,
        place: Option<&str>,
        _now: Timestamp,
    ) -> Result<Board, StoreError> {
        let cursor = self.last()?;
        let rows = self.rows();
        let inside = |person: &PersonId| {
            let place = place.map(|place| Scope::Place(place.to_owned()));
            rows.reaches(scope, person) && place.is_none_or(|place| rows.reaches(&place, person))
        };
        let of = |stored: &StoredReading| stored.attribution.as_ref().map(|of| of.person.clone());
        let readings = rows.readings.iter().filter_map(|(_, stored)| of(stored));
        let mut open = [0; 4];
        for known in rows.alerts.iter().filter(|known| inside(&known.alert.person)) {
            open[known.alert.level as usize] += u64::from(known.alert.state.is_live());
        }
        Ok(Board {
            cursor,
            people: 2,
            readings_today: readings.filter(|person| inside(person)).count() as u64,
            people_today: 1,
            open,
            overdue: 1,
            oldest_unacknowledged: Some(super::now().minus(Millis::minutes(18))),
            quarantined: rows.quarantine.len() as u64,
            refused: rows.refused.len() as u64,
            sites: rows
                .sites()
                .map(|site| SiteRow {
                    site: site.site.clone(),
                    name: site.name.clone(),
                    kind: site.kind,
                    online: Some(true),
                    last_seen: Some(super::now()),
                    readings_today: 1,
                    people_today: 1,
                    quarantined: 0,
                })
                .collect(),
            villages: vec![VillageRow {
                village: "大河村".to_owned(),
                people: 2,
                people_today: 1,
                worst: Some(Level::Red),
            }],
            hourly: vec![HourRow { hour: 9, readings: 2, crossings: 1 }],
        })
    }

    fn owed(&self, _now: Timestamp, _limit: usize) -> Result<Vec<Owed>, StoreError> {
        Ok(Vec::new())
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    fn delivered_to(
        &self,
        _doctor: &DoctorId,
        _after: CommitSeq,
        _limit: usize,
    ) -> Result<Vec<Delivered>, StoreError> {
        Ok(Vec::new())
    }

    fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        let mut rows = self.rows();
        if rows.unreadable > 0 {
            rows.unreadable -= 1;
            return Err(StoreError::Busy);
        }
        Ok(rows.tokens.get(hash).cloned())
    }

    fn counts(&self) -> Result<Counts, StoreError> {
        let rows = self.rows();
        let (stored, refused) = (rows.readings.len() as u64, rows.refused.len() as u64);
        Ok(Counts { received: stored + refused, stored, refused, ..Counts::default() })
    }

    fn recount(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        std::fs::write(to, "copy").unwrap();
        Ok(())
    }
}

/// A requester may have hung up; its work is done all the same.
fn told<T>(_told: &Result<(), T>) {}

pub(super) fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap()
}

/// Lines that are the same for everybody; what contradicts is said as always, and every target over
/// 140 loosens.
pub(super) struct FixedLines(pub(super) Vec<crate::serve::LineBand>);

impl crate::serve::Lines for FixedLines {
    fn seen(
        &self,
        known: crate::serve::Known<'_>,
        last_value: Option<Timestamp>,
        now: Timestamp,
    ) -> crate::serve::Seen {
        let tracked = known.person.cohorts.iter().find(|dated| dated.code == "C3");
        crate::serve::Seen {
            lines: self.0.clone(),
            contradictions: crate::assess::contradictions(known.person, known.earlier, now),
            tracking: tracked.map(|_| crate::assess::Tracking {
                since: Some(now.minus(Millis::days(30))),
                next_due: last_value,
                doctor_due: None,
            }),
        }
    }

    fn weigh(
        &self,
        _: crate::serve::Known<'_>,
        plan: &Plan,
        _: Timestamp,
    ) -> crate::serve::Weighed {
        let line = crate::assess::LooserThan::Pressure(140);
        let over = plan.systolic_lt.is_some_and(|target| target > 140);
        let looser = crate::assess::Looser { column: "systolic_lt", line };
        crate::serve::Weighed {
            looser: over.then_some(looser).into_iter().collect(),
            waits: plan.fasting_lt.is_some(),
        }
    }
}

impl AccessReader for World {
    fn account(&self, name: &AccountName) -> Result<Option<AccountRow>, StoreError> {
        Ok(self.rows().accounts.get(name).cloned())
    }

    fn account_of(&self, vouched: &Vouched) -> Result<Option<AccountRow>, StoreError> {
        Ok(self.rows().accounts.values().find(|row| row.vouched == *vouched).cloned())
    }

    fn accounts(&self, paging: &Paging) -> Result<Page<AccountRow>, StoreError> {
        Ok(page(self.rows().accounts.values().cloned().collect(), paging))
    }

    fn broken_glass(&self, paging: &Paging) -> Result<Page<BrokenGlass>, StoreError> {
        Ok(page(self.rows().glass.iter().rev().cloned().collect(), paging))
    }

    fn tokens(&self, paging: &Paging) -> Result<Page<TokenRow>, StoreError> {
        let mut rows: Vec<TokenRow> = self.rows().tokens.values().cloned().collect();
        rows.sort_unstable_by_key(|row| row.hash);
        Ok(page(rows, paging))
    }
}

/// Nobody asks it for a roster.
impl RosterReader for World {
    fn villages_of(&self, place: &str) -> Result<Vec<String>, StoreError> {
        let rows = self.rows();
        let own = rows.sites().filter(|site| site.township == place && !site.village.is_empty());
        let mut villages: Vec<String> = own.map(|site| site.village.clone()).collect();
        villages.push(place.to_owned());
        Ok(villages)
    }

    fn has_site(&self, place: &str, site: &SiteId) -> Result<bool, StoreError> {
        Ok(self.rows().reaches_site(&Scope::Place(place.to_owned()), Some(site)))
    }
}

impl BoxReader for World {
    fn box_code(&self, name: &BoxId) -> Result<Option<BoxCode>, StoreError> {
        Ok(self.rows().box_codes.get(name).cloned())
    }

    fn box_certificate(&self, name: &BoxId) -> Result<Option<BoxCertificate>, StoreError> {
        Ok(self.rows().box_certificates.get(name).cloned())
    }
}

impl CarryReader for World {
    fn waiting_by(&self) -> Result<Vec<Waiting>, StoreError> {
        let by = "gw-van".parse().unwrap();
        Ok(vec![Waiting { by, parcels: 3, oldest: super::now() }])
    }

    fn heard(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        Ok(Vec::new())
    }

    fn boxes_since(&self) -> Result<Vec<(BoxId, Timestamp)>, StoreError> {
        let rows = self.rows();
        let boxes = rows.registry.values().filter(|row| row.kind() == "box");
        Ok(boxes.filter_map(|row| Some((BoxId::new(&row.name()).ok()?, super::now()))).collect())
    }

    fn silent_sites(&self) -> Result<Vec<PersonId>, StoreError> {
        let rows = self.rows();
        let live = rows.alerts.iter().map(|known| &known.alert);
        let live = live.filter(|alert| alert.state.is_live());
        let silent = live.filter(|alert| alert.person.silent_site().is_some());
        Ok(silent.map(|alert| alert.person.clone()).collect())
    }
}
impl SealReader for World {}

/// Of every day it holds the same two records; the far end holds one of them.
impl ReceiptReader for World {
    fn day_log(
        &self,
        site: &SiteId,
        day: crate::receipt::Day,
    ) -> Result<crate::receipt::DayLog, StoreError> {
        let rows = self.rows();
        let entries = rows.readings.iter().filter(|(_, stored)| stored.reading.site == *site);
        let entries = entries.map(|(_, stored)| crate::receipt::Entry {
            village: "大河村".to_owned(),
            kind: crate::receipt::Kind::Reading,
            record: crate::receipt::of_reading(stored),
            person: stored.attribution.as_ref().map(|of| of.person.clone()),
        });
        Ok(crate::receipt::DayLog::new(site.clone(), day, entries.collect()))
    }

    fn receipts_said(
        &self,
        site: &SiteId,
        (_, to): (crate::receipt::Day, crate::receipt::Day),
    ) -> Result<Vec<ReceiptSaid>, StoreError> {
        let said = |day: crate::receipt::Day, receipt| ReceiptSaid {
            receipt,
            by: "county".into(),
            key: format!("ed25519:{day}"),
            epoch: 1,
            upto: CommitSeq(1),
            said_at: super::now(),
            at: super::now(),
        };
        let nothing = crate::receipt::DayLog::new(site.clone(), to, Vec::new()).receipt();
        let before = to.plus(-1);
        let same = self.day_log(site, before)?.receipt();
        Ok(vec![said(before, same), said(to, nothing)])
    }

    fn receipts_differ(&self) -> Result<Vec<ReceiptDiffers>, StoreError> {
        let site: SiteId = "V1".parse().unwrap();
        let day = crate::receipt::Day::of(super::now());
        let log = self.day_log(&site, day)?;
        let first = log.entries().first().map(|entry| crate::receipt::Difference {
            village: entry.village.clone(),
            kind: entry.kind,
            key: entry.record.key,
            ours: Some(entry.record.digest),
            theirs: None,
        });
        let (by, at) = ("county".into(), super::now());
        Ok(vec![ReceiptDiffers { site, day, by, first, at }])
    }

    fn kept_alarms(&self) -> Result<Vec<KeptAlarm>, StoreError> {
        Ok(Vec::new())
    }
}

impl FileReader for World {
    fn merges(&self, scope: &Scope, paging: &Paging) -> Result<Page<HeldMerge>, StoreError> {
        let rows = self.rows();
        let both = |held: &&HeldMerge| {
            rows.reaches(scope, &held.merged.person) && rows.reaches(scope, &held.merged.survivor)
        };
        Ok(page(rows.merges.iter().filter(both).cloned().collect(), paging))
    }

    fn merge(&self, at: CommitSeq) -> Result<Option<HeldMerge>, StoreError> {
        Ok(self.rows().merges.iter().find(|held| held.seq == at).cloned())
    }

    fn merges_of(&self, _: &PersonId) -> Result<Vec<HeldMerge>, StoreError> {
        Ok(Vec::new())
    }

    fn claims_of(&self, _: &PersonId) -> Result<Vec<HeldClaim>, StoreError> {
        Ok(Vec::new())
    }

    fn reached(&self, scope: &Scope, people: &[PersonId]) -> Result<Vec<PersonId>, StoreError> {
        let rows = self.rows();
        Ok(people.iter().filter(|person| rows.reaches(scope, person)).cloned().collect())
    }

    fn card_holders(&self, _: &[String]) -> Result<Vec<(String, PersonId)>, StoreError> {
        Ok(Vec::new())
    }

    fn sessions(
        &self,
        _: (&SiteId, &BenchId),
        _: (Timestamp, Timestamp),
    ) -> Result<Vec<BenchSession>, StoreError> {
        Ok(self.rows().sessions.clone())
    }

    fn scans(
        &self,
        _: (&SiteId, &BenchId),
        _: (Timestamp, Timestamp),
    ) -> Result<Vec<CardScan>, StoreError> {
        Ok(Vec::new())
    }

    fn with_id_number(&self, _: &Scope, _: &IdNumber) -> Result<Vec<PersonId>, StoreError> {
        Ok(Vec::new())
    }

    fn same_numbers(
        &self,
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<(PersonId, PersonId)>, StoreError> {
        let rows = self.rows();
        let pairs = rows.merges.iter().map(|held| &held.merged);
        let pairs = pairs.filter(|merged| rows.reaches(scope, &merged.person));
        let pairs = pairs.map(|merged| (merged.person.clone(), merged.survivor.clone()));
        Ok(page(pairs.collect(), paging))
    }

    fn survivor(&self, _: &PersonId) -> Result<Option<PersonId>, StoreError> {
        Ok(None)
    }
}
