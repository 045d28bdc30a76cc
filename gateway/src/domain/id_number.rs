//! The resident identity number (公民身份号码, GB 11643-1999): 17 digits and a check character.
//!
//! It proves that two rows speak of one person, so a number that cannot be one is refused where it
//! is entered. Old numbers of 15 digits are refused too: cards with them ended on 2013-01-01, and
//! without a century and a check digit a slip in one makes another person's.

use jiff::civil::Date;

use super::{ContentDigest, Sex, id_number_digest};

/// A number whose check character is right and whose day of birth exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdNumber([u8; LENGTH]);

/// Places of a number.
const LENGTH: usize = 18;

/// Places of a number as it was until 1999.
const OLD_LENGTH: usize = 15;

/// GB 11643-1999: the sum is divided by this; a rest of ten is written `X`.
const MODULUS: u32 = 11;

/// Why a text is no number. None of these tells any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoIdNumber {
    /// Neither 18 places nor made of digits.
    #[error("expected 17 digits and a digit or X / 应为17位数字加1位数字或X")]
    Shape,
    /// 15 digits.
    #[error(
        "a number of 15 digits has no check digit: enter the one of 18 / \
         15位旧号码没有校验码：请填写18位号码"
    )]
    Old,
    /// A digit is wrong, or two are swapped.
    #[error("the check digit is wrong / 校验码不符")]
    CheckDigit,
    /// Its day of birth is in no calendar.
    #[error("it holds no valid birth date / 其中没有有效的出生日期")]
    BirthDate,
}

impl IdNumber {
    /// Reads a number; a small `x` is an `X`.
    ///
    /// # Errors
    /// [`NoIdNumber`] says what is wrong, without the number.
    pub fn parse(text: &str) -> Result<Self, NoIdNumber> {
        let text = text.trim();
        if text.len() == OLD_LENGTH && text.bytes().all(|place| place.is_ascii_digit()) {
            return Err(NoIdNumber::Old);
        }
        let places: [u8; LENGTH] = text
            .as_bytes()
            .try_into()
            .map(|places: [u8; LENGTH]| places.map(|place| place.to_ascii_uppercase()))
            .map_err(|_length| NoIdNumber::Shape)?;
        let [digits @ .., check] = &places;
        if !digits.iter().all(u8::is_ascii_digit) || !(check.is_ascii_digit() || *check == b'X') {
            return Err(NoIdNumber::Shape);
        }
        if check_character(digits) != *check {
            return Err(NoIdNumber::CheckDigit);
        }
        let number = Self(places);
        number.birth().map(|_| number).ok_or(NoIdNumber::BirthDate)
    }

    /// The number, its last place a digit or `X`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The six digits of the county in which it was given.
    #[must_use]
    pub fn area(&self) -> &str {
        self.as_str().get(..6).unwrap_or_default()
    }

    /// The day of birth in it.
    #[must_use]
    pub fn birth(&self) -> Option<Date> {
        let [_, _, _, _, _, _, date @ .., _, _, _, _] = &self.0;
        let [y1, y2, y3, y4, m1, m2, d1, d2] = date;
        let number = |digits: &[&u8]| {
            digits.iter().fold(0_i16, |sum, digit| {
                sum.saturating_mul(10).saturating_add(i16::from(digit.saturating_sub(b'0')))
            })
        };
        let small = |digits: &[&u8]| i8::try_from(number(digits)).ok();
        Date::new(number(&[y1, y2, y3, y4]), small(&[m1, m2])?, small(&[d1, d2])?).ok()
    }

    /// The sex in it: odd is male.
    #[must_use]
    pub const fn sex(&self) -> Sex {
        let [.., order, _] = &self.0;
        if *order % 2 == 1 { Sex::Male } else { Sex::Female }
    }

    /// What a store finds the number by. It stands in the number's place wherever that is only
    /// compared, so that the number itself can be encrypted; the key under which it is then made
    /// belongs here.
    #[must_use]
    pub fn digest(&self) -> ContentDigest {
        id_number_digest(self.as_str())
    }

    /// The name under which an identity card that was held to a reader is kept: the number itself
    /// stands with the person's identity and nowhere else.
    #[must_use]
    pub fn card(&self) -> String {
        format!("{CARD}{}", self.digest())
    }
}

/// How the names of identity cards begin.
const CARD: &str = "id-";

/// The digest of the number of an identity card, by [`IdNumber::card`]; `None` for any other card.
#[must_use]
pub fn number_of_card(card: &str) -> Option<ContentDigest> {
    card.strip_prefix(CARD)?.parse().ok()
}

/// The check character of 17 digits: place i from the right, counted from 1, weighs 2^(i-1) mod 11.
fn check_character(digits: &[u8]) -> u8 {
    // Horner's rule: every step to the left doubles the weight; the check place itself weighs 1.
    let sum = digits.iter().fold(0_u32, |sum, digit| {
        (sum.saturating_mul(2).saturating_add(u32::from(digit.saturating_sub(b'0')))) % MODULUS
    });
    let rest = (12_u32.saturating_sub(sum.saturating_mul(2) % MODULUS)) % MODULUS;
    u8::try_from(rest)
        .map_or(b'X', |rest| if rest == 10 { b'X' } else { rest.saturating_add(b'0') })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, Sex), NoIdNumber>) {
        let told = IdNumber::parse(text).map(|it| (it.birth().unwrap().to_string(), it.sex()));
        assert_eq!(told, expected.map(|(born, sex)| (born.to_owned(), sex)), "{text}");
    }

    #[test]
    fn the_standards_own_examples_are_numbers() {
        // GB 11643-1999, examples of the standard.
        check("11010519491231002X", Ok(("1949-12-31", Sex::Female)));
        check("440524188001010014", Ok(("1880-01-01", Sex::Male)));
        check(" 11010519491231002x ", Ok(("1949-12-31", Sex::Female)));
    }

    #[test]
    fn every_slip_of_one_digit_and_every_swap_of_two_neighbours_is_found() {
        let good = *b"11010519491231002X";
        for place in 0..17 {
            for digit in b'0'..=b'9' {
                let mut slip = good;
                slip[place] = digit;
                let found = IdNumber::parse(std::str::from_utf8(&slip).unwrap());
                assert_eq!(found.is_ok(), slip == good, "{place} {digit}");
            }
            let mut swapped = good;
            swapped.swap(place, place.saturating_sub(1));
            let found = IdNumber::parse(std::str::from_utf8(&swapped).unwrap());
            assert_eq!(found.is_ok(), swapped == good, "{place}");
        }
    }

    #[test]
    fn what_cannot_be_a_number_says_why() {
        check("", Err(NoIdNumber::Shape));
        check("11010519491231002Y", Err(NoIdNumber::Shape));
        check("1101051949123100２X", Err(NoIdNumber::Shape));
        check("1101051949123100211", Err(NoIdNumber::Shape));
        check("110105491231002", Err(NoIdNumber::Old));
        check("110105194912310021", Err(NoIdNumber::CheckDigit));
        // The check digit is right and the day is not.
        let day = (b'0'..=b'9').chain([b'X']).find_map(|check| {
            let text = format!("11010519490231002{}", char::from(check));
            (IdNumber::parse(&text) != Err(NoIdNumber::CheckDigit)).then_some(text)
        });
        check(&day.unwrap(), Err(NoIdNumber::BirthDate));
    }

    #[test]
    fn one_number_has_one_digest_however_it_is_written() {
        let one = IdNumber::parse("11010519491231002X").unwrap();
        let same = IdNumber::parse("11010519491231002x").unwrap();
        let other = IdNumber::parse("440524188001010014").unwrap();
        assert_eq!(one.digest(), same.digest());
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.as_str(), "11010519491231002X");
    }
}
