//! One slip of the hand: a character changed, left out, added, or two neighbours swapped.

use std::collections::BTreeSet;

/// What went wrong between two spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// One character is another.
    Changed,
    /// Two neighbours are swapped.
    Swapped,
    /// One is there too many, or too few.
    Added,
}

/// Longest text whose spellings are tried out: longer than any card number.
const SPELLED_MAX: usize = 24;

/// The one slip between two texts; `None` where they are equal, or further apart.
#[must_use]
pub fn slip(one: &str, other: &str) -> Option<Slip> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let begin = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(begin..)?, other.get(begin..)?);
    match (one, other) {
        ([], []) => None,
        ([a, b, rest @ ..], [c, d, tail @ ..]) if (a, b) == (d, c) && rest == tail => {
            Some(Slip::Swapped)
        }
        ([_, rest @ ..], [_, tail @ ..]) if rest == tail => Some(Slip::Changed),
        ([_, rest @ ..], other) if rest == other => Some(Slip::Added),
        (one, [_, tail @ ..]) if one == tail => Some(Slip::Added),
        _ => None,
    }
}

/// Card numbers that are one wrong digit, or two swapped ones, from this.
#[must_use]
pub fn card_spellings(card: &str) -> Vec<String> {
    let Some(card) = characters(card) else { return Vec::new() };
    let mut all = BTreeSet::new();
    changed(&card, &digits(), &mut all);
    swapped(&card, &mut all);
    finish(&card, all)
}

/// Names of people that are one slip from this: a digit or a letter that it has changed, left out or
/// added, or two swapped.
#[must_use]
pub fn person_spellings(name: &str) -> Vec<String> {
    let Some(name) = characters(name) else { return Vec::new() };
    let own: BTreeSet<char> = name.iter().copied().chain(digits()).collect();
    let own: Vec<char> = own.into_iter().collect();
    let mut all = BTreeSet::new();
    changed(&name, &own, &mut all);
    swapped(&name, &mut all);
    for at in 0..name.len() {
        let (before, after) = name.split_at(at);
        all.insert(before.iter().chain(after.iter().skip(1)).collect());
    }
    for at in 0..=name.len() {
        let (before, after) = name.split_at(at);
        for more in &own {
            all.insert(before.iter().chain([more]).chain(after).collect());
        }
    }
    finish(&name, all)
}

fn characters(text: &str) -> Option<Vec<char>> {
    let characters: Vec<char> = text.chars().collect();
    (2..=SPELLED_MAX).contains(&characters.len()).then_some(characters)
}

fn digits() -> Vec<char> {
    ('0'..='9').collect()
}

fn changed(text: &[char], into: &[char], all: &mut BTreeSet<String>) {
    for at in 0..text.len() {
        let (before, after) = text.split_at(at);
        for other in into {
            all.insert(before.iter().chain([other]).chain(after.iter().skip(1)).collect());
        }
    }
}

fn swapped(text: &[char], all: &mut BTreeSet<String>) {
    for at in 1..text.len() {
        let mut swapped = text.to_vec();
        swapped.swap(at.saturating_sub(1), at);
        all.insert(swapped.into_iter().collect());
    }
}

fn finish(text: &[char], mut all: BTreeSet<String>) -> Vec<String> {
    all.remove(&text.iter().collect::<String>());
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &str, other: &str, expected: Option<Slip>) {
        assert_eq!(slip(one, other), expected, "{one} {other}");
        assert_eq!(slip(other, one), expected, "{other} {one}");
    }

    #[test]
    fn one_slip_is_found_and_two_are_not() {
        check("P000123", "P000123", None);
        check("P000123", "P000124", Some(Slip::Changed));
        check("P000123", "P000132", Some(Slip::Swapped));
        check("P000123", "P00123", Some(Slip::Added));
        check("P000123", "P0001234", Some(Slip::Added));
        check("P000123", "P000321", None);
        check("P000123", "P000145", None);
        check("P000123", "Q000124", None);
        check("", "P", Some(Slip::Added));
        check("12", "21", Some(Slip::Swapped));
    }

    #[test]
    fn every_spelling_that_is_tried_is_one_slip_away() {
        for name in ["P000123", "A1", "99"] {
            let spellings = person_spellings(name);
            assert!(spellings.iter().all(|other| slip(name, other).is_some()), "{name}");
            assert!(spellings.len() < 400, "{name}: {}", spellings.len());
        }
        let cards = card_spellings("622202010001234567");
        assert!(cards.contains(&"622202010001234576".to_owned()));
        assert!(cards.contains(&"722202010001234567".to_owned()));
        assert!(cards.iter().all(|other| other.len() == 18));
        assert_eq!(card_spellings(&"1".repeat(100)), Vec::<String>::new());
    }
}
