//! Rows of people, cards and households before they are entered.

use super::{Said, Scales};
use crate::{
    assess::{Contradiction, contradictions},
    domain::{COHORT_TAGS, Card, Household, IdNumber, Person, PersonId, Registered, RowError},
    serve::describe::a_person,
    store::{RegistryKey, StoreError},
};

impl Scales<'_> {
    /// A person's row: one person an identity number, one person a card; what contradicts what is
    /// named, within the row and against the rows before it, in the store or this request.
    pub(super) fn person(&self, person: &Person) -> Said {
        if person.person.is_nobody() {
            let words = (
                "以 nobody. 开头的编号留给系统：请改用其他编号",
                "names that begin with nobody. are the gateway's own: choose another",
            );
            return Ok(Err(vec![RowError::new("person", "reserved_name", words)]));
        }
        if let Some(other) = self.same_number(person)? {
            let words = (
                format!("该身份证号已属于 {other}：同一号码即同一人"),
                format!("{other} has this identity number: one number is one person"),
            );
            return Ok(Err(vec![RowError::new("id_number", "id_number_taken", words)]));
        }
        for card in &person.cards {
            if let Some(taken) = self.card_taken(card, &person.person)? {
                return Ok(Err(vec![RowError { column: "cards", ..taken }]));
            }
        }
        let key = RegistryKey::Person(person.person.clone());
        let mut earlier = self.entered(&key, a_person)?;
        earlier.extend_from_slice(self.people.get(&person.person).map_or(&[], Vec::as_slice));
        let found = contradictions(person, &earlier, self.now);
        let told = |it: Contradiction| RowError::new(it.column(), it.code(), (it.zh(), it.en()));
        let mut warnings: Vec<_> = found.into_iter().map(told).collect();
        warnings.extend(self.unknown_classes(person));
        Ok(Ok(warnings))
    }

    /// Classes that neither the pack maps to a cohort nor anybody knows as a tag: kept as written.
    fn unknown_classes(&self, person: &Person) -> Vec<RowError> {
        let known = |class: &str| {
            COHORT_TAGS.contains(&class) || self.shared.rules().cohort_of(class).is_some()
        };
        let unknown = person.cohorts.iter().filter(|it| !known(&it.code));
        let told = unknown.map(|it| {
            let words = (
                format!("未知的人群类别 {}：保留原文，不作判定依据", it.code),
                format!(
                    "{} is no class that the pack knows: kept, and no line asks for it",
                    it.code
                ),
            );
            RowError::new("cohorts", "cohort_unknown", words)
        });
        told.collect()
    }

    /// Somebody else with the same identity number.
    fn same_number(&self, person: &Person) -> Result<Option<PersonId>, StoreError> {
        let Ok(number) = IdNumber::parse(&person.id_number) else { return Ok(None) };
        if let Some(other) = self.numbers.get(&number.digest()) {
            return Ok(Some(other.clone()).filter(|other| *other != person.person));
        }
        let other = self.shared.reader.person_with_id_number(&number)?;
        // A row of this request took the number back.
        let still = |other: &PersonId| *other != person.person && !self.people.contains_key(other);
        Ok(other.filter(still))
    }

    /// Somebody else who holds a card: by their own row, or by a row of the card.
    fn card_taken(&self, card: &str, person: &PersonId) -> Result<Option<RowError>, StoreError> {
        let holders = self.shared.reader.holders(card)?;
        let named = holders.people.into_iter().filter(|other| !self.people.contains_key(other));
        let mut named = named.chain(self.cards.get(card).cloned());
        if let Some(other) = named.find(|other| other != person) {
            let words = (
                format!("该卡号在 {other} 的登记中：先从其登记中去掉"),
                format!("the row of {other} names this card: take it out of that row first"),
            );
            return Ok(Some(RowError::new("card", "card_taken", words)));
        }
        Ok(holders.row.filter(|other| other != person).map(|other| {
            let words = (
                format!("该卡号由卡登记(cards)归 {other}：先用卡登记改归"),
                format!("a row of cards gives this card to {other}: move it by such a row first"),
            );
            RowError::new("card", "card_taken", words)
        }))
    }

    /// A row of a card moves it, unless somebody's own row names it.
    pub(super) fn card(&self, row: &Card) -> Said {
        let before = self.sent.get(&RegistryKey::Card(row.card.clone()));
        if let Some(Registered::Card(before)) = before
            && before.person != row.person
        {
            let words = (
                format!("同一文件中该卡号已归 {}", before.person),
                format!("a row before gives this card to {}", before.person),
            );
            return Ok(Err(vec![RowError::new("card", "card_taken", words)]));
        }
        let holders = self.shared.reader.holders(&row.card)?;
        let other = holders.people.into_iter().find(|other| *other != row.person);
        Ok(other.map_or(Ok(Vec::new()), |other| {
            let words = (
                format!("该卡号在 {other} 的登记中：先从其登记中去掉"),
                format!("the row of {other} names this card: take it out of that row first"),
            );
            Err(vec![RowError::new("card", "card_taken", words)])
        }))
    }

    /// A household whose doctor nobody registered is nobody's until somebody does.
    pub(super) fn household(&self, row: &Household) -> Said {
        let dated = row.assigned.iter().map(|assigned| &assigned.doctor);
        let mut warnings = Vec::new();
        for doctor in row.doctor.iter().chain(dated) {
            if self.in_force(&RegistryKey::Doctor(doctor.clone()))?.is_none() {
                let words = (
                    format!("名册中没有医生 {doctor}：登记前该户按无人签约处理"),
                    format!("no doctor {doctor} is registered: until then nobody answers here"),
                );
                warnings.push(RowError::new("doctor", "doctor_unknown", words));
            }
        }
        warnings.dedup();
        Ok(Ok(warnings))
    }

    /// Remembers a person's row that is going to be entered.
    pub(super) fn take_person(&mut self, row: &Person) {
        let id = &row.person;
        if self.people.contains_key(id) {
            self.cards.retain(|_, holder| holder != id);
            self.numbers.retain(|_, holder| holder != id);
        }
        self.cards.extend(row.cards.iter().map(|card| (card.clone(), id.clone())));
        if let Ok(number) = IdNumber::parse(&row.id_number) {
            self.numbers.insert(number.digest(), id.clone());
        }
        self.people.entry(id.clone()).or_default().push(row.clone());
    }
}
