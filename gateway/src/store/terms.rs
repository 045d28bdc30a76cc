//! What somebody may type to find a person. Pure: both stores find the same people by it.
//!
//! What is kept of a name is never changed; only for looking up are blanks and dots left out and
//! letters made small.

use std::collections::BTreeSet;

use crate::domain::{Person, initials, surname_letters};

/// The version of these terms, and of the readings of characters beneath them: another one, and
/// every index is made anew.
pub(super) const VERSION: i64 = 1;

/// Letters of a name that count; whoever types more is understood by the first of them.
const LETTERS_MAX: usize = 12;

/// Last digits of an id number that are a term.
const LAST_DIGITS: usize = 4;

/// Blanks and dots of names: between the parts, and in none of them.
fn between(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '·' | '•' | '・' | '‧' | '.' | '\u{ff0e}')
}

/// Small letters; those that are as wide as a Chinese character made narrow.
fn folded(text: &str) -> impl Iterator<Item = char> {
    let narrow = |letter: char| match letter {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter).saturating_sub(0xfee0)),
        _ => None,
    };
    let narrow = move |letter| narrow(letter).unwrap_or(letter);
    text.chars().filter(|letter| !between(*letter)).map(narrow).flat_map(char::to_lowercase)
}

/// The term that a query asks for.
pub(super) fn asked(query: &str) -> Option<String> {
    let mut letters = folded(query).peekable();
    let some = letters.peek().is_some();
    // An id number is longer than a name.
    let term: String = letters.collect();
    let number = term.chars().all(|letter| letter.is_ascii_digit() || letter == 'x');
    let kept = if number { usize::MAX } else { LETTERS_MAX };
    some.then(|| term.chars().take(kept).collect())
}

/// Every term by which a person is found.
pub(super) fn of_person(person: &Person) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    let name: String = folded(&person.name).collect();
    add_beginnings(&mut terms, &name);
    for part in person.name.split(between).skip(1) {
        add_beginnings(&mut terms, &folded(part).collect::<String>());
    }
    let chinese = name.chars().all(|letter| !letter.is_ascii());
    if chinese {
        let given: String = name.chars().skip(surname_letters(&name)).collect();
        add_beginnings(&mut terms, &given);
    }
    for spelling in initials(&name) {
        add_beginnings(&mut terms, &spelling);
    }
    let number: Vec<char> = folded(&person.id_number).collect();
    if number.len() > LAST_DIGITS {
        let last = number.iter().skip(number.len().saturating_sub(LAST_DIGITS));
        terms.insert(last.collect());
        terms.insert(number.iter().collect());
    }
    terms
}

fn add_beginnings(terms: &mut BTreeSet<String>, word: &str) {
    let mut beginning = String::new();
    for letter in word.chars().take(LETTERS_MAX) {
        beginning.push(letter);
        terms.insert(beginning.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a person of a name and an id number is found by a text.
    #[track_caller]
    fn check(name: &str, id_number: &str, query: &str, expected: bool) {
        let row = serde_json::json!({"person": "P1", "name": name, "id_number": id_number});
        let person: Person = serde_json::from_value(row).unwrap();
        let found = asked(query).is_some_and(|term| of_person(&person).contains(&term));
        assert_eq!(found, expected, "{name} by {query:?}");
    }

    #[test]
    fn a_person_is_found_by_a_name_or_a_part_of_it_from_its_start() {
        for query in ["张", "张三", "张三丰", " 张 三丰 ", "三丰", "三"] {
            check("张三丰", "", query, true);
        }
        for query in ["丰", "李", "张丰", "张三丰四", "", "·"] {
            check("张三丰", "", query, false);
        }
        check("阿依古丽·买买提", "", "买买", true);
        check("阿依古丽·买买提", "", "阿依古丽买买提", true);
        check("欧阳修", "", "修", true);
        check("Person 12", "", "person 12", true);
        check("Person 12", "", "12", true);
    }

    #[test]
    fn a_person_is_found_by_initials() {
        for query in ["z", "zs", "zsf", "ZSF", "ｚｓｆ"] {
            check("张三丰", "", query, true);
        }
        check("张三丰", "", "sf", false);
        check("单田芳", "", "st", true);
        check("单田芳", "", "dt", true);
    }

    #[test]
    fn a_character_without_a_reading_is_found_by_itself() {
        check("张\u{2b820}", "", "z\u{2b820}", true);
        check("张\u{2b820}", "", "\u{2b820}", true);
    }

    #[test]
    fn a_person_is_found_by_an_id_number_and_its_last_digits() {
        for query in ["52212319550302123X", "123x", "123X"] {
            check("张三", "52212319550302123X", query, true);
        }
        for query in ["5221", "12"] {
            check("张三", "52212319550302123X", query, false);
        }
    }
}
