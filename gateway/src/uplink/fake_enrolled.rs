//! Fake gateways that were enrolled by a code.

use super::fake::{Fake, now};
use crate::{
    commit::{AccessDone, Work},
    domain::Millis,
    enrol::{BOX_DAYS, Enrolment, Serial},
    export::script::Scripted,
    secrets::Secret,
    store::{AccessChange, BoxChange},
};

impl Fake {
    /// Has it enrolled by a gateway above, with a certificate of so many days left; its number.
    pub(crate) fn enrol(&self, above: &Fake, days_left: i64) -> String {
        let at = now().plus(Millis::days(days_left - BOX_DAYS));
        let (who, serial) = ((&self.name, &self.key.public()), Serial::random().unwrap());
        let (certificate, kept) = above.office.certify(who, serial, (at, [7; 32])).unwrap();
        let authority = above.office.authority().unwrap();
        let enrolment = Enrolment {
            name: self.name.clone(),
            to: "https://centre.example".to_owned(),
            parent_key: above.key.public(),
            pin: authority.pin(),
            ca: authority.certificate().clone(),
            certificate,
            serial: kept.serial.to_string(),
            until: kept.until,
            said_at: at,
            token: Secret::new("xzt_token".to_owned()),
        };
        enrolment.write(self.folder.path()).unwrap();
        above.store.script().certificates.insert(self.name.clone(), kept);
        enrolment.serial
    }

    /// What it holds of its enrolment.
    pub(crate) fn enrolment(&self) -> Enrolment {
        Enrolment::found(self.folder.path()).unwrap().unwrap()
    }
}

/// Keeps a certificate as the writer does; other work is handed back.
pub(super) fn certify(work: Work, store: &Scripted) -> Option<Work> {
    let Work::Access { change, reply, .. } = work else { return Some(work) };
    let Some(AccessChange::Box(BoxChange::Certificate(made))) = change else {
        panic!("{change:?}")
    };
    store.script().certificates.insert(made.name.clone(), *made);
    reply.send(Ok(AccessDone::Now)).unwrap_or_default();
    None
}
