//! What values must be together: each fits its key, and the whole would still not do what it says.

use super::{
    read::Problem,
    settings::{Setting, Settings},
};

/// The two that only make sense together, and where they are missing from.
const PAIRS: [(&str, &str); 3] = [
    ("http.tls_certificate", "http.tls_key"),
    ("mqtt.tls_certificate", "mqtt.tls_key"),
    ("broker.tls_certificate", "broker.tls_key"),
];

/// Keys that say something about the listener with TLS.
const MQTT_TLS: [&str; 3] = ["mqtt.tls_certificate", "mqtt.tls_key", "mqtt.box_ca"];

/// Keys that say something about TLS to the broker.
const BROKER_TLS: [&str; 3] = ["broker.tls_ca", "broker.tls_certificate", "broker.tls_key"];

/// What the gateway above is reached and known by.
const UPLINK: [&str; 3] = ["uplink.parent_key", "uplink.token_file", "uplink.tls_ca"];

/// What means nothing without an identity provider.
const OIDC: [&str; 4] = ["oidc.client_id", "oidc.client_secret_file", "oidc.acr", "oidc.tls_ca"];

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

/// Whether a secret is one that everybody knows.
#[must_use]
pub fn is_known_secret(secret: &str) -> bool {
    KNOWN_SECRETS.contains(&secret.to_lowercase().as_str())
}

/// A secret that is none: the program does not start with it.
fn known_secrets(settings: &Settings) -> Vec<Problem> {
    let known = |setting: &&Setting| setting.key.secret && is_known_secret(&setting.value);
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
    problems.extend(listener(settings));
    problems.extend(certificate(settings));
    if found.iter().all(|problem| problem.key != "oidc.issuer" && problem.key != "http.public_url")
    {
        problems.extend(oidc(settings));
    }
    problems
}

/// A box shows its certificate to whom it knows, and to nobody else: by TLS, and by an authority that is
/// said.
fn certificate(settings: &Settings) -> Option<Problem> {
    let to = settings.setting("uplink.to").map_or("", |setting| setting.value.as_str());
    let (key, certified) = ("uplink.tls_certificate", settings.said("uplink.tls_certificate"));
    let tls = to.starts_with("mqtts://") || to.starts_with("https://");
    let lacks = match (certified, tls, settings.said("uplink.tls_ca")) {
        (false, ..) | (true, true, true) => return None,
        (true, false, _) => "uplink.to",
        (true, true, false) => "uplink.tls_ca",
    };
    let expected = (format!("{lacks} with TLS as well"), format!("须同时设置 {lacks}（TLS）"));
    problem(settings, key, "stands alone", expected, example_of(settings, lacks))
}

/// What is said about TLS has an effect only where somebody listens for it.
fn listener(settings: &Settings) -> Vec<Problem> {
    let idle = |key: &&&str| !settings.said("mqtt.tls_listen") && settings.said(key);
    let told = MQTT_TLS.iter().filter(idle).filter_map(|key| {
        let expected =
            ("mqtt.tls_listen as well".to_owned(), "须同时设置 mqtt.tls_listen".to_owned());
        problem(settings, key, "stands alone", expected, example_of(settings, "mqtt.tls_listen"))
    });
    told.collect()
}

/// A provider knows us by a name and sends people back to an address that it knows. Both ways are
/// encrypted, unless they never leave this machine.
fn oidc(settings: &Settings) -> Vec<Problem> {
    let value = |path| settings.setting(path).map_or("", |setting| setting.value.as_str());
    if value("oidc.issuer").is_empty() {
        let idle = OIDC.iter().filter(|key| settings.said(key)).filter_map(|key| {
            let expected = ("oidc.issuer as well".to_owned(), "须同时设置 oidc.issuer".to_owned());
            problem(settings, key, "stands alone", expected, example_of(settings, "oidc.issuer"))
        });
        return idle.collect();
    }
    let lacks = ["oidc.client_id", "http.public_url"].into_iter().filter(|key| !settings.said(key));
    let lacks = lacks.filter_map(|key| {
        let expected = (format!("{key} as well"), format!("须同时设置 {key}"));
        problem(settings, "oidc.issuer", "stands alone", expected, example_of(settings, key))
    });
    let open = ["oidc.issuer", "http.public_url"].into_iter().filter(|key| {
        let url = value(key);
        !url.is_empty() && !url.starts_with("https://") && !is_at_home(url)
    });
    let open = open.filter_map(|key| {
        let expected = ("an https:// address".to_owned(), "https:// 地址".to_owned());
        problem(settings, key, "not encrypted", expected, example_of(settings, key))
    });
    lacks.chain(open).collect()
}

/// Whether an address without TLS never leaves this machine.
fn is_at_home(url: &str) -> bool {
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let name =
        if host.ends_with(']') { host } else { host.rsplit_once(':').map_or(host, |it| it.0) };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
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

    /// The keys that a file is wrong about.
    #[track_caller]
    fn check_keys(text: &str, expected: &[&str]) {
        let file = Some((PathBuf::from("xunzhen.toml"), text.to_owned()));
        let told = read(&Sources { file, ..Sources::default() });
        let keys = |problem: &crate::config::Problem| problem.key.clone();
        let told: Vec<_> = told.err().iter().flatten().map(keys).collect();
        assert_eq!(told, expected, "{text}");
    }

    /// What is wrong with the settings of a provider.
    #[track_caller]
    fn check_oidc(text: &str, expected: &[&str]) {
        let file = Some((PathBuf::from("x"), text.to_owned()));
        let told = read(&Sources { file, ..Sources::default() }).err().unwrap_or_default();
        let told: Vec<String> = told.iter().map(|it| format!("{}: {}", it.key, it.found)).collect();
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn tls_of_the_listener_is_said_as_a_whole() {
        check_keys("[mqtt]\ntls_listen = \"127.0.0.1:0\"\n", &[]);
        check_keys("[mqtt]\nbox_ca = \"c\"\n", &["mqtt.box_ca"]);
        let half = "[mqtt]\ntls_listen = \"127.0.0.1:0\"\ntls_key = \"k\"\n";
        check_keys(half, &["mqtt.tls_key"]);
        check_keys("[mqtt]\ntls_min = \"1.1\"\n", &["mqtt.tls_min"]);
        check_keys("[mqtt]\nclient_certificate = \"no\"\n", &["mqtt.client_certificate"]);
    }

    #[test]
    fn a_box_shows_its_certificate_to_whom_it_knows_and_over_tls() {
        let key = "ed25519:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
        let uplink = |to: &str, rest: &str| {
            format!(
                "[uplink]\nto = \"{to}\"\nparent_key = \"{key}\"\ntls_certificate = \"b\"\n{rest}"
            )
        };
        let both = "tls_ca = \"c\"\ntoken_file = \"t\"\n";
        check_keys(&uplink("mqtts://c", both), &[]);
        check_keys(&uplink("https://c", both), &[]);
        check_keys(&uplink("http://c", both), &["uplink.tls_certificate"]);
        let token = "token_file = \"t\"\n";
        check_keys(&uplink("https://c", token), &["uplink.tls_certificate"]);
        check_keys("[uplink]\ntls_certificate = \"b\"\n", &["uplink.tls_certificate"]);
    }

    #[test]
    fn a_provider_needs_a_name_for_us_a_way_back_and_tls() {
        let whole = "[http]\npublic_url = \"https://gw.example\"\n[oidc]\n\
                     issuer = \"https://id.example/realms/a\"\nclient_id = \"us\"\n";
        check_oidc(whole, &[]);
        check_oidc(&whole.replace("https://gw.example", "http://127.0.0.1:8080"), &[]);
        check_oidc(&whole.replace("https://id.example", "http://localhost:8080"), &[]);
        check_oidc(&whole.replace("https://id", "http://id"), &["oidc.issuer: not encrypted"]);
        let open = whole.replace("https://gw", "http://gw");
        check_oidc(&open, &["http.public_url: not encrypted"]);
        let near = whole.replace("https://gw.example", "http://127.0.0.1.gw.example");
        check_oidc(&near, &["http.public_url: not encrypted"]);
        let alone = "[oidc]\nissuer = \"https://id.example\"\n";
        check_oidc(alone, &["oidc.issuer: stands alone", "oidc.issuer: stands alone"]);
        check_oidc("[oidc]\nclient_id = \"us\"\n", &["oidc.client_id: stands alone"]);
    }

    #[test]
    fn a_secret_that_everybody_knows_is_refused() {
        check("8mYw3JbWb0nq", true);
        check("changeme", false);
        check("Admin", false);
        check("123456", false);
    }
}
