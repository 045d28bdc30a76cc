//! Cards: each is a fact, opens or ends a session, and has one clear reason where it is nobody's.

use crate::{
    domain::{IdNumber, Registered, Road, SiteId, card_digest},
    store::{CardScan, Fact, Origin, QuarantineReason, Quarantined, RegistryKey, StoreError},
};

use super::{again::Stretch, attribute, group::Group};

impl Group<'_> {
    pub(super) fn card(&mut self, scan: &CardScan) -> Result<(), StoreError> {
        let mut person = attribute::holder(self.desk, self.unit, scan)?;
        let mut card = scan.card.clone();
        let number = IdNumber::parse(&scan.card).ok();
        if let Some(number) = &number {
            card = number.card();
            person = person.map_or_else(|| self.desk.card(self.unit, &card), |it| Ok(Some(it)))?;
        }
        let scan = CardScan { card, person, ..scan.clone() };
        let limit = self.desk.session_limit(self.unit, &scan.site)?;
        if !self.was_shown_before((&scan.site, &scan.bench), (scan.at, scan.at))? {
            let Some(changes) = attribute::scan(self.unit, &scan, limit)? else { return Ok(()) };
            self.changes.extend(changes);
        }
        // By a clock that is doubted, what came before it may lie behind it: it is asked once that is set.
        if self.doubted.is_none() {
            self.stretches.push(Stretch::of(&scan));
        }
        if scan.person.is_none() && !scan.out {
            let (reason, detail) = self.nobodys_card(&scan.site, number.as_ref())?;
            self.facts.push(Fact::Quarantined(Box::new(waiting(&scan, reason, detail))));
        }
        self.facts.push(Fact::CardScan(scan));
        self.flush()
    }

    /// Why a card is nobody's: an identity card whose number begins with the digits of none of the
    /// site's counties is another county's, where those are known; every other one is unknown.
    fn nobodys_card(
        &mut self,
        site: &SiteId,
        number: Option<&IdNumber>,
    ) -> Result<(QuarantineReason, String), StoreError> {
        let unknown = (QuarantineReason::UnknownCard, String::new());
        let Some(number) = number else { return Ok(unknown) };
        let own = self.area_codes(site)?;
        let area = number.area();
        if own.is_empty() || own.iter().any(|code| code == area) {
            return Ok(unknown);
        }
        Ok((QuarantineReason::OtherCounty, area.to_owned()))
    }

    /// The area codes of the counties that contain a site, by the tree of places.
    fn area_codes(&mut self, site: &SiteId) -> Result<Vec<String>, StoreError> {
        let Some(row) = self.desk.site(self.unit, site)?.cloned() else { return Ok(Vec::new()) };
        let mut names = vec![row.village.clone(), row.township.clone()];
        names.extend(row.attributes.get("county").cloned());
        for name in [&row.village, &row.township] {
            names.extend(self.unit.places_above(name)?);
        }
        names.retain(|name| !name.is_empty());
        names.sort_unstable();
        names.dedup();
        let keys: Vec<_> = names.iter().map(|name| RegistryKey::place(name)).collect();
        let mut codes = Vec::new();
        for row in self.unit.registered(&keys)?.into_iter().flatten() {
            let Registered::Place(place) = row else { continue };
            codes.extend(place.area_codes().map(str::to_owned));
        }
        Ok(codes)
    }
}

fn waiting(scan: &CardScan, reason: QuarantineReason, detail: String) -> Quarantined {
    Quarantined {
        reason,
        detail,
        raw: scan.card.as_bytes().to_vec(),
        origin: Origin {
            road: Road::Mqtt,
            site: Some(scan.site.clone()),
            device: Some(scan.bench.as_str().into()),
        },
        received_at: scan.received_at,
        reading: None,
        content: card_digest(&scan.site, &scan.bench, &scan.card, scan.at),
    }
}
