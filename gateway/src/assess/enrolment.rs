//! Into care and out of it, as the registry's rows tell: columns of people that have no meaning to
//! the registry itself.

use jiff::civil::Date;

use crate::domain::{Person, Timestamp};

/// Columns that say when a person was taken into care, as `2026-03-02` or with time and offset; the
/// first that says it counts.
const TAKEN_INTO_CARE: [&str; 3] = ["enrolled_at", "enrolled", "registered"];

/// When the registry says that a person was taken into care.
#[must_use]
pub fn taken_into_care(person: &Person) -> Option<Timestamp> {
    let instant = |column| {
        let text = person.attributes.get(column)?.trim();
        Timestamp::parse(text).or_else(|| Timestamp::from_shanghai(day(text)?.at(0, 0, 0, 0)))
    };
    TAKEN_INTO_CARE.into_iter().find_map(instant)
}

/// The day on which the registry says that a person died.
#[must_use]
pub fn died(person: &Person) -> Option<Date> {
    day(person.attributes.get("died")?.trim())
}

fn day(text: &str) -> Option<Date> {
    text.parse().ok()
}

/// When silence begins for a person without a value (LINES 6.1, "Silence"): the later of when this
/// registry first had them and when it says they were taken into care.
///
/// Never earlier than the first row: before it nobody here listened, and what nobody could hear was
/// no silence. So a roster of 121,300 people whose enrolment lies years back alerts nobody when it
/// is brought in, and each of them one cadence of the pack later. The column counts where it is
/// later: somebody of the roster who is taken into care in June is expected from June. What lies
/// after `entered`, when its row was, is a slip of the pen and says nothing.
#[must_use]
pub fn enrolled_at(first_row: Timestamp, entered: Timestamp, person: &Person) -> Timestamp {
    let own = taken_into_care(person).filter(|own| *own <= entered);
    own.map_or(first_row, |own| own.max(first_row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::Registered, store::Fact, store::fixtures};

    fn person(column: &str, text: &str) -> Person {
        let Fact::Registration(row) = fixtures::person("P1", None, "") else { unreachable!() };
        let Registered::Person(mut person) = row.row else { unreachable!() };
        person.attributes.insert(column.to_owned(), text.to_owned());
        person
    }

    /// First had on 1 March, with a row entered on 1 June.
    #[track_caller]
    fn check(column: &str, text: &str, expected: &str) {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let (first, entered) = (at("2026-03-01T08:00:00+08:00"), at("2026-06-01T08:00:00+08:00"));
        let enrolled = enrolled_at(first, entered, &person(column, text));
        assert_eq!(enrolled.to_string(), expected, "{column} {text}");
    }

    #[test]
    fn silence_begins_with_the_first_row_or_a_later_day_of_care() {
        let first = "2026-03-01T08:00:00+08:00";
        check("phone", "2026-05-20", first);
        check("enrolled", "2026-05-20", "2026-05-20T00:00:00+08:00");
        check("registered", " 2026-05-20 ", "2026-05-20T00:00:00+08:00");
        check("enrolled_at", "2026-05-20T01:00:00Z", "2026-05-20T09:00:00+08:00");
        check("enrolled", "2019-01-01", first);
        check("enrolled", "2026-06-02", first);
        check("enrolled", "last spring", first);
    }

    #[test]
    fn a_death_is_a_day() {
        assert_eq!(died(&person("died", "2026-05-20")), Some("2026-05-20".parse().unwrap()));
        assert_eq!(died(&person("died", "no")), None);
    }
}
