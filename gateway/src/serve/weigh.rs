//! What is said about rows of the registry before they are entered: a plan that would loosen a line
//! is refused with its place, and facts that contradict each other are named and entered.

use std::collections::HashMap;

use super::{
    describe::{a_person, a_plan},
    shared::{Known, Shared},
    wire::RowNote,
};
use crate::{
    assess::contradictions,
    domain::{Person, PersonId, Plan, Registered, Timestamp},
    store::{RegistryKey, StoreError, view::Scope},
};

/// What became of rows before they were entered.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    pub(super) rows: Vec<Registered>,
    pub(super) rejected: Vec<RowNote>,
    pub(super) warned: Vec<RowNote>,
}

/// Looks at every row, each with its line.
pub(super) fn weigh(
    shared: &Shared,
    rows: Vec<(usize, Registered)>,
) -> Result<Weighed, StoreError> {
    let now = shared.clock.now();
    let mut weighed = Weighed::default();
    let mut sent: HashMap<PersonId, Vec<Person>> = HashMap::new();
    for (line, row) in rows {
        let stays = match &row {
            Registered::Person(person) if person.person.is_nobody() => {
                let words = (
                    "以 nobody. 开头的编号留给系统：请改用其他编号",
                    "names that begin with nobody. are the gateway's own: choose another",
                );
                weighed.rejected.push(note(line, "person", "reserved_name", words));
                false
            }
            Registered::Person(person) => {
                let before = sent.entry(person.person.clone()).or_default();
                weighed.warned.extend(of_person(shared, (line, person), before, now)?);
                before.push(person.clone());
                true
            }
            Registered::Plan(plan) => of_plan(shared, &mut weighed, (line, plan), now)?,
            Registered::Household(_)
            | Registered::Doctor(_)
            | Registered::Device(_)
            | Registered::Site(_)
            | Registered::Card(_) => true,
        };
        if stays {
            weighed.rows.push(row);
        }
    }
    Ok(weighed)
}

/// What contradicts what: within the row, and against the rows before it, in the store or this file.
fn of_person(
    shared: &Shared,
    (line, person): (usize, &Person),
    sent: &[Person],
    now: Timestamp,
) -> Result<Vec<RowNote>, StoreError> {
    let mut earlier = entered(shared, &RegistryKey::Person(person.person.clone()), a_person)?;
    earlier.extend_from_slice(sent);
    let found = contradictions(person, &earlier, now);
    Ok(found.into_iter().map(|it| note(line, it.column(), it.code(), (it.zh(), it.en()))).collect())
}

/// Says whether the plan may be entered.
fn of_plan(
    shared: &Shared,
    weighed: &mut Weighed,
    (line, plan): (usize, &Plan),
    now: Timestamp,
) -> Result<bool, StoreError> {
    if let Err(error) = plan.check() {
        let why = error.why.as_str();
        weighed.rejected.push(note(line, &error.column, "no_plan", (why, why)));
        return Ok(false);
    }
    let people = entered(shared, &RegistryKey::Person(plan.person.clone()), a_person)?;
    let Some((person, earlier)) = people.split_last() else {
        let words = ("名册中没有此人：登记后方案才生效", "nobody of that name is registered yet");
        weighed.warned.push(note(line, "person", "plan_of_nobody", words));
        return Ok(true);
    };
    let plans = entered(shared, &RegistryKey::Plan(plan.person.clone()), a_plan)?;
    // A plan is weighed by lines, not by what is due.
    let known = Known { person, earlier, plans: &plans, enrolled_at: None };
    let told = shared.lines.weigh(known, plan, now);
    for looser in &told.looser {
        let zh = format!("比此人的标准{}宽松：个人方案只能更严", looser.line);
        let en =
            format!("looser than this person's line of {}: a plan may only tighten", looser.line);
        weighed.rejected.push(note(line, looser.column, "plan_looser", (&zh, &en)));
    }
    if told.waits {
        let words = (
            "此人没有相应诊断：在登记诊断之前该目标不使用",
            "the person lacks the diagnosis: until it is registered the target is not used",
        );
        weighed.warned.push(note(line, "person", "plan_waits_for_diagnosis", words));
    }
    Ok(told.looser.is_empty())
}

fn entered<T>(
    shared: &Shared,
    key: &RegistryKey,
    of: impl Fn(Registered) -> Option<T>,
) -> Result<Vec<T>, StoreError> {
    let rows = shared.reader.entered(&Scope::Everything, key)?;
    Ok(rows.into_iter().filter_map(|(_, row)| of(row)).collect())
}

fn note(line: usize, column: &str, code: &str, (zh, en): (&str, &str)) -> RowNote {
    let [column, code, zh, en] = [column, code, zh, en].map(str::to_owned);
    RowNote { line, column, code, zh, en }
}
