//! Who something that waits could be: what stands around it is gathered here, within the caller's scope,
//! whenever it is listed, and weighed by [`crate::suggest`]. The work for one item is bounded: a
//! quarter of an hour of its bench, a few readings of its device, and the spellings of one name or card.

use super::Describer;
use crate::{
    domain::{BenchId, Device, Grade, OpenedBy, PersonId, Reading, Registered, SiteId, Timestamp},
    serve::wire,
    store::{
        CardScan, QuarantineReason, RegistryKey, StoreError,
        view::{HeldQuarantine, HeldState, Paging, ReadingFilter, Scope},
    },
    suggest::{self, Around, Other, Waiting},
};

impl Describer<'_> {
    /// Who it could be, of the people whom a scope reaches; nobody for what waits no more.
    pub(in crate::serve) fn suggestions(
        &self,
        scope: &Scope,
        held: &HeldQuarantine,
    ) -> Result<Vec<wire::Suggestion>, StoreError> {
        if held.state() != HeldState::Waiting {
            return Ok(Vec::new());
        }
        let (waiting, around) = match &held.reading {
            Some(inside) if held.reason != QuarantineReason::Conflict => {
                let waiting = waiting(&inside.reading);
                let around = self.around(&inside.reading, &waiting)?;
                (waiting, around)
            }
            Some(_) => return Ok(Vec::new()),
            None => match self.around_card(held)? {
                Some(around) => around,
                None => return Ok(Vec::new()),
            },
        };
        let around = self.within(scope, around)?;
        Ok(suggest::suggest(&waiting, &around).into_iter().map(suggestion).collect())
    }

    fn around(&self, reading: &Reading, waiting: &Waiting) -> Result<Around, StoreError> {
        let mut around = Around { device: self.device_of(reading)?, ..Around::default() };
        if let Some(bench) = self.bench_of(reading)? {
            self.at_bench((&reading.site, &bench), waiting.at, &mut around)?;
        }
        if let Some(named) = &waiting.named {
            let spellings = suggest::person_spellings(named.as_str());
            let names: Vec<PersonId> =
                spellings.iter().filter_map(|text| PersonId::new(text).ok()).collect();
            around.spelled = self.reader().reached(&self.place_of(&reading.site)?, &names)?;
        }
        Ok(around)
    }

    /// A card that nobody knows, without a reading: whose it could be.
    fn around_card(&self, held: &HeldQuarantine) -> Result<Option<(Waiting, Around)>, StoreError> {
        let (Some(site), Some(bench), QuarantineReason::UnknownCard) =
            (&held.origin.site, &held.origin.device, held.reason)
        else {
            return Ok(None);
        };
        let (Ok(bench), Ok(card)) = (BenchId::new(bench), String::from_utf8(held.raw.clone()))
        else {
            return Ok(None);
        };
        let at = held.received_at;
        let (person, site) = (None, site.clone());
        let (out, opened_by) = (false, OpenedBy::Reader(None));
        let scan = CardScan { site, bench, card, person, at, received_at: at, out, opened_by };
        let around = Around { cards: self.misread(&scan)?, ..Around::default() };
        Ok(Some((Waiting { at, received_at: at, named: None, sequence: None }, around)))
    }

    fn at_bench(
        &self,
        (site, bench): (&SiteId, &BenchId),
        at: Timestamp,
        around: &mut Around,
    ) -> Result<(), StoreError> {
        let span = (at.minus(suggest::NEAR), at.plus(suggest::NEAR));
        let from = span.0.minus(crate::commit::BENCH_SESSION_LIMIT);
        let scans = self.reader().scans((site, bench), (from, span.1))?;
        for session in self.reader().sessions((site, bench), span)? {
            let opened = scans.iter().find(|scan| scan.at == session.from && !scan.out);
            let card_at = opened.map(|scan| scan.received_at);
            around.sessions.push((session, card_at));
        }
        for scan in scans.iter().filter(|scan| scan.person.is_none() && !scan.out) {
            around.cards.extend(self.misread(scan)?);
        }
        Ok(())
    }

    fn misread(&self, scan: &CardScan) -> Result<Vec<(CardScan, String, PersonId)>, StoreError> {
        let spellings = suggest::card_spellings(&scan.card);
        let known = self.reader().card_holders(&spellings)?;
        Ok(known.into_iter().map(|(card, person)| (scan.clone(), card, person)).collect())
    }

    /// Readings of the device of late that are somebody's.
    fn device_of(&self, reading: &Reading) -> Result<Vec<Other>, StoreError> {
        let filter = ReadingFilter {
            device: Some(reading.device.clone()),
            from: Some(reading.received_at.minus(suggest::USUAL_SPAN)),
            ..ReadingFilter::default()
        };
        let paging = Paging { limit: suggest::DEVICE_READINGS, after: None };
        let found = self.reader().readings(&Scope::Everything, &filter, &paging)?.items;
        let other = |(_, stored): (_, crate::store::StoredReading)| {
            Some(Other {
                person: stored.attribution?.person,
                at: taken_at(&stored.reading),
                sequence: stored.reading.sequence,
                here: stored.reading.site == reading.site,
            })
        };
        Ok(found.into_iter().filter_map(other).collect())
    }

    /// The bench a reading was taken at.
    pub(super) fn bench_of(&self, reading: &Reading) -> Result<Option<BenchId>, StoreError> {
        if reading.bench.is_some() {
            return Ok(reading.bench.clone());
        }
        let row = self.registered(&RegistryKey::Device(reading.device.clone()))?;
        let Some(Registered::Device(Device { bench, .. })) = row else { return Ok(None) };
        Ok(bench)
    }

    /// The township of a site: who is mistyped there lives there.
    fn place_of(&self, site: &SiteId) -> Result<Scope, StoreError> {
        let row = self.registered(&RegistryKey::Site(site.clone()))?;
        let Some(Registered::Site(row)) = row else { return Ok(Scope::Nobody) };
        let place = if row.township.is_empty() { row.village } else { row.township };
        Ok(if place.is_empty() { Scope::Nobody } else { Scope::Place(place) })
    }

    /// What stands around, without anybody whom the scope does not reach.
    fn within(&self, scope: &Scope, mut around: Around) -> Result<Around, StoreError> {
        let sessions = around.sessions.iter().map(|(session, _)| &session.person);
        let cards = around.cards.iter().map(|(_, _, person)| person);
        let device = around.device.iter().map(|other| &other.person);
        let mut people: Vec<PersonId> =
            sessions.chain(cards).chain(&around.spelled).chain(device).cloned().collect();
        people.sort_unstable();
        people.dedup();
        let reached = self.reader().reached(scope, &people)?;
        around.sessions.retain(|(session, _)| reached.contains(&session.person));
        around.cards.retain(|(_, _, person)| reached.contains(person));
        around.spelled.retain(|person| reached.contains(person));

        around.device.retain(|other| reached.contains(&other.person));
        Ok(around)
    }
}

fn waiting(reading: &Reading) -> Waiting {
    Waiting {
        at: taken_at(reading),
        received_at: reading.received_at,
        named: reading.remarks.person.clone(),
        sequence: reading.sequence,
    }
}

/// When it was taken, where its time is worth something; else when it came.
fn taken_at(reading: &Reading) -> Timestamp {
    match reading.measured.grade {
        Grade::A | Grade::B => reading.measured.at,
        Grade::C | Grade::D => reading.received_at,
    }
}

fn suggestion(found: suggest::Suggestion) -> wire::Suggestion {
    let evidence =
        |clue: suggest::Clue| wire::Evidence { code: clue.code, zh: clue.zh, en: clue.en };
    wire::Suggestion {
        person: found.person.to_string(),
        evidence: found.clues.into_iter().map(evidence).collect(),
    }
}
