//! What a text says, whatever chance put into its ids and keys.

/// Characters of the shortest id or key that chance makes: 96 bits in base64.
const BY_CHANCE: usize = 16;

/// Whether a text has this, and not only within an id or a key. Three digits stand in one of a hundred ids.
#[must_use]
pub fn says(text: &str, said: &str) -> bool {
    let of_word = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    text.split(|char| !of_word(char)).any(|word| word.len() < BY_CHANCE && word.contains(said))
}

#[cfg(test)]
mod tests {
    use super::says;

    #[test]
    fn an_id_says_nothing_and_a_value_does() {
        for text in ["184/112 mmHg", "收缩压184，", "{\"systolic\":184}", "bp184mmHg"] {
            assert!(says(text, "184"), "{text}");
        }
        for text in ["https://gw/a/x18400000000000_-", "\"id\":\"0123184567890123\"", "", "18 4"] {
            assert!(!says(text, "184"), "{text}");
        }
    }
}
