//! What a source hands to admission, and who sent it.
//!
//! Rights are resolved when a sender logs in. They are words about topics, never patterns built
//! from what the sender wrote (ATTACKS 2.3, 2.4 CVE-2017-7650), and an empty list allows nothing.

use std::{fmt, sync::Arc};

use smol_str::SmolStr;

use super::{Item, Topic};
use crate::{
    domain::{BenchId, DeviceId, DoctorId, Road, SiteId, Timestamp},
    store::{Origin, Refused},
};

/// Characters of an unknown topic that are kept with its message.
const TOPIC_KEPT_MAX: usize = 200;

/// One message, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// By which road.
    pub road: Road,
    /// What its topic stands for.
    pub topic: &'a Topic,
    /// Its bytes.
    pub payload: &'a [u8],
    /// When the gateway had it.
    pub received_at: Timestamp,
    /// Who sent it.
    pub sender: &'a Identity,
    /// The sender wanted it retained; nothing is.
    pub retained: bool,
    /// The sender says that it may have sent it before.
    pub duplicate: bool,
}

/// The function that admits.
pub type Admit = Arc<dyn Fn(&Arrival<'_>) -> Vec<Item> + Send + Sync>;

/// Turns a message into items. Pure, quick, and never empty-handed: what it cannot use it refuses
/// or quarantines, with the reason.
#[derive(Clone)]
pub struct Admission {
    /// The function.
    pub admit: Admit,
}

impl Admission {
    /// Makes items of a message on a topic, whose name is kept where the contract does not have it.
    /// Never none: what admission leaves without a word is refused.
    pub(super) fn items(&self, name: &str, arrival: &Arrival<'_>) -> Vec<Item> {
        if matches!(arrival.topic, Topic::Unknown { .. }) {
            let name: String = name.chars().take(TOPIC_KEPT_MAX).collect();
            return vec![refuse(arrival, format!("unknown_topic: {}", name.escape_default()))];
        }
        let items = (self.admit)(arrival);
        // A frame may carry nobody's result; anything else has something to say.
        if items.is_empty() && !matches!(arrival.topic, Topic::Frame { .. }) {
            return vec![refuse(arrival, "nothing_in_it".to_owned())];
        }
        items
    }
}

fn refuse(arrival: &Arrival<'_>, reason: String) -> Item {
    let device = arrival.topic.device().map(Into::into);
    let origin = Origin { road: arrival.road, site: arrival.topic.site().cloned(), device };
    let (raw, received_at) = (arrival.payload.to_vec(), arrival.received_at);
    Item::Refused(Refused { reason, raw, origin, received_at })
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Admission")
    }
}

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user name of the log-in; what takes over a connection must bear the same.
    pub name: SmolStr,
    /// What it may publish and read.
    pub rights: Rights,
    /// The hash of the token by which it came, if it came by one.
    pub token: Option<[u8; 32]>,
}

/// The sites a sender is registered to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sites {
    /// Every site.
    Any,
    /// These; none, if it is empty.
    These(Arc<[SiteId]>),
}

impl Sites {
    /// Whether the site is among them.
    #[must_use]
    pub fn hold(&self, site: &SiteId) -> bool {
        match self {
            Self::Any => true,
            Self::These(sites) => sites.contains(site),
        }
    }
}

/// What somebody may publish and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// A device: its own segment, at its sites.
    Device {
        /// Which.
        device: DeviceId,
        /// Where it is registered.
        sites: Sites,
        /// The bench whose cards it may report, where it has one.
        bench: Option<BenchId>,
    },
    /// A gateway below this one: its own `up` and `down`, and its sites' topics.
    Gateway {
        /// Its name as a box.
        name: DeviceId,
        /// The sites it serves.
        sites: Sites,
    },
    /// A doctor's client: reads its own alerts, publishes nothing.
    Doctor(DoctorId),
    /// Reads live values, publishes nothing.
    Operator,
    /// Everything: `serve --dev`, and a broker of our own that has checked its senders itself.
    Anyone,
}

impl Rights {
    /// Whether a message on the topic is taken.
    #[must_use]
    pub fn may_publish(&self, topic: &Topic) -> bool {
        match (self, topic) {
            (Self::Anyone, Topic::Down { .. } | Topic::Alert { .. }) => false,
            (Self::Anyone, _) => true,
            (Self::Doctor(_) | Self::Operator, _) => false,
            (Self::Gateway { name, .. }, Topic::Up { gateway }) => name == gateway,
            (Self::Gateway { sites, .. }, _) => topic.site().is_some_and(|site| sites.hold(site)),
            (Self::Device { device, sites, bench }, _) => match topic {
                Topic::Reading { site, device: named }
                | Topic::Frame { site, device: named, .. }
                | Topic::Unknown { site: Some(site), device: Some(named) } => {
                    named == device && sites.hold(site)
                }
                Topic::Card { site, bench: named } => {
                    let own = bench.as_ref() == Some(named) || named.as_str() == device.as_str();
                    own && sites.hold(site)
                }
                Topic::State { .. }
                | Topic::Up { .. }
                | Topic::Down { .. }
                | Topic::Alert { .. }
                | Topic::Unknown { .. } => false,
            },
        }
    }

    /// Whether the alerts of a doctor may be read.
    #[must_use]
    pub fn may_read_alerts(&self, of: &DoctorId) -> bool {
        match self {
            Self::Doctor(doctor) => doctor == of,
            Self::Anyone => true,
            Self::Device { .. } | Self::Gateway { .. } | Self::Operator => false,
        }
    }

    /// Whether what comes down to a box may be read.
    #[must_use]
    pub fn may_read_down(&self, of: &DeviceId) -> bool {
        match self {
            Self::Gateway { name, .. } => name == of,
            Self::Anyone => true,
            Self::Device { .. } | Self::Doctor(_) | Self::Operator => false,
        }
    }

    /// Whether live values may be read, and wildcards be used.
    #[must_use]
    pub const fn may_read_live(&self) -> bool {
        matches!(self, Self::Anyone | Self::Operator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> Rights {
        let sites = Sites::These([SiteId::new("van").unwrap()].into());
        let bench = Some(BenchId::new("b1").unwrap());
        Rights::Device { device: DeviceId::new("cuff").unwrap(), sites, bench }
    }

    fn gateway() -> Rights {
        let sites = Sites::These([SiteId::new("van").unwrap()].into());
        Rights::Gateway { name: DeviceId::new("box").unwrap(), sites }
    }

    /// The only call to `may_publish`: which of device, gateway, doctor, operator, anyone may.
    #[track_caller]
    fn check(topic: &str, may: [bool; 5]) {
        let doctor = Rights::Doctor(DoctorId::new("DR1").unwrap());
        let all = [device(), gateway(), doctor, Rights::Operator, Rights::Anyone];
        let got = all.map(|rights| rights.may_publish(&Topic::read(topic)));
        assert_eq!(got, may, "{topic}");
    }

    #[test]
    fn a_sender_may_publish_only_its_own() {
        check("xz/1/van/cuff/reading", [true, true, false, false, true]);
        check("xz/1/van/cuff/frame/sinocare-sn", [true, true, false, false, true]);
        check("xz/1/van/cuff/other", [true, true, false, false, true]);
        check("xz/1/van/b1/card", [true, true, false, false, true]);
        check("xz/1/van/cuff/card", [true, true, false, false, true]);
        check("xz/1/van/b2/card", [false, true, false, false, true]);
        check("xz/1/van/state", [false, true, false, false, true]);
        check("xz/1/van/cuff2/reading", [false, true, false, false, true]);
        check("xz/1/clinic/cuff/reading", [false, false, false, false, true]);
        check("xz/1/clinic/state", [false, false, false, false, true]);
        check("xz/1/box/up", [false, true, false, false, true]);
        check("xz/1/cuff/up", [false, false, false, false, true]);
        check("xz/1/box/down", [false; 5]);
        check("xz/1/doctor/DR1/alert", [false; 5]);
        check("xz/2/van/cuff/reading", [false, false, false, false, true]);
        check("$SYS/broker", [false, false, false, false, true]);
    }

    #[test]
    fn no_sites_means_no_rights() {
        let device = DeviceId::new("cuff").unwrap();
        let nowhere = Rights::Device { device, sites: Sites::These([].into()), bench: None };
        assert!(!nowhere.may_publish(&Topic::read("xz/1/van/cuff/reading")));
    }
}
