//! The second factor: six digits that change every 30 s (RFC 6238, HMAC-SHA-1), each used once.

use ring::hmac;

use crate::{
    domain::{Millis, Timestamp},
    serve::secret::{self, NoRandomness},
};

/// How long one code holds (RFC 6238 section 5.2).
const STEP: Millis = Millis::seconds(30);

/// Codes of the step before and after are taken too: clocks of phones differ (RFC 6238 section 6).
const STEPS_BESIDE: i64 = 1;

/// Digits of a code.
const DIGITS: usize = 6;

/// Codes end here: ten to the power of [`DIGITS`].
const CODES: u32 = 1_000_000;

/// Length of a secret, as RFC 4226 section 4 asks for HMAC-SHA-1.
const SECRET_BYTES: usize = 20;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret, in base 32.
pub(in crate::serve) fn new_secret() -> Result<String, NoRandomness> {
    secret::random::<SECRET_BYTES>().map(|bytes| to_base32(&bytes))
}

/// The address by which a phone's app takes a secret over.
pub(in crate::serve) fn uri(account: &str, secret: &str) -> String {
    format!(
        "otpauth://totp/Xunzhen:{account}?secret={secret}&issuer=Xunzhen&algorithm=SHA1&digits={DIGITS}\
         &period=30"
    )
}

/// The step whose code this is, if it is of now and later than the last one used: a code that was
/// used, and every earlier one, opens nothing.
pub(in crate::serve) fn accepted(
    secret: &str,
    typed: &str,
    now: Timestamp,
    last_step: i64,
) -> Option<i64> {
    let secret = from_base32(secret)?;
    let typed: String = typed.chars().filter(|sign| !sign.is_whitespace()).collect();
    if typed.len() != DIGITS || !typed.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let typed: u32 = typed.parse().ok()?;
    let present = now.as_millis().div_euclid(STEP.0);
    let earliest = present.saturating_sub(STEPS_BESIDE);
    let mut steps = earliest..=present.saturating_add(STEPS_BESIDE);
    steps.find(|step| *step > last_step && code(&secret, *step) == Some(typed))
}

/// The code of a step (RFC 4226 section 5.3).
fn code(secret: &[u8], step: i64) -> Option<u32> {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let from = usize::from(bytes.last()? & 0xf);
    let four: [u8; 4] = bytes.get(from..from.checked_add(4)?)?.try_into().ok()?;
    Some((u32::from_be_bytes(four) & 0x7fff_ffff) % CODES)
}

fn to_base32(bytes: &[u8]) -> String {
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let letter = |five: &[u8]| {
        let value = five.iter().fold(0_usize, |value, bit| value << 1 | usize::from(*bit));
        // The last group is filled with zeros on its right.
        let value = value << 5_usize.saturating_sub(five.len());
        ALPHABET.get(value).copied().map_or('A', char::from)
    };
    bits.chunks(5).map(letter).collect()
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut held, mut bits, mut bytes) = (0_u32, 0_u32, Vec::new());
    for letter in text.bytes().map(|letter| letter.to_ascii_uppercase()) {
        let value = ALPHABET.iter().position(|known| *known == letter)?;
        held = (held << 5 | u32::try_from(value).ok()?) & 0xfff;
        bits = bits.saturating_add(5);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

/// The code of now, for tests of signing in.
#[cfg(test)]
pub(in crate::serve) fn now_code(secret: &str, now: Timestamp) -> String {
    let secret = from_base32(secret).unwrap();
    format!("{:06}", code(&secret, now.as_millis().div_euclid(STEP.0)).unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "12345678901234567890" (RFC 6238, appendix B).
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[track_caller]
    fn check(typed: &str, seconds: i64, last_step: i64, expected: Option<i64>) {
        assert_eq!(accepted(SECRET, typed, at(seconds), last_step), expected, "{typed} {seconds}");
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        for (seconds, six_of_its_eight_digits) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            check(six_of_its_eight_digits, seconds, 0, Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_of_the_step_beside_is_taken_and_none_further() {
        for (seconds, taken) in [(29, true), (30, true), (59, true), (89, true), (90, false)] {
            check("287082", seconds, -9, taken.then_some(1));
        }
    }

    #[test]
    fn a_code_is_used_once_and_none_before_it_either() {
        check("287082", 59, 0, Some(1));
        check("287082", 59, 1, None);
        check("287082", 59, 2, None);
    }

    #[test]
    fn what_is_no_code_opens_nothing() {
        for typed in ["", "28708", "2870820", "28708a", "+87082", "２８７０８２", "287083"] {
            check(typed, 59, 0, None);
        }
        check(" 287 082 ", 59, 0, Some(1));
        assert_eq!(accepted("", "287082", at(59), 0), None, "no secret is no key");
        assert_eq!(accepted("1", "287082", at(59), 0), None);
    }

    #[test]
    fn base_32_comes_back_and_the_address_names_everything() {
        for length in 0..=40 {
            let bytes: Vec<u8> =
                (0..length).map(|byte: u8| byte.wrapping_mul(37).wrapping_add(5)).collect();
            assert_eq!(from_base32(&to_base32(&bytes)), Some(bytes));
        }
        assert_eq!(to_base32(b"12345678901234567890"), SECRET);
        assert_eq!(new_secret().unwrap().len(), 32);
        assert_eq!(
            uri("wang", "ABC"),
            "otpauth://totp/Xunzhen:wang?secret=ABC&issuer=Xunzhen&algorithm=SHA1&digits=6&period=30"
        );
    }
}
