//! The code by which people speak of an alert, on walls, in messages and on the telephone.

use super::AlertId;

/// A prefix and five digits of the alert's id. Two alerts may share one: it says which alert is
/// meant, it is no key.
#[must_use]
pub fn case_code(prefix: &str, alert: &AlertId) -> String {
    let number = u128::from_be_bytes(*alert.as_bytes()) % 100_000;
    format!("{prefix}{number:05}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_code_is_short_and_stays_the_same() {
        assert_eq!(case_code("QS", &AlertId::from_bytes([0; 16])), "QS00000");
        assert_eq!(case_code("QS", &AlertId::from_bytes([9; 16])), "QS72169");
    }
}
