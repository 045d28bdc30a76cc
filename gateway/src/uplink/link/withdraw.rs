//! A box that was withdrawn has nothing left here that would go down to it.

use super::upper::Upper;
use crate::{
    domain::BoxId,
    uplink::{batch::Code, status::raise},
};

impl Upper {
    /// Lets go of what waits for a box, and says on every page that it is withdrawn, where it was heard.
    pub fn withdraw(&self, name: &BoxId) {
        self.rosters.forget(name);
        if self.status().below().iter().any(|(known, _)| known == name) {
            let now = self.parts.clock.now();
            self.parts
                .status
                .change_below(name, |below| raise(&mut below.alarm, Code::Revoked, now));
        }
    }
}
