//! Where things stand in the text of a pack: JSON pointers (RFC 6901), their lines, and keys that
//! stand twice, which a JSON reader would silently let the last one win.

use std::collections::BTreeMap;

/// The pointer of a key within the object at a pointer.
pub(super) fn within(path: &str, key: &str) -> String {
    let key = key.replace('~', "~0").replace('/', "~1");
    format!("{path}/{key}")
}

/// What encloses a place; `None` for the whole.
pub(super) fn around(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(around, _)| around)
}

/// What a text says where.
#[derive(Debug, Default)]
pub(super) struct Places {
    lines: BTreeMap<String, usize>,
    /// Keys that stand twice in their object, by pointer.
    pub twice: Vec<String>,
}

impl Places {
    /// Reads a text that is JSON; of another the places are of no use.
    pub(super) fn of(text: &str) -> Self {
        let mut reader = Reader { rest: text.chars().peekable(), line: 1, places: Self::default() };
        reader.value("");
        reader.places
    }

    /// The line of a place, or of the nearest thing around it that stands in the text.
    pub(super) fn line(&self, path: &str) -> Option<usize> {
        let mut place = Some(path);
        while let Some(at) = place {
            if let Some(line) = self.lines.get(at) {
                return Some(*line);
            }
            place = around(at);
        }
        None
    }
}

struct Reader<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    line: usize,
    places: Places,
}

impl Reader<'_> {
    fn step(&mut self) -> Option<char> {
        let next = self.rest.next();
        if next == Some('\n') {
            self.line = self.line.saturating_add(1);
        }
        next
    }

    /// The next character that is no space.
    fn look(&mut self) -> Option<char> {
        while self.rest.peek().is_some_and(char::is_ascii_whitespace) {
            self.step();
        }
        self.rest.peek().copied()
    }

    /// One value; the depth is bounded by the JSON reader that has read the same text.
    fn value(&mut self, path: &str) {
        let opens = self.look();
        self.places.lines.entry(path.to_owned()).or_insert(self.line);
        match opens {
            Some('{') => self.keys(path),
            Some('[') => self.items(path),
            Some('"') => drop(self.text()),
            _ => while self.rest.next_if(|next| !",]} \t\r\n".contains(*next)).is_some() {},
        }
    }

    fn keys(&mut self, path: &str) {
        self.step();
        let mut seen = Vec::new();
        while self.look() == Some('"') {
            let line = self.line;
            let place = within(path, &self.text());
            if seen.contains(&place) {
                self.places.twice.push(place.clone());
            }
            self.places.lines.insert(place.clone(), line);
            self.look();
            self.step();
            self.value(&place);
            seen.push(place);
            if self.look() == Some(',') {
                self.step();
            }
        }
        self.step();
    }

    fn items(&mut self, path: &str) {
        self.step();
        let mut number = 0_usize;
        while !matches!(self.look(), Some(']') | None) {
            self.value(&format!("{path}/{number}"));
            number = number.saturating_add(1);
            if self.look() == Some(',') {
                self.step();
            }
        }
        self.step();
    }

    /// A text without its quotes.
    fn text(&mut self) -> String {
        let mut written = String::from(self.step().unwrap_or('"'));
        while let Some(next) = self.step() {
            written.push(next);
            if next == '\\' {
                written.extend(self.step());
            } else if next == '"' {
                break;
            }
        }
        serde_json::from_str(&written).unwrap_or(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, path: &str, line: usize) {
        assert_eq!(Places::of(text).line(path), Some(line), "{path} of {text}");
    }

    #[test]
    fn a_place_has_the_line_of_its_key() {
        let text = "{\n \"a\": {\n  \"b/c\": [1,\n   2], \"d\": \"x\\\"}\"\n },\n \"e\": null}";
        check(text, "", 1);
        check(text, "/a", 2);
        check(text, "/a/b~1c", 3);
        check(text, "/a/b~1c/1", 4);
        check(text, "/a/d", 4);
        check(text, "/e", 6);
    }

    #[test]
    fn what_is_missing_has_the_line_of_what_is_around_it() {
        check("{\n \"a\": {}}", "/a/b/c", 2);
        check("{\n \"a\": {}}", "/z", 1);
    }

    #[test]
    fn a_key_that_stands_twice_is_found_also_when_written_otherwise() {
        let twice =
            Places::of(r#"{"a": {"b": 1, "c": 2, "\u0062": 3}, "c": [{"b": 1}, {"b": 2}]}"#);
        assert_eq!(twice.twice, ["/a/b"]);
    }

    #[test]
    fn any_text_comes_to_an_end() {
        for text in ["", "{", "[", "[1", "{\"a", "{\"a\":", "]", "\\", "{\"a\" 1", "[,,", "{,}"] {
            Places::of(text);
        }
    }
}
