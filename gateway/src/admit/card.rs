//! Card scans and presence as JSON (DESIGN section 9, MQTT).

use firmware_protocols::{Format, Selector, Value};
use serde_json::value::RawValue;
use smol_str::SmolStr;

use super::{
    Source,
    fields::{Fields, text},
    measured, refuse,
};
use crate::{
    domain::{BenchId, OpenedBy, Road, SiteId, Timestamp},
    intake::Item,
    store::{CardScan, Origin, Presence},
};

/// Longest number on a card, in characters; a longer one is noise of the reader.
pub const CARD_MAX: usize = 128;

/// Admits a card held to the reader of a bench: `{"card":"…","at":"…"?,"out":false?}`.
#[must_use]
pub fn card(
    payload: &[u8],
    road: Road,
    (site, bench): (&SiteId, &BenchId),
    received_at: Timestamp,
) -> Item {
    let read = || {
        let (card, at, out) = scan(payload)?;
        // A scan without a time is one that happens now: readers have no memory.
        let at = measured(at.as_deref(), received_at, true).at;
        let (site, bench) = (site.clone(), bench.clone());
        let opened_by = OpenedBy::Reader(None);
        Ok(CardScan { site, bench, card, person: None, at, received_at, out, opened_by })
    };
    let device = Some(SmolStr::new(bench.as_str()));
    read().map_or_else(
        |reason: String| {
            refuse(Origin { road, site: Some(site.clone()), device }, received_at, reason, payload)
        },
        Item::Card,
    )
}

fn scan(payload: &[u8]) -> Result<(String, Option<SmolStr>, bool), String> {
    let object: &RawValue =
        serde_json::from_slice(payload).map_err(|error| format!("json: {error}"))?;
    let mut fields = Fields::read(object).map_err(|error| format!("json: {error}"))?;
    let card = fields.text("card")?.ok_or("card: missing")?.trim().to_owned();
    if card.is_empty() || card.chars().count() > CARD_MAX {
        return Err(format!("card: expected 1 to {CARD_MAX} characters"));
    }
    let at = fields.text("at")?.map(SmolStr::from);
    let out = match fields.take("out").map(RawValue::get) {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err("out: expected true or false".to_owned()),
    };
    Ok((card, at, out))
}

/// Admits a frame of a reader that types or speaks itself; `None` for one that tells no card.
#[must_use]
pub fn read_card(format: &Format, bytes: &[u8], source: &Source<'_>) -> Option<Item> {
    let mut card: Option<String> = None;
    let mut fields = |name: &'static str, value: Value<'_>| {
        if let ("card", Value::Text(text)) = (name, value) {
            card = Some(text.to_owned());
        }
    };
    if let Err(error) = format.decode(bytes, Selector::default(), &mut fields) {
        return Some(source.refuse(error.name(), kept(format, bytes)));
    }
    let card = card?;
    if card.chars().count() > CARD_MAX {
        let reason = format!("card: expected 1 to {CARD_MAX} characters");
        return Some(source.refuse(reason, kept(format, bytes)));
    }
    let Some(bench) = source.bench else {
        return Some(source.refuse("card: the reader stands at no bench", kept(format, bytes)));
    };
    let (site, bench) = (source.site.clone(), bench.clone());
    let (at, received_at) = (source.received_at, source.received_at);
    let (person, out) = (None, false);
    let opened_by = OpenedBy::Reader(Some(source.device.clone()));
    Some(Item::Card(CardScan { site, bench, card, person, at, received_at, out, opened_by }))
}

/// What may be kept of a frame that cannot be used: of an identity card, neither name nor face.
fn kept<'b>(format: &Format, bytes: &'b [u8]) -> &'b [u8] {
    const HEADER_AND_STATE: usize = 10;
    let personal = format.name == firmware_protocols::resident_id::FORMAT.name;
    let length = if personal { HEADER_AND_STATE.min(bytes.len()) } else { bytes.len() };
    bytes.get(..length).unwrap_or_default()
}

/// Admits what a site says of itself: `{"online":true,…}`, or the words `online` and `offline`.
#[must_use]
pub fn presence(payload: &[u8], road: Road, site: &SiteId, received_at: Timestamp) -> Item {
    let origin = Origin { road, site: Some(site.clone()), device: None };
    let (online, detail) = match payload {
        b"online" => (true, None),
        b"offline" => (false, None),
        _ => match state(payload) {
            Ok(online) => (online, std::str::from_utf8(payload).ok().map(str::to_owned)),
            Err(reason) => return refuse(origin, received_at, reason, payload),
        },
    };
    Item::Presence(Presence { site: site.clone(), online, detail, at: received_at })
}

fn state(payload: &[u8]) -> Result<bool, String> {
    let object: &RawValue =
        serde_json::from_slice(payload).map_err(|error| format!("json: {error}"))?;
    let mut fields = Fields::read(object).map_err(|error| format!("json: {error}"))?;
    match (fields.take("online").map(RawValue::get), fields.take("state").and_then(text).as_deref())
    {
        (Some("true"), _) | (None, Some("online")) => Ok(true),
        (Some("false"), _) | (None, Some("offline")) => Ok(false),
        _ => Err("online: expected true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: &str = "2026-03-02T07:12:00+08:00";

    fn received() -> Timestamp {
        Timestamp::parse(RECEIVED).unwrap()
    }

    #[track_caller]
    fn check_card(payload: &str, expected: Result<(&str, &str, bool), &str>) {
        let place = (&SiteId::new("V03").unwrap(), &BenchId::new("B1").unwrap());
        let told = match card(payload.as_bytes(), Road::Mqtt, place, received()) {
            Item::Card(scan) => Ok((scan.card, scan.at.to_string(), scan.out)),
            Item::Refused(refused) => Err(refused.reason),
            Item::Reading(_)
            | Item::Quarantined(_)
            | Item::Unnumbered(_)
            | Item::Event(_)
            | Item::Presence(_)
            | Item::Context(_) => {
                panic!("no card")
            }
        };
        let expected = expected
            .map(|(card, at, out)| (card.to_owned(), at.to_owned(), out))
            .map_err(str::to_owned);
        assert_eq!(told, expected, "{payload}");
    }

    #[test]
    fn a_scan_is_a_card_a_time_and_a_direction() {
        check_card(r#"{"card":"6217"}"#, Ok(("6217", RECEIVED, false)));
        check_card(
            r#"{"card":" 6217\n","at":"2026-03-02T07:05:00","out":true}"#,
            Ok(("6217", "2026-03-02T07:05:00+08:00", true)),
        );
        check_card(r#"{"card":"6217","at":"2014-01-01T00:00:09"}"#, Ok(("6217", RECEIVED, false)));
    }

    #[test]
    fn a_scan_without_a_card_is_refused() {
        check_card("{}", Err("card: missing"));
        check_card(r#"{"card":""}"#, Err("card: expected 1 to 128 characters"));
        check_card(r#"{"card":1}"#, Err("card: expected a text"));
        check_card(r#"{"card":"1","out":"yes"}"#, Err("out: expected true or false"));
    }

    #[track_caller]
    fn check_read(format: &str, bytes: &[u8], bench: Option<&str>, expected: Option<&str>) {
        let (site, device) = (SiteId::new("V03").unwrap(), "reader-1".parse().unwrap());
        let bench = bench.map(|bench| BenchId::new(bench).unwrap());
        let source = Source {
            road: Road::Serial,
            site: &site,
            device: &device,
            bench: bench.as_ref(),
            model: None,
            received_at: received(),
            live: true,
        };
        let format = firmware_protocols::format(format).unwrap();
        let told = read_card(format, bytes, &source).map(|item| match item {
            Item::Card(scan) => format!("{} {}", scan.card, scan.at),
            Item::Refused(refused) => format!("refused {}", refused.reason),
            Item::Reading(_)
            | Item::Quarantined(_)
            | Item::Unnumbered(_)
            | Item::Event(_)
            | Item::Presence(_)
            | Item::Context(_) => panic!("no card"),
        });
        assert_eq!(told.as_deref(), expected, "{bytes:?}");
    }

    #[test]
    fn a_reader_that_types_tells_a_card_a_line() {
        let told = format!("621700000001 {RECEIVED}");
        check_read("card-line", b"621700000001\r", Some("B1"), Some(&told));
        check_read("card-line", b"\n", Some("B1"), None);
        check_read("card-line", &[b'1'; 200], Some("B1"), Some("refused bad_terminator"));
        check_read("card-line", b"\xFF\r", Some("B1"), Some("refused bad_format"));
        let nowhere = "refused card: the reader stands at no bench";
        check_read("card-line", b"621700000001\r", None, Some(nowhere));
    }

    #[track_caller]
    fn check_presence(payload: &str, expected: Option<bool>) {
        let site = SiteId::new("V03").unwrap();
        let item = presence(payload.as_bytes(), Road::Mqtt, &site, received());
        let told = if let Item::Presence(presence) = item { Some(presence.online) } else { None };
        assert_eq!(told, expected, "{payload}");
    }

    #[test]
    fn a_site_says_whether_it_is_there() {
        check_presence("online", Some(true));
        check_presence("offline", Some(false));
        check_presence(r#"{"online":false}"#, Some(false));
        check_presence(r#"{"state":"online","battery":80}"#, Some(true));
        check_presence(r#"{"online":"perhaps"}"#, None);
        check_presence("", None);
    }
}
