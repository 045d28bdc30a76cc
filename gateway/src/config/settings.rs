//! Values in force, and the typed configuration that they make.

use std::{net::SocketAddr, path::PathBuf};

use super::{
    Accounts, Broker, BrokerTls, ByHand, Config, Http, Influx, Mqtt, MqttTls, Oidc, Serial, Shadow,
    Store, Uplink, Way,
    keys::Key,
    lists::{PRINTER_KEYS, SERIAL_KEYS},
};
use crate::{commit::Trust, domain::Millis, secrets::Secret, slip::PrinterLine};

/// One value in force and where it came from.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) key: &'static Key,
    pub(super) value: String,
    pub(super) from: String,
}

/// All values in force, and the serial lines.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(super) values: Vec<Setting>,
    pub(super) serial: Vec<Vec<Setting>>,
    pub(super) printers: Vec<Vec<Setting>>,
}

impl Settings {
    pub(super) fn said(&self, path: &str) -> bool {
        !self.text(path).is_empty()
    }

    /// The value in force of a key, and where it came from.
    pub(super) fn setting(&self, path: &str) -> Option<&Setting> {
        let of = |setting: &&Setting| {
            path.split_once('.') == Some((setting.key.section, setting.key.name))
        };
        self.values.iter().find(of)
    }

    /// Whether a file says a password or a token.
    #[must_use]
    pub fn says_secrets(&self, file: &str) -> bool {
        let of_file =
            |from: &str| from.strip_prefix(file).is_some_and(|rest| rest.starts_with(':'));
        self.values.iter().any(|setting| {
            setting.key.secret && !setting.value.is_empty() && of_file(&setting.from)
        })
    }

    fn text(&self, path: &str) -> &str {
        self.setting(path).map_or("", |setting| setting.value.as_str())
    }

    fn optional(&self, path: &str) -> Option<String> {
        Some(self.text(path)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// A number that was checked when it was read.
    fn number<N: TryFrom<u64> + Default>(&self, path: &str) -> N {
        self.text(path)
            .parse()
            .ok()
            .and_then(|number: u64| N::try_from(number).ok())
            .unwrap_or_default()
    }

    fn listen(&self, path: &str) -> SocketAddr {
        self.text(path).parse().unwrap_or_else(|_checked| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    fn broker(&self) -> Option<Broker> {
        let path = |key| self.optional(key).map(PathBuf::from);
        let (scheme, host, port) = broker_address(self.text("broker.url"))?;
        let tls = (scheme == Scheme::Tls).then(|| BrokerTls {
            ca: path("broker.tls_ca").unwrap_or_default(),
            own: path("broker.tls_certificate").zip(path("broker.tls_key")),
        });
        let password = || Secret::new(self.text("broker.password").to_owned());
        Some(Broker {
            host: host.to_owned(),
            port,
            tls,
            client_id: self.text("broker.client_id").to_owned(),
            login: self.optional("broker.user").map(|user| (user, password())),
        })
    }

    fn uplink(&self) -> Option<Uplink> {
        let to = self.optional("uplink.to")?;
        let by_hand = self.said("uplink.parent_key").then(|| {
            Some(ByHand {
                // Where one is missing, that is a problem already told.
                parent_key: self.text("uplink.parent_key").parse().ok()?,
                token_file: PathBuf::from(self.text("uplink.token_file")),
                certificate: self.optional("uplink.tls_certificate").map(PathBuf::from),
                tls_ca: self.optional("uplink.tls_ca").map(PathBuf::from),
            })
        });
        Some(Uplink { way: way_to(&to), by_hand: by_hand.flatten(), to })
    }

    fn oidc(&self) -> Option<Oidc> {
        let path = |key| self.optional(key).map(PathBuf::from);
        Some(Oidc {
            issuer: self.optional("oidc.issuer")?,
            client_id: self.text("oidc.client_id").to_owned(),
            client_secret_file: path("oidc.client_secret_file"),
            claim: self.text("oidc.claim").to_owned(),
            believes_second_factor: self.text("oidc.second_factor") == "provider",
            acr: names(self.text("oidc.acr")).map(str::to_owned).collect(),
            tls_ca: path("oidc.tls_ca"),
        })
    }

    pub(super) fn config(&self) -> Config {
        let path = |key| self.optional(key).map(PathBuf::from);
        Config {
            http: Http {
                listen: self.listen("http.listen"),
                tls: path("http.tls_certificate").zip(path("http.tls_key")),
                public_url: self.optional("http.public_url"),
                forwarded: self.text("http.forwarded") == "true",
            },
            accounts: Accounts {
                separate_powers: self.text("accounts.separate_powers") == "true",
                second_factor: self.text("accounts.second_factor") != "optional",
            },
            oidc: self.oidc(),
            mqtt: Mqtt {
                listen: self.listen("mqtt.listen"),
                connections_max: self.number("mqtt.connections_max"),
                in_flight_max: self.number("mqtt.in_flight_max"),
                packet_max: self.number("mqtt.packet_max"),
                tls: self.said("mqtt.tls_listen").then(|| MqttTls {
                    listen: self.listen("mqtt.tls_listen"),
                    own: path("mqtt.tls_certificate").zip(path("mqtt.tls_key")),
                    box_ca: path("mqtt.box_ca"),
                    old_gear: self.text("mqtt.tls_min") == "1.2",
                    certificate_required: self.text("mqtt.client_certificate") != "optional",
                }),
            },
            broker: self.broker(),
            uplink: self.uplink(),
            uplink_silent_after: Millis::hours(self.number("uplink.silent_after_hours")),
            store: Store {
                dir: PathBuf::from(self.text("store.dir")),
                page_cache_bytes: self
                    .number::<u64>("store.page_cache_mib")
                    .saturating_mul(1 << 20),
                people_cached: self.number("store.people_cached"),
                identity_key_file: path("store.identity_key_file"),
            },
            audit_keep_days: self.number("audit.keep_days"),
            pack_file: path("pack.file"),
            shadow: path("pack.shadow").map(|pack_file| Shadow {
                pack_file,
                sites: names(self.text("pack.shadow_sites"))
                    .filter_map(|name| name.parse().ok())
                    .collect(),
            }),
            clock_trust: match self.text("clock.trust") {
                "always" => Trust::Always,
                _ => Trust::System,
            },
            notify_consent_required: self.text("notify.consent") == "required",
            notify_allow_private: self.text("notify.allow_private") == "true",
            influx: self.optional("influx.url").map(|url| Influx {
                url,
                org: self.text("influx.org").to_owned(),
                bucket: self.text("influx.bucket").to_owned(),
                token: Secret::new(self.text("influx.token").to_owned()),
            }),
            serial: self.serial.iter().filter_map(|line| serial(line)).collect(),
            printers: self.printers.iter().filter_map(|line| printer(line)).collect(),
        }
    }
}

/// How a broker is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Plain,
    Tls,
}

/// The ports of MQTT without and with TLS, as registered.
const PORT_PLAIN: u16 = 1883;
const PORT_TLS: u16 = 8883;

/// Scheme, host and port of a broker's address; the port may be left out.
pub(super) fn broker_address(url: &str) -> Option<(Scheme, &str, u16)> {
    let plain = url.strip_prefix("mqtt://").map(|rest| (Scheme::Plain, rest, PORT_PLAIN));
    let tls = || url.strip_prefix("mqtts://").map(|rest| (Scheme::Tls, rest, PORT_TLS));
    let (scheme, rest, usual) = plain.or_else(tls)?;
    let address = rest.trim_end_matches('/');
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|&port| port != 0)?),
        None => (address, usual),
    };
    (!host.is_empty()).then_some((scheme, host, port))
}

/// How the gateway above is spoken to at an address.
pub(super) fn way_to(to: &str) -> Way {
    match broker_address(to) {
        Some((scheme, host, port)) => {
            Way::Mqtt { host: host.to_owned(), port, tls: scheme == Scheme::Tls }
        }
        None => Way::Http,
    }
}

/// Names with commas between them, as checked when they were read.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// What a line says under a key, or the key's default.
fn said(line: &[Setting], keys: &[Key], name: &str) -> Option<String> {
    let setting = line.iter().find(|setting| setting.key.name == name);
    let default = keys.iter().find(|key| key.name == name).map(|key| key.default.to_owned());
    let said = setting.map(|setting| setting.value.clone());
    said.or(default).filter(|value| !value.is_empty())
}

/// A line whose values were checked; `None` where one is missing, which is a problem already told.
fn serial(line: &[Setting]) -> Option<Serial> {
    let said = |name: &str| said(line, SERIAL_KEYS, name);
    Some(Serial {
        port: PathBuf::from(said("port")?),
        format: said("format")?,
        model: said("model"),
        device: said("device")?.parse().ok()?,
        site: said("site")?.parse().ok()?,
        bench: said("bench").and_then(|bench| bench.parse().ok()),
        baud: said("baud")?.parse().ok()?,
        poll_every: None,
    })
}

/// A printer, in the same way.
fn printer(line: &[Setting]) -> Option<PrinterLine> {
    let said = |name: &str| said(line, PRINTER_KEYS, name);
    Some(PrinterLine {
        port: PathBuf::from(said("port")?),
        baud: said("baud")?.parse().ok()?,
        site: said("site")?.parse().ok()?,
        bench: said("bench")?.parse().ok()?,
        columns: said("columns")?.parse().ok()?,
    })
}
