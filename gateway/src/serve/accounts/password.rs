//! Passwords: how they are kept, compared, and when they are too easily guessed.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use crate::serve::secret::{self, NoRandomness};

/// What a guess costs. It is kept beside each hash, so that it may grow without a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::serve) struct Cost {
    /// Memory of one hash, in KiB.
    memory_kib: u32,
    /// Passes over it.
    passes: u32,
}

/// Argon2id as installed: the least memory that ATTACKS 2.3 allows (19 MiB, so that two at once fit a
/// small box), and passes toward a quarter of a second of one of two cores (9 ms a pass, measured
/// 2026-11-22).
const REAL: Cost = Cost { memory_kib: 19 * 1024, passes: 26 };

/// As tests of anything else take it.
const QUICK: Cost = Cost { memory_kib: 64, passes: 1 };

/// The cost of hashes that are made now.
pub(in crate::serve) const COST: Cost = if cfg!(test) { QUICK } else { REAL };

/// More memory or more passes are not spent, whatever a row says.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 64;

/// Threads of one hash.
const LANES: u32 = 1;

const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// Fewest characters of a password (GB/T 22239 8.1.4.1 a; OWASP ASVS 5.0 6.2).
const CHARACTERS_MIN: usize = 10;

/// A password so long needs no mixture of signs.
const CHARACTERS_LONG: usize = 16;

/// Kinds of signs that a shorter one has, of small and large letters, digits and others.
const KINDS_MIN: usize = 3;

/// Most bytes of a password: what is longer is no password.
pub(in crate::serve) const BYTES_MAX: usize = 256;

/// Beginnings that every list of guesses has.
const COMMON: [&str; 12] = [
    "password", "passw0rd", "admin", "qwerty", "12345", "abc123", "letmein", "welcome", "xunzhen",
    "iloveyou", "11111", "888888",
];

/// What keeps a password from being one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::serve) enum Weak {
    /// Too short.
    #[error("at least {CHARACTERS_MIN} characters / 至少 {CHARACTERS_MIN} 个字符")]
    Short,
    /// Too long.
    #[error("at most {BYTES_MAX} bytes / 最多 {BYTES_MAX} 字节")]
    Long,
    /// Of too few kinds of signs.
    #[error(
        "three of small letters, large letters, digits and other signs, or {CHARACTERS_LONG} \
         characters / 大写、小写、数字、符号中至少三种，或不少于 {CHARACTERS_LONG} 个字符"
    )]
    Plain,
    /// It holds the account's name, or what everybody tries first.
    #[error("not the name, nor a common password / 不能包含用户名或常见密码")]
    Guessable,
}

/// Whether a password may be somebody's.
pub(in crate::serve) fn weigh(password: &str, name: &str) -> Result<(), Weak> {
    let characters = password.chars().count();
    if characters < CHARACTERS_MIN {
        return Err(Weak::Short);
    }
    if password.len() > BYTES_MAX {
        return Err(Weak::Long);
    }
    let kinds: [fn(char) -> bool; 4] = [
        |sign| sign.is_lowercase(),
        |sign| sign.is_uppercase(),
        |sign| sign.is_numeric(),
        |sign| !sign.is_lowercase() && !sign.is_uppercase() && !sign.is_numeric(),
    ];
    let kinds = kinds.iter().filter(|kind| password.chars().any(kind)).count();
    if kinds < KINDS_MIN && characters < CHARACTERS_LONG {
        return Err(Weak::Plain);
    }
    let small = password.to_lowercase();
    let named = name.len() > 2 && small.contains(&name.to_lowercase());
    if named || COMMON.iter().any(|common| small.starts_with(common)) {
        return Err(Weak::Guessable);
    }
    Ok(())
}

/// What is kept of a password.
pub(in crate::serve) fn kept(password: &str, cost: Cost) -> Result<String, NoRandomness> {
    let salt = secret::random::<SALT_BYTES>()?;
    // The cost is a constant that holds, so only randomness can be missing.
    let hash = hashed(password, &salt, cost).ok_or(NoRandomness)?;
    Ok(text(cost, &salt, &hash))
}

/// What nobody's password is kept as: comparing with it takes as long as with a real one.
pub(in crate::serve) fn nobodys(cost: Cost) -> Result<String, NoRandomness> {
    Ok(text(cost, &secret::random::<SALT_BYTES>()?, &secret::random::<HASH_BYTES>()?))
}

fn text(cost: Cost, salt: &[u8], hash: &[u8]) -> String {
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    format!("$argon2id$v=19$m={},t={},p={LANES}${salt}${hash}", cost.memory_kib, cost.passes)
}

/// Whether a password is the one that was kept. Takes as long for a wrong one. Blocks.
pub(in crate::serve) fn matches(kept: &str, password: &str) -> bool {
    let Some((cost, salt, hash)) = parsed(kept) else { return false };
    let Some(found) = hashed(password, &salt, cost) else { return false };
    // Hashes of the hashes are compared: that takes the same time wherever they differ.
    blake3::hash(&found) == blake3::hash(&hash)
}

fn parsed(kept: &str) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let mut parts = kept.strip_prefix("$argon2id$v=19$")?.split('$');
    let mut costs = parts.next()?.split(',');
    let mut number = |name: &str| costs.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let (memory_kib, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
    let bounded = memory_kib <= MEMORY_KIB_MAX && passes <= PASSES_MAX && lanes == LANES;
    let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    let hash = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    let whole = bounded && parts.next().is_none() && hash.len() == HASH_BYTES;
    whole.then_some((Cost { memory_kib, passes }, salt, hash))
}

fn hashed(password: &str, salt: &[u8], cost: Cost) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(cost.memory_kib, cost.passes, LANES, Some(HASH_BYTES)).ok()?;
    let mut hash = [0; HASH_BYTES];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon.hash_password_into(password.as_bytes(), salt, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[track_caller]
    fn check(password: &str, expected: Result<(), Weak>) {
        assert_eq!(weigh(password, "wang.li"), expected, "{password}");
    }

    #[test]
    fn a_password_is_long_mixed_and_not_guessable() {
        check("Short1!", Err(Weak::Short));
        check("onlysmallword", Err(Weak::Plain));
        check("onlysmallwordsbutlong", Ok(()));
        check("Three-kinds-of", Ok(()));
        check("大河村的桥2026年修", Err(Weak::Plain));
        check("大河村的桥2026年修Ok", Ok(()));
        check("Wang.Li-2026", Err(Weak::Guessable));
        check("Password-2026", Err(Weak::Guessable));
        check(&"a B".repeat(100), Err(Weak::Long));
    }

    #[test]
    fn only_the_password_itself_matches_and_each_has_its_own_salt() {
        let (one, other) = (kept("大河村 Bridge 7", QUICK), kept("大河村 Bridge 7", QUICK));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_ne!(one, other);
        assert!(matches(&one, "大河村 Bridge 7") && matches(&other, "大河村 Bridge 7"));
        for wrong in ["", "大河村 Bridge 8", "大河村 bridge 7"] {
            assert!(!matches(&one, wrong), "{wrong}");
        }
        assert!(!matches(&nobodys(QUICK).unwrap(), ""));
        let (cut, dear) = (one.replace("$argon2id", "argon2id"), one.replace("m=64", "m=999999"));
        let short = one.split_at(one.len() - 4).0;
        for damaged in ["", "x", &cut, short, &dear] {
            assert!(!matches(damaged, "大河村 Bridge 7"), "{damaged}");
        }
    }

    /// What the first program that kept passwords wrote, so that it stays readable.
    #[test]
    fn a_hash_kept_by_an_earlier_program_still_opens() {
        const KEPT: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$";
        let salt = STANDARD_NO_PAD.decode("c29tZXNhbHRzb21lc2FsdA").unwrap();
        let hash = hashed("Bridge-2026", &salt, QUICK).unwrap();
        let text = format!("{KEPT}{}", STANDARD_NO_PAD.encode(hash));
        assert_eq!(text, SAMPLE);
        assert!(matches(SAMPLE, "Bridge-2026"));
    }

    const SAMPLE: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$\
        fvGlb9YRlt1Ia4bBrgExTPSfhLO8WUHqJ0YgZ0AJOck";

    /// Printed for those who tune it; it fails only when it is beyond all sense.
    #[test]
    fn a_guess_costs_what_was_meant() {
        let begun = Instant::now();
        assert!(!matches(&nobodys(REAL).unwrap(), "a guess"));
        let took = begun.elapsed();
        assert!(took.as_millis() > 20 && took.as_secs() < 10, "{took:?}");
        use std::io::Write as _;
        writeln!(std::io::stdout(), "one guess: {took:?}").unwrap();
    }
}
