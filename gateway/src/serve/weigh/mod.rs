//! What is said about rows of the registry before they are entered: what cannot be is refused with
//! its place and one reason, facts that contradict each other are named and entered.
//!
//! Rows are looked at in the order in which they were sent, each against the store and against the
//! rows before it; of a refused row nothing is entered.

mod people;
mod staff;

use std::collections::HashMap;

use super::{
    describe::{a_person, a_plan},
    shared::{Known, Shared},
    wire::RowNote,
};
use crate::{
    domain::{ContentDigest, Person, PersonId, Plan, Registered, RowError, Timestamp},
    store::{RegistryKey, StoreError, view::Scope},
};

/// What became of rows before they were entered.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    pub(super) rows: Vec<Registered>,
    pub(super) rejected: Vec<RowNote>,
    pub(super) warned: Vec<RowNote>,
}

/// Rows while they are looked at.
struct Scales<'s> {
    shared: &'s Shared,
    now: Timestamp,
    /// Rows of this request that will be entered, the latest of each name.
    sent: HashMap<RegistryKey, Registered>,
    /// Of each person, every row of this request.
    people: HashMap<PersonId, Vec<Person>>,
    /// Whose row of this request names a card.
    cards: HashMap<String, PersonId>,
    /// Whose row of this request has an identity number.
    numbers: HashMap<ContentDigest, PersonId>,
}

/// What is said of one row: why it is not entered, or what there is to know about it.
type Said = Result<Result<Vec<RowError>, Vec<RowError>>, StoreError>;

/// Looks at every row, each with its line.
pub(super) fn weigh(
    shared: &Shared,
    rows: Vec<(usize, Registered)>,
) -> Result<Weighed, StoreError> {
    let mut scales = Scales {
        shared,
        now: shared.clock.now(),
        sent: HashMap::new(),
        people: HashMap::new(),
        cards: HashMap::new(),
        numbers: HashMap::new(),
    };
    let mut weighed = Weighed::default();
    for (line, row) in rows {
        let note = |error| note(line, error);
        match scales.look(&row)? {
            Ok(warnings) => {
                weighed.warned.extend(warnings.into_iter().map(note));
                scales.take(&row);
                weighed.rows.push(row);
            }
            Err(reasons) => weighed.rejected.extend(reasons.into_iter().map(note)),
        }
    }
    Ok(weighed)
}

impl Scales<'_> {
    fn look(&self, row: &Registered) -> Said {
        if let Err(error) = row.check() {
            return Ok(Err(vec![error]));
        }
        match row {
            Registered::Person(row) => self.person(row),
            Registered::Household(row) => self.household(row),
            Registered::Card(row) => self.card(row),
            Registered::Plan(row) => self.plan(row),
            Registered::Place(row) => self.place(row),
            Registered::Bench(row) => self.bench(row),
            Registered::Team(row) => self.team(row),
            Registered::Duty(row) => self.duty(row),
            Registered::Doctor(_)
            | Registered::Device(_)
            | Registered::Site(_)
            | Registered::Pairing(_)
            | Registered::Box(_) => Ok(Ok(Vec::new())),
        }
    }

    /// A row is going to be entered: the rows after it are looked at beside it.
    fn take(&mut self, row: &Registered) {
        if let Registered::Person(row) = row {
            self.take_person(row);
        }
        self.sent.insert(RegistryKey::of(row), row.clone());
    }

    /// The row that will be in force under a name once the rows so far are entered.
    fn in_force(&self, key: &RegistryKey) -> Result<Option<Registered>, StoreError> {
        match self.sent.get(key) {
            Some(row) => Ok(Some(row.clone())),
            None => self.shared.reader.registered(&Scope::Everything, key),
        }
    }

    /// Says whether the plan may be entered.
    fn plan(&self, plan: &Plan) -> Said {
        if let Err(error) = plan.check() {
            let why = error.why.as_str();
            return Ok(Err(vec![RowError::new(column(&error.column), "no_plan", (why, why))]));
        }
        let people = self.entered(&RegistryKey::Person(plan.person.clone()), a_person)?;
        let Some((person, earlier)) = people.split_last() else {
            let words =
                ("名册中没有此人：登记后方案才生效", "nobody of that name is registered yet");
            return Ok(Ok(vec![RowError::new("person", "plan_of_nobody", words)]));
        };
        let plans = self.entered(&RegistryKey::Plan(plan.person.clone()), a_plan)?;
        // A plan is weighed by lines, not by what is due.
        let known = Known { person, earlier, plans: &plans, enrolled_at: None };
        let told = self.shared.lines.weigh(known, plan, self.now);
        let looser = told.looser.iter().map(|looser| {
            let zh = format!("比此人的标准{}宽松：个人方案只能更严", looser.line);
            let line = &looser.line;
            let en = format!("looser than this person's line of {line}: a plan may only tighten");
            RowError::new(looser.column, "plan_looser", (zh, en))
        });
        let looser: Vec<_> = looser.collect();
        if !looser.is_empty() {
            return Ok(Err(looser));
        }
        let words = (
            "此人没有相应诊断：在登记诊断之前该目标不使用",
            "the person lacks the diagnosis: until it is registered the target is not used",
        );
        let waits = told.waits.then(|| RowError::new("person", "plan_waits_for_diagnosis", words));
        Ok(Ok(waits.into_iter().collect()))
    }

    fn entered<T>(
        &self,
        key: &RegistryKey,
        of: impl Fn(Registered) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.shared.reader.entered(&Scope::Everything, key)?;
        Ok(rows.into_iter().filter_map(|(_, row)| of(row)).collect())
    }
}

/// The column of a plan, by the name that its check gives.
fn column(name: &str) -> &'static str {
    const COLUMNS: [&str; 6] =
        ["until", "systolic_lt", "diastolic_lt", "fasting_lt", "cadence_days", "from"];
    COLUMNS.into_iter().find(|column| *column == name).unwrap_or("person")
}

fn note(line: usize, error: RowError) -> RowNote {
    let RowError { column, code, zh, en } = error;
    RowNote { line, column: column.to_owned(), code: code.to_owned(), zh, en }
}
