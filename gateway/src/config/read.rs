//! Reading the configuration: every value is checked where it stands, and every problem is kept.

use std::{fmt, net::SocketAddr, path::PathBuf};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Config,
    keys::{KEYS, Key, Kind},
    lists::LISTS,
    settings::{Setting, Settings, broker_address},
    together,
};
use crate::{
    domain::{Id, SiteKind},
    uplink::PublicKey,
};

/// What the environment's names begin with.
const ENVIRONMENT_PREFIX: &str = "XUNZHEN__";

/// Spellings closer than this are offered as what was meant.
const SIMILAR_ENOUGH: f64 = 0.75;

/// Where values come from; later ones beat earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file's name and text.
    pub file: Option<(PathBuf, String)>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// Flags, as (`http.listen`, value).
    pub flags: Vec<(&'static str, String)>,
}

/// One mistake: where, what was found, what is expected, and a value that would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `xunzhen.toml:12:3`, or the variable or flag.
    pub place: String,
    /// The key, where one is meant.
    pub key: String,
    /// What was found.
    pub found: String,
    /// What is expected, in English and Chinese.
    pub expected: (String, String),
    /// A line that would do.
    pub example: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (en, zh) = &self.expected;
        write!(f, "{}: {}: {}: expected {en}", self.place, self.key, self.found)?;
        if !self.example.is_empty() {
            write!(f, ", as {}", self.example)?;
        }
        write!(f, " / 应为{zh}")
    }
}

impl std::error::Error for Problem {}

/// Reads everything, or says everything that is wrong.
///
/// # Errors
/// Every problem of every source.
pub fn read(sources: &Sources) -> Result<(Config, Settings), Vec<Problem>> {
    let mut reading = Reading::default();
    if let Some((name, text)) = &sources.file {
        reading.file(&name.display().to_string(), text);
    }
    reading.environment(&sources.environment);
    for (path, value) in &sources.flags {
        reading.flag(path, value);
    }
    reading.finish()
}

#[derive(Debug, Default)]
struct Reading {
    said: Vec<Setting>,
    /// Lines of each of [`LISTS`].
    lists: [Vec<Vec<Setting>>; LISTS.len()],
    problems: Vec<Problem>,
}

impl Reading {
    fn file(&mut self, name: &str, text: &str) {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            let expected = ("valid TOML".to_owned(), "有效的 TOML".to_owned());
            self.problems.push(Problem {
                place: place(name, text, at),
                key: "syntax".to_owned(),
                found: error.message().to_owned(),
                expected,
                example: "listen = \"127.0.0.1:8080\"".to_owned(),
            });
        }
        for (section, value) in table.get_ref() {
            self.section(&File { name, text }, section, value);
        }
    }

    fn section(
        &mut self,
        file: &File<'_>,
        section: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) {
        let name = section.get_ref().as_ref();
        if let Some(list) = LISTS.iter().position(|(list, ..)| *list == name) {
            return self.list(file, list, value);
        }
        if !KEYS.iter().any(|key| key.section == name) {
            let sections = KEYS.iter().map(|key| key.section).chain(LISTS.map(|(list, ..)| list));
            let problem = unknown(file.place(section.span().start), name, sections);
            return self.problems.push(problem);
        }
        let Some(table) = value.get_ref().as_table() else {
            let expected = ("a section".to_owned(), "小节".to_owned());
            return self.problems.push(Problem {
                place: file.place(value.span().start),
                key: name.to_owned(),
                found: value.get_ref().type_str().to_owned(),
                expected,
                example: format!("[{name}]"),
            });
        };
        let keys: Vec<_> = KEYS.iter().filter(|key| key.section == name).collect();
        let said = self.table(file, table, &keys);
        self.said.extend(said);
    }

    fn list(&mut self, file: &File<'_>, list: usize, value: &Spanned<DeValue<'_>>) {
        let Some((name, keys, required)) = LISTS.get(list).copied() else { return };
        let keys: Vec<_> = keys.iter().collect();
        let lines = value.get_ref().as_array();
        let tables: Option<Vec<_>> = lines.map(|lines| {
            lines.iter().map(|line| (line.span().start, line.get_ref().as_table())).collect()
        });
        for (at, table) in tables.unwrap_or_else(|| vec![(value.span().start, None)]) {
            let Some(table) = table else {
                let expected =
                    (format!("[[{name}]] with two brackets"), format!("双方括号 [[{name}]]"));
                self.problems.push(Problem {
                    place: file.place(at),
                    key: name.to_owned(),
                    found: "no list of lines".to_owned(),
                    expected,
                    example: format!("[[{name}]]"),
                });
                continue;
            };
            let said = self.table(file, table, &keys);
            for required in required.iter().copied() {
                if !table.iter().any(|(key, _)| key.get_ref() == required)
                    && let Some(key) = keys.iter().find(|key| key.name == required)
                {
                    self.problems.push(wrong(file.place(at), key, "missing"));
                }
            }
            if let Some(lines) = self.lists.get_mut(list) {
                lines.push(said);
            }
        }
    }

    fn table(
        &mut self,
        file: &File<'_>,
        table: &DeTable<'_>,
        keys: &[&'static Key],
    ) -> Vec<Setting> {
        let mut said = Vec::new();
        for (name, value) in table {
            let Some(key) = keys.iter().find(|key| key.name == name.get_ref().as_ref()) else {
                let names = keys.iter().map(|key| key.name);
                self.problems.push(unknown(file.place(name.span().start), name.get_ref(), names));
                continue;
            };
            let place = file.place(value.span().start);
            match literal(key.kind, value.get_ref()) {
                Some(text) if fits(key.kind, &text) => {
                    said.push(Setting { key, value: text, from: place });
                }
                Some(text) => self.problems.push(wrong(place, key, &text)),
                None => self.problems.push(wrong(place, key, value.get_ref().type_str())),
            }
        }
        said
    }

    fn environment(&mut self, environment: &[(String, String)]) {
        for (variable, value) in environment {
            let Some(path) = variable.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            let path = path.to_ascii_lowercase().replace("__", ".");
            self.say(&path, value, variable);
        }
    }

    fn flag(&mut self, path: &str, value: &str) {
        self.say(path, value, &format!("flag for {path}"));
    }

    fn say(&mut self, path: &str, value: &str, from: &str) {
        let of = |key: &&Key| path.split_once('.') == Some((key.section, key.name));
        let Some(key) = KEYS.iter().find(of) else {
            let names = KEYS.iter().map(|key| key.name);
            let name = path.rsplit('.').next().unwrap_or(path);
            return self.problems.push(unknown(from.to_owned(), name, names));
        };
        if fits(key.kind, value) {
            self.said.push(Setting { key, value: value.to_owned(), from: from.to_owned() });
        } else {
            self.problems.push(wrong(from.to_owned(), key, value));
        }
    }

    fn finish(self) -> Result<(Config, Settings), Vec<Problem>> {
        let in_force = |key: &'static Key| {
            let path = (key.section, key.name);
            let said = self.said.iter().rev();
            let said = said.clone().find(|setting| (setting.key.section, setting.key.name) == path);
            said.cloned().unwrap_or_else(|| Setting {
                key,
                value: key.default.to_owned(),
                from: "default".to_owned(),
            })
        };
        let values: Vec<_> = KEYS.iter().map(in_force).collect();
        let [serial, printers] = self.lists;
        let settings = Settings { values, serial, printers };
        let mut problems = self.problems;
        problems.extend(together::problems(&settings, &problems));
        let config = settings.config();
        if problems.is_empty() { Ok((config, settings)) } else { Err(problems) }
    }
}

struct File<'a> {
    name: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn place(&self, at: usize) -> String {
        place(self.name, self.text, at)
    }
}

/// File, line and column of a byte, both from 1, columns in characters.
fn place(name: &str, text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or("").chars().count().saturating_add(1);
    format!("{name}:{line}:{column}")
}

/// The text of a value whose TOML type suits its kind.
fn literal(kind: Kind, value: &DeValue<'_>) -> Option<String> {
    match kind {
        Kind::Switch => value.as_bool().map(|switch| switch.to_string()),
        Kind::Count(..) => value.as_integer().map(|number| number.as_str().to_owned()),
        Kind::Listen
        | Kind::Path
        | Kind::Text
        | Kind::Url
        | Kind::Broker
        | Kind::Uplink
        | Kind::Key
        | Kind::Name
        | Kind::Choice(_)
        | Kind::Names => value.as_str().map(str::to_owned),
    }
}

fn fits(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Listen => text.parse::<SocketAddr>().is_ok(),
        Kind::Path => !text.is_empty(),
        Kind::Text => true,
        Kind::Choice(words) => words.contains(&text),
        Kind::Url => is_url(text),
        Kind::Broker => broker_address(text).is_some(),
        Kind::Uplink => is_url(text) || broker_address(text).is_some(),
        Kind::Key => text.parse::<PublicKey>().is_ok(),
        Kind::Switch => matches!(text, "true" | "false"),
        Kind::Count(low, high) => {
            text.parse::<u64>().is_ok_and(|count| (low..=high).contains(&count))
        }
        Kind::Name => Id::<SiteKind>::new(text).is_ok(),
        Kind::Names => super::settings::names(text).all(|name| Id::<SiteKind>::new(name).is_ok()),
    }
}

/// With a host, and a port that can be one.
fn is_url(text: &str) -> bool {
    let by_http = text.starts_with("http://") || text.starts_with("https://");
    by_http && reqwest::Url::parse(text).is_ok_and(|url| url.has_host())
}

fn wrong(place: String, key: &Key, found: &str) -> Problem {
    let found = if key.secret { "a value that is not shown" } else { found };
    let quoted = matches!(key.kind, Kind::Switch | Kind::Count(..));
    let example = if quoted { key.example.to_owned() } else { format!("{:?}", key.example) };
    Problem {
        place,
        key: format!("{}.{}", key.section, key.name),
        found: format!("{found:?}"),
        expected: key.kind.expected(),
        example: format!("{} = {example}", key.name),
    }
}

fn unknown<'a>(place: String, name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Problem {
    let close = |candidate: &&str| strsim::jaro_winkler(candidate, name) >= SIMILAR_ENOUGH;
    let likeness = |left: &&str, right: &&str| {
        strsim::jaro_winkler(left, name).total_cmp(&strsim::jaro_winkler(right, name))
    };
    let meant = names.clone().filter(close).max_by(likeness);
    let mut all: Vec<_> = names.collect();
    all.dedup();
    let list = all.join(", ");
    let hint = meant.map_or_else(String::new, |meant| format!("{meant} (did you mean this?)"));
    Problem {
        place,
        key: name.to_owned(),
        found: "unknown key".to_owned(),
        expected: (format!("one of {list}"), format!("以下之一：{list}")),
        example: hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(file: &str) -> Sources {
        Sources { file: Some((PathBuf::from("x.toml"), file.to_owned())), ..Sources::default() }
    }

    #[track_caller]
    fn check(file: &str, expected: &[&str]) {
        let problems = read(&sources(file)).map(|_| ()).map_err(|problems| {
            let told = problems.iter().map(|problem| format!("{} {}", problem.place, problem.key));
            told.collect::<Vec<_>>()
        });
        let expected = if expected.is_empty() {
            Ok(())
        } else {
            Err(expected.iter().map(|&text| text.to_owned()).collect())
        };
        assert_eq!(problems, expected, "{file}");
    }

    #[test]
    fn nothing_said_is_the_default() {
        check("", &[]);
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        let file = "[http]\nlisten = \"8080\"\nlsten = 1\n\n[mqt]\nlisten = 2\n[mqtt]\npacket_max = \"9\"\n[[serial]]\nport = \"/dev/x\"\nbaud = 1\n";
        check(
            file,
            &[
                "x.toml:2:10 http.listen",
                "x.toml:3:1 lsten",
                "x.toml:5:2 mqt",
                "x.toml:8:14 mqtt.packet_max",
                "x.toml:11:8 serial.baud",
                "x.toml:9:1 serial.format",
                "x.toml:9:1 serial.device",
                "x.toml:9:1 serial.site",
            ],
        );
    }

    #[test]
    fn a_printer_has_its_line_site_and_bench_and_the_rest_by_default() {
        check("[[printer]]\nport = \"/dev/p\"\nbench = \"B1\"\n", &["x.toml:1:1 printer.site"]);
        check("[printer]\nport = \"/dev/p\"\n", &["x.toml:1:1 printer"]);
        let file = "[[printer]]\nport = \"/dev/p\"\nsite = \"V03\"\nbench = \"B1\"\n";
        let printers = read(&sources(file)).unwrap().0.printers;
        assert_eq!((printers.len(), printers[0].baud, printers[0].columns), (1, 9600, 32));
    }

    #[test]
    fn who_looked_is_kept_as_long_as_the_law_asks() {
        let days = |file: &str| read(&sources(file)).map(|(config, _)| config.audit_keep_days);
        assert_eq!(days(""), Ok(1096));
        assert_eq!(days("[audit]\nkeep_days = 180\n"), Ok(180));
        check("[audit]\nkeep_days = 179\n", &["x.toml:2:13 audit.keep_days"]);
    }

    #[test]
    fn broken_syntax_is_told_with_its_place_and_hides_no_later_mistake() {
        check(
            "[http]\nlisten = here\n[mqtt]\nx = 1\n",
            &["x.toml:2:10 syntax", "x.toml:2:10 http.listen", "x.toml:4:1 x"],
        );
    }

    #[test]
    fn a_close_spelling_is_offered() {
        let problems = read(&sources("[http]\nlsten = 1\n")).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.to_string().contains("listen (did you mean"))
        );
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let mut sources = sources("[http]\nlisten = \"127.0.0.1:1\"\n");
        let port = |sources: &Sources| read(sources).unwrap().0.http.listen.port();
        assert_eq!(port(&sources), 1);
        sources.environment.push(("XUNZHEN__HTTP__LISTEN".into(), "127.0.0.1:2".into()));
        assert_eq!(port(&sources), 2);
        sources.flags.push(("http.listen", "127.0.0.1:3".into()));
        assert_eq!(port(&sources), 3);
    }

    #[test]
    fn half_of_a_pair_and_half_a_wish_for_tls_are_told_at_their_lines() {
        check("[http]\ntls_key = \"k\"\n", &["x.toml:2:11 http.tls_key"]);
        check("[broker]\nurl = \"mqtts://b\"\n", &["x.toml:2:7 broker.url"]);
        check(
            "[broker]\nurl = \"mqtts://b\"\ntls_ca = \"c\"\ntls_certificate = \"d\"\n",
            &["x.toml:4:19 broker.tls_certificate"],
        );
        check(
            "[broker]\nurl = \"mqtt://b\"\ntls_ca = \"c\"\ntls_certificate = \"d\"\ntls_key = \"k\"\n",
            &[
                "x.toml:3:10 broker.tls_ca",
                "x.toml:4:19 broker.tls_certificate",
                "x.toml:5:11 broker.tls_key",
            ],
        );
        let full = "[broker]\nurl = \"mqtts://b\"\ntls_ca = \"c\"\ntls_certificate = \"d\"\ntls_key = \"k\"\n";
        check(full, &[]);
    }

    #[test]
    fn the_gateway_above_needs_its_key_and_a_token() {
        let key = "ed25519:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        let both = format!("parent_key = \"{key}\"\ntoken_file = \"t\"\n");
        check("[uplink]\nto = \"https://c\"\n", &[]);
        let half = "[uplink]\nto = \"https://c\"\ntoken_file = \"t\"\n";
        check(half, &["x.toml:2:6 uplink.to"]);
        check(&format!("[uplink]\nto = \"https://c\"\n{both}"), &[]);
        check(&format!("[uplink]\nto = \"mqtt://c:1883\"\n{both}"), &[]);
        check(&format!("[uplink]\nto = \"mqtts://c\"\n{both}"), &["x.toml:2:6 uplink.to"]);
        check(
            &format!("[uplink]\n{both}"),
            &["x.toml:2:14 uplink.parent_key", "x.toml:3:14 uplink.token_file"],
        );
        check(
            "[uplink]\nto = \"c\"\nparent_key = \"k\"\n",
            &["x.toml:3:14 uplink.parent_key", "x.toml:2:6 uplink.to"],
        );
        for wrong in
            ["http://", "https://x:99999", "https://:443", "http://a b", "mqtt://", "mqtt://c:0"]
        {
            check(&format!("[uplink]\nto = \"{wrong}\"\n{both}"), &["x.toml:2:6 uplink.to"]);
        }
        for right in
            ["https://c:8443/up", "http://[::1]:80", "https://中心.example", "mqtt://10.0.0.1"]
        {
            check(&format!("[uplink]\nto = \"{right}\"\n{both}"), &[]);
        }
        let file = format!("[uplink]\nto = \"mqtt://c\"\n{both}");
        let uplink = read(&sources(&file)).unwrap().0.uplink.unwrap();
        let way = super::super::Way::Mqtt { host: "c".to_owned(), port: 1883, tls: false };
        let by_hand = uplink.by_hand.unwrap();
        assert_eq!((uplink.way, by_hand.parent_key.to_string().as_str()), (way, key));
    }

    #[test]
    fn what_belongs_together_is_explained_with_an_example() {
        let problems = read(&sources("[broker]\nurl = \"mqtts://b\"\n")).unwrap_err();
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "x.toml:2:7: broker.url: mqtts:// without the certificate that vouches for the broker: expected broker.tls_ca with mqtts://, as tls_ca = \"/etc/xunzhen/broker-ca.pem\" / 应为mqtts:// 须设置 broker.tls_ca"
            ]
        );
    }

    #[test]
    fn a_broker_is_known_by_its_scheme_its_host_and_its_port() {
        let address = |url: &str| {
            let file = format!("[broker]\nurl = {url:?}\ntls_ca = \"c\"\n");
            let broker = read(&sources(&file)).ok().and_then(|(config, _)| config.broker);
            broker.map(|broker| (broker.host, broker.port))
        };
        assert_eq!(address("mqtts://b.example"), Some(("b.example".to_owned(), 8883)));
        assert_eq!(address("mqtts://b.example:9/"), Some(("b.example".to_owned(), 9)));
        for wrong in ["b.example:1883", "mqtts://", "mqtts://:1", "mqtts://b:0", "mqtts://b:x"] {
            assert_eq!(address(wrong), None, "{wrong}");
            let file = format!("[broker]\nurl = {wrong:?}\ntls_ca = \"c\"\n");
            check(&file, &["x.toml:2:7 broker.url"]);
        }
        let plain = read(&sources("[broker]\nurl = \"mqtt://b\"\n")).unwrap().0.broker.unwrap();
        assert_eq!((plain.port, plain.tls.is_none()), (1883, true));
    }

    #[test]
    fn a_serial_line_has_its_defaults() {
        let file = "[[serial]]\nport = \"/dev/a\"\nformat = \"raycome-rbp\"\ndevice = \"d\"\nsite = \"s\"\n";
        let (config, _) = read(&sources(file)).unwrap();
        assert_eq!(config.serial.first().map(|line| line.baud), Some(9600));
    }
}
