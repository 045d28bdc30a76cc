//! What values must be together: each fits its key, and the whole would still not do what it says.

use super::{
    read::Problem,
    settings::{Setting, Settings},
};

/// The two that only make sense together, and where they are missing from.
const PAIRS: [(&str, &str); 2] =
    [("http.tls_certificate", "http.tls_key"), ("broker.tls_certificate", "broker.tls_key")];

/// Keys that say something about TLS to the broker.
const BROKER_TLS: [&str; 3] = ["broker.tls_ca", "broker.tls_certificate", "broker.tls_key"];

/// What the gateway above is reached and known by.
const UPLINK: [&str; 3] = ["uplink.parent_key", "uplink.token_file", "uplink.tls_ca"];
/// Secrets that whoever tries a door tries first (ATTACKS A26).
const KNOWN_SECRETS: [&str; 14] = [
    "admin",
    "changeme",
    "default",
    "emqx",
    "guest",
    "mosquitto",
    "password",
    "public",
    "root",
    "secret",
    "test",
    "token",
    "xunzhen",
    "123456",
];

/// A secret that is none: the program does not start with it.
fn known_secrets(settings: &Settings) -> Vec<Problem> {
    let known = |setting: &&Setting| {
        setting.key.secret && KNOWN_SECRETS.contains(&setting.value.to_lowercase().as_str())
    };
    let told = settings.values.iter().filter(known).map(|setting| Problem {
        place: setting.from.clone(),
        key: format!("{}.{}", setting.key.section, setting.key.name),
        found: "a secret that everybody knows".to_owned(),
        expected: ("a secret of your own".to_owned(), "自行设置的密钥".to_owned()),
        example: "openssl rand -base64 24".to_owned(),
    });
    told.collect()
}

/// Every value in force that its neighbours make wrong, beside the problems that were found before.
pub(super) fn problems(settings: &Settings, found: &[Problem]) -> Vec<Problem> {
    let mut problems: Vec<_> =
        PAIRS.iter().filter_map(|&(one, other)| half_a_pair(settings, one, other)).collect();
    problems.extend(known_secrets(settings));
    // Of an address that cannot be read, nobody can say what it asks for.
    if found.iter().all(|problem| problem.key != "broker.url") {
        problems.extend(broker(settings));
    }
    if found.iter().all(|problem| !problem.key.starts_with("uplink.")) {
        problems.extend(uplink(settings));
    }
    problems
}

/// A gateway above is known by its key and lets us in by a token, or by an enrolment; without its address
/// neither does anything.
fn uplink(settings: &Settings) -> Vec<Problem> {
    let to = settings.setting("uplink.to").map_or("", |setting| setting.value.as_str());
    // An address alone is that of a gateway by which this one was enrolled.
    let by_hand = UPLINK.iter().any(|key| settings.said(key));
    let wants = |key: &&&str| match **key {
        "uplink.tls_ca" => by_hand && to.starts_with("mqtts://"),
        _ => by_hand && !to.is_empty(),
    };
    let lacks = UPLINK.iter().filter(wants).filter(|key| !settings.said(key)).filter_map(|key| {
        let expected = (format!("{key} as well"), format!("须同时设置 {key}"));
        problem(settings, "uplink.to", "stands alone", expected, example_of(settings, key))
    });
    let lacks: Vec<_> = lacks.collect();
    let idle = UPLINK.iter().filter(|key| to.is_empty() && settings.said(key)).filter_map(|key| {
        let expected = ("uplink.to as well".to_owned(), "须同时设置 uplink.to".to_owned());
        problem(settings, key, "stands alone", expected, example_of(settings, "uplink.to"))
    });
    lacks.into_iter().chain(idle).collect()
}

fn half_a_pair(settings: &Settings, one: &str, other: &str) -> Option<Problem> {
    let (said, missing) = match (settings.said(one), settings.said(other)) {
        (true, false) => (one, other),
        (false, true) => (other, one),
        (true, true) | (false, false) => return None,
    };
    let expected = (format!("{missing} as well"), format!("须同时设置 {missing}"));
    problem(settings, said, "stands alone", expected, example_of(settings, missing))
}

/// Encryption that is half asked for is not asked for: nobody may believe that it is there.
fn broker(settings: &Settings) -> Vec<Problem> {
    let tls = settings.config().broker.is_some_and(|broker| broker.tls.is_some());
    if tls && !settings.said("broker.tls_ca") {
        let expected =
            ("broker.tls_ca with mqtts://".to_owned(), "mqtts:// 须设置 broker.tls_ca".to_owned());
        let example = example_of(settings, "broker.tls_ca");
        let found = "mqtts:// without the certificate that vouches for the broker";
        return problem(settings, "broker.url", found, expected, example).into_iter().collect();
    }
    let idle = |key: &&&str| !tls && settings.said(key);
    let told = BROKER_TLS.iter().filter(idle).filter_map(|key| {
        let expected =
            ("an mqtts:// address in broker.url".to_owned(), "broker.url 为 mqtts://".to_owned());
        let example = "url = \"mqtts://broker.example:8883\"".to_owned();
        problem(settings, key, "has no effect without TLS", expected, example)
    });
    told.collect()
}

fn problem(
    settings: &Settings,
    path: &str,
    found: &str,
    expected: (String, String),
    example: String,
) -> Option<Problem> {
    let Setting { from, .. } = settings.setting(path)?;
    let (place, key, found) = (from.clone(), path.to_owned(), found.to_owned());
    Some(Problem { place, key, found, expected, example })
}

fn example_of(settings: &Settings, path: &str) -> String {
    let setting = settings.setting(path);
    setting.map_or_else(String::new, |of| format!("{} = {:?}", of.key.name, of.key.example))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::config::{Sources, read};

    #[track_caller]
    fn check(secret: &str, starts: bool) {
        let text = format!("[influx]\nurl = \"http://127.0.0.1:1\"\ntoken = \"{secret}\"\n");
        let file = Some((PathBuf::from("xunzhen.toml"), text));
        let told = read(&Sources { file, ..Sources::default() });
        assert_eq!(told.is_ok(), starts, "{secret}");
    }

    #[test]
    fn a_secret_that_everybody_knows_is_refused() {
        check("8mYw3JbWb0nq", true);
        check("changeme", false);
        check("Admin", false);
        check("123456", false);
    }
}
