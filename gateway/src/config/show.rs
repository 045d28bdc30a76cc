//! The configuration in words: the commented default file, and what is in force and from where.

use std::fmt::Write as _;

use super::{
    keys::{KEYS, Key, Kind},
    lists::{PRINTER_KEYS, SERIAL_KEYS},
    settings::{Setting, Settings},
};

/// `config default`: every key, commented, with its default or an example.
#[must_use]
pub fn default_file() -> String {
    let mut text = String::new();
    let mut section = "";
    for key in KEYS {
        if key.section != section {
            section = key.section;
            push(&mut text, format_args!("\n[{section}]\n"));
        }
        describe(&mut text, key, key.default.is_empty());
    }
    text.push_str("\n# One for each serial line / 每条串口线一段\n# [[serial]]\n");
    for key in SERIAL_KEYS {
        describe(&mut text, key, true);
    }
    text.push_str("\n# One for each printer of result slips / 每台小票打印机一段\n# [[printer]]\n");
    for key in PRINTER_KEYS {
        describe(&mut text, key, true);
    }
    text.trim_start().to_owned()
}

fn describe(text: &mut String, key: &Key, commented: bool) {
    let value = if key.default.is_empty() { key.example } else { key.default };
    let mark = if commented { "# " } else { "" };
    push(text, format_args!("# {}\n{mark}{} = {}\n", key.purpose, key.name, quoted(key, value)));
}

/// `config show --effective`: every value in force and its source; secrets are not shown.
#[must_use]
pub fn effective(settings: &Settings) -> String {
    let mut text = String::new();
    for setting in &settings.values {
        line(&mut text, setting);
    }
    for (list, lines) in [("serial", &settings.serial), ("printer", &settings.printers)] {
        for (number, said) in lines.iter().enumerate() {
            push(&mut text, format_args!("[[{list}]] {}\n", number.saturating_add(1)));
            for setting in said {
                line(&mut text, setting);
            }
        }
    }
    text
}

fn line(text: &mut String, setting: &Setting) {
    let key = setting.key;
    let value = match setting.value.as_str() {
        "" => "(absent)".to_owned(),
        _ if key.secret => "(set, not shown)".to_owned(),
        value => quoted(key, value),
    };
    push(text, format_args!("{}.{} = {value}  # {}\n", key.section, key.name, setting.from));
}

fn quoted(key: &Key, value: &str) -> String {
    match key.kind {
        Kind::Switch | Kind::Count(..) => value.to_owned(),
        Kind::Listen
        | Kind::Path
        | Kind::Text
        | Kind::Url
        | Kind::Broker
        | Kind::Uplink
        | Kind::Key
        | Kind::Name
        | Kind::Choice(_)
        | Kind::Names => {
            format!("{value:?}")
        }
    }
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    if text.write_fmt(part).is_err() {
        debug_assert!(false, "a text took no more");
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{Sources, read};

    #[test]
    fn the_default_file_lists_every_key_and_is_itself_valid() {
        let text = default_file();
        for key in KEYS.iter().chain(SERIAL_KEYS).chain(PRINTER_KEYS) {
            assert!(text.contains(&format!("{} = ", key.name)), "{}", key.name);
        }
        let file = Some((PathBuf::from("default"), text));
        assert!(read(&Sources { file, ..Sources::default() }).is_ok());
    }

    #[test]
    fn secrets_are_not_shown() {
        let file = "[influx]\ntoken = \"hush\"\n".to_owned();
        let sources = Sources { file: Some((PathBuf::from("x"), file)), ..Sources::default() };
        let (_, settings) = read(&sources).unwrap();
        let text = effective(&settings);
        assert!(
            !text.contains("hush") && text.contains("influx.token = (set, not shown)  # x:2:9"),
            "{text}"
        );
    }
}
