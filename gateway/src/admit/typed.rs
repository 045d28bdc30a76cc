//! Values that somebody types because a device failed: readings without a device, marked as such.
//!
//! They stand under a name of their own at each site, which no device has, and their id is made of
//! the request that brought them, so that the same request again is the same reading and two people
//! typed alike in one minute are two.

use serde_json::value::RawValue;

use super::{ReadOut, Source, fields::Fields, json};
use crate::{
    domain::{BenchId, DeviceId, Numbering, Road, SiteId, Timestamp, content_digest, reading_id},
    intake::Item,
};

/// What the names begin with under which typed values stand at their site.
pub const TYPED: &str = "typed.";

/// Where a typed value was taken.
pub(super) struct Place {
    pub(super) site: SiteId,
    pub(super) bench: Option<BenchId>,
}

/// Whether an object says that somebody typed it.
#[must_use]
pub fn is_typed(object: &RawValue) -> bool {
    let fields = Fields::read(object);
    let source = fields.ok().and_then(|mut fields| fields.text("source").ok().flatten());
    source.is_some_and(|source| source == "typed")
}

/// Where a typed object says that it was taken.
pub(super) fn place(object: &RawValue) -> Result<Place, String> {
    let mut fields = Fields::read(object).map_err(|error| format!("json: {error}"))?;
    if fields.take("device").is_some() {
        return Err("device: a typed value has none".to_owned());
    }
    if fields.take("seq").is_some() || fields.take("epoch").is_some() {
        return Err("seq: a typed value has none".to_owned());
    }
    let site = fields.text("site")?.ok_or("site: missing")?;
    let bench = fields.text("bench")?;
    if bench.is_none() && fields.take("person").is_none() {
        return Err("person: a typed value names its person, or its bench".to_owned());
    }
    let bench = bench.map(|bench| BenchId::new(&bench).map_err(|error| format!("bench: {error}")));
    Ok(Place {
        site: SiteId::new(&site).map_err(|error| format!("site: {error}"))?,
        bench: bench.transpose()?,
    })
}

/// Admits one typed object of a request.
pub(super) fn one(
    object: &RawValue,
    place: &Place,
    received_at: Timestamp,
    request: Option<(String, u32)>,
) -> Item {
    // A site's own name may be as long as any: what does not fit is cut, and still no device's.
    let name: String = format!("{TYPED}{}", place.site).chars().take(64).collect();
    let refused = |reason: String| {
        let origin = crate::store::Origin { road: Road::Typed, site: None, device: None };
        super::refuse(origin, received_at, reason, object.get().as_bytes())
    };
    let device = match DeviceId::new(&name) {
        Ok(device) => device,
        Err(error) => return refused(format!("site: {error}")),
    };
    let Some((key, position)) = request else {
        return refused("Idempotency-Key: a typed value needs one".to_owned());
    };
    let source = Source {
        road: Road::Typed,
        site: &place.site,
        device: &device,
        bench: place.bench.as_ref(),
        model: None,
        received_at,
        live: true,
    };
    let mut item = json::one(object, &source, &mut ReadOut::default());
    if let Item::Reading(reading) = &mut item {
        let stated = reading.device_time.as_deref();
        let content = content_digest(&reading.measurement, stated, &reading.remarks);
        let key = format!("{key} {content}");
        let numbering = Numbering::Request { key: &key, position };
        reading.id = reading_id(&device, numbering, &reading.measurement);
        reading.unnumbered = false;
    }
    item
}

#[cfg(test)]
mod tests {
    use crate::{
        admit::posted,
        domain::{Grade, Reading, Road, Timestamp},
        intake::Item,
    };

    const TYPED: &str = r#"{"kind":"blood_pressure","source":"typed","site":"V01","bench":"B1",
        "person":"P1","systolic":150,"diastolic":90,"unit":"mmHg"}"#;

    fn admit(body: &str, key: Option<&str>) -> Vec<Item> {
        let at = Timestamp::parse("2026-03-02T07:10:00+08:00").unwrap();
        posted(body.as_bytes(), at, key)
    }

    #[track_caller]
    fn reading(body: &str, key: &str) -> Reading {
        let item = admit(body, Some(key)).remove(0);
        let Item::Reading(reading) = item else { panic!("{item:?}") };
        *reading
    }

    #[test]
    fn a_typed_value_stands_under_the_site_s_own_name_and_is_taken_when_it_comes() {
        let typed = reading(TYPED, "k1");
        assert_eq!((typed.road, typed.device.as_str()), (Road::Typed, "typed.V01"));
        assert_eq!(typed.bench.as_ref().map(crate::domain::BenchId::as_str), Some("B1"));
        assert_eq!((typed.measured.grade, typed.unnumbered), (Grade::A, false));
        assert_eq!((typed.sequence, typed.remarks.attributes), (None, None));
    }

    #[test]
    fn its_id_is_the_request_s_and_not_its_time_s() {
        let first = reading(TYPED, "k1");
        assert_eq!(first.id, reading(TYPED, "k1").id);
        assert_ne!(first.id, reading(TYPED, "k2").id);
        assert_ne!(first.id, reading(&TYPED.replace("P1", "P2"), "k1").id);
        let timed = TYPED.replace("\"person\"", "\"measured_at\":\"2026-03-02T07:08\",\"person\"");
        assert_ne!(reading(&timed, "k1").id, reading(&timed, "k2").id);
        let both = admit(&format!("[{TYPED},{TYPED}]"), Some("k1"));
        let ids: Vec<_> = both
            .iter()
            .map(|item| if let Item::Reading(it) = item { it.id } else { panic!("{item:?}") })
            .collect();
        assert_ne!(ids[0], ids[1]);
    }

    #[track_caller]
    fn check_refused(body: &str, key: Option<&str>, why: &str) {
        let item = admit(body, key).remove(0);
        let Item::Refused(refused) = item else { panic!("{item:?}") };
        assert!(refused.reason.starts_with(why), "{refused:?}");
    }

    #[test]
    fn a_typed_value_that_speaks_for_a_device_or_for_nobody_is_refused() {
        check_refused(TYPED, None, "Idempotency-Key");
        check_refused(&TYPED.replace("\"bench\":\"B1\"", "\"device\":\"D1\""), Some("k"), "device");
        check_refused(&TYPED.replace("\"bench\":\"B1\"", "\"seq\":7"), Some("k"), "seq");
        let nobody = TYPED.replace("\"bench\":\"B1\",", "").replace("\"person\":\"P1\",", "");
        check_refused(&nobody, Some("k"), "person");
        check_refused(&TYPED.replace("\"site\":\"V01\",", ""), Some("k"), "site");
    }
}
