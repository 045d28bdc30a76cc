//! Codes and certificates of boxes: kept whole, the latest of a box, and gone with a unit that is given
//! up.

use super::check;
use crate::store::{
    AccessChange, BoxCertificate, BoxChange, BoxCode, Change, CodeUsed,
    fixtures::{NOON, after_noon, id},
};

pub(super) fn code(name: &str, number: u8) -> BoxCode {
    BoxCode {
        name: id(name),
        hash: [number; 32],
        site: number.is_multiple_of(2).then(|| id("V1")),
        serves: (0..number % 3).map(|place| format!("村{place}|\"")).collect(),
        made_at: NOON,
        made_by: "operator".into(),
        until: after_noon(i64::from(number)),
        used: (number % 4 == 3).then(|| CodeUsed {
            at: after_noon(1),
            request: [number; 32],
            key: format!("ed25519:{number}"),
        }),
    }
}

pub(super) fn certificate(name: &str, number: u8) -> BoxCertificate {
    BoxCertificate {
        name: id(name),
        key: format!("ed25519:{number}"),
        serial: format!("{number:032x}").into(),
        issued_at: NOON,
        until: after_noon(i64::from(number)),
        token: [number; 32],
    }
}

pub(super) fn keep(code: BoxCode) -> Change {
    Change::Access(AccessChange::Box(BoxChange::Code(Box::new(code))))
}

pub(super) fn certify(made: BoxCertificate) -> Change {
    Change::Access(AccessChange::Box(BoxChange::Certificate(Box::new(made))))
}

#[test]
fn the_latest_code_and_certificate_of_a_box_are_kept_whole() {
    check(|store| {
        let reader = store.reader();
        let mut unit = store.begin(NOON).unwrap();
        let codes = (0..5).map(|number| keep(code(&format!("B{number}"), number)));
        unit.change(&codes.collect::<Vec<_>>()).unwrap();
        unit.change(&[certify(certificate("A1", 1)), certify(certificate("B3", 3))]).unwrap();
        unit.commit().unwrap();
        for number in 0..5 {
            let name = format!("B{number}");
            assert_eq!(reader.box_code(&id(&name)).unwrap(), Some(code(&name, number)));
        }
        assert_eq!(reader.box_code(&id("A1")).unwrap(), None);
        assert_eq!(reader.box_certificate(&id("B3")).unwrap(), Some(certificate("B3", 3)));
        let names = |after, limit| -> Vec<String> {
            reader.boxes(after, limit).unwrap().iter().map(ToString::to_string).collect()
        };
        assert_eq!(names("", 9), ["A1", "B0", "B1", "B2", "B3", "B4"]);
        assert_eq!(names("B0", 2), ["B1", "B2"]);
        let mut unit = store.begin(NOON).unwrap();
        unit.change(&[keep(code("B1", 7)), certify(certificate("B3", 9))]).unwrap();
        unit.commit().unwrap();
        assert_eq!(reader.box_code(&id("B1")).unwrap(), Some(code("B1", 7)));
        assert_eq!(reader.box_certificate(&id("B3")).unwrap(), Some(certificate("B3", 9)));
        let mut unit = store.begin(NOON).unwrap();
        unit.change(&[keep(code("B9", 9))]).unwrap();
        drop(unit);
        assert_eq!(reader.box_code(&id("B9")).unwrap(), None, "given up with its unit");
    });
}
