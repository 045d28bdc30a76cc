//! The topics of the wire contract, version 1 (DESIGN section 9, MQTT).
//!
//! Reading a topic never fails: what the contract does not name is [`Topic::Unknown`], with the
//! site and the device it names, so that the sender's rights can still be judged and the delivery
//! can be kept.

use smol_str::SmolStr;

use crate::domain::{BenchId, DeviceId, DoctorId, SiteId};

/// Takes the place of a site in the topics of doctors, so no site may be called so.
const DOCTOR: &str = "doctor";

/// What a topic stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// `xz/1/{site}/{device}/reading`: one reading or an array of them, as JSON.
    Reading {
        /// Where.
        site: SiteId,
        /// Which device.
        device: DeviceId,
    },
    /// `xz/1/{site}/{device}/frame/{format}`: raw device bytes.
    Frame {
        /// Where.
        site: SiteId,
        /// Which device.
        device: DeviceId,
        /// The format's name, as `decode --list` has it.
        format: SmolStr,
    },
    /// `xz/1/{site}/{bench}/card`: a card was held to a reader.
    Card {
        /// Where.
        site: SiteId,
        /// At which bench.
        bench: BenchId,
    },
    /// `xz/1/{site}/state`: the site came or went.
    State {
        /// The site.
        site: SiteId,
    },
    /// `xz/1/{box}/up`: from a gateway to the next one up.
    Up {
        /// The box that sends.
        gateway: DeviceId,
    },
    /// `xz/1/{box}/down`: to a gateway from the next one up.
    Down {
        /// The box that receives.
        gateway: DeviceId,
    },
    /// `xz/1/doctor/{id}/alert`: to a doctor's client.
    Alert {
        /// The doctor.
        doctor: DoctorId,
    },
    /// A topic that the contract does not have.
    Unknown {
        /// The site, where it has one in its place.
        site: Option<SiteId>,
        /// The device or bench, where it has one in its place.
        device: Option<DeviceId>,
    },
}

impl Topic {
    /// Reads a topic name.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let Some(rest) = text.strip_prefix("xz/1/") else {
            return Self::Unknown { site: None, device: None };
        };
        // An empty level is nobody's: no rights follow from what stands beside it.
        if rest.split('/').any(str::is_empty) {
            return Self::Unknown { site: None, device: None };
        }
        let mut segments = rest.split('/');
        let (first, second) = (segments.next().unwrap_or_default(), segments.next());
        let (third, fourth) = (segments.next(), segments.next());
        let known = match (second, third, fourth, segments.next()) {
            (Some(last), None, ..) => Self::of_two(first, last),
            (Some(second), Some(last), None, _) => Self::of_three(first, second, last),
            (Some(second), Some("frame"), Some(format), None) => {
                Self::of_frame(first, second, format)
            }
            _ => None,
        };
        known.unwrap_or_else(|| Self::unknown(first, second))
    }

    /// The site that the topic names.
    #[must_use]
    pub const fn site(&self) -> Option<&SiteId> {
        match self {
            Self::Reading { site, .. }
            | Self::Frame { site, .. }
            | Self::Card { site, .. }
            | Self::State { site }
            | Self::Unknown { site: Some(site), .. } => Some(site),
            Self::Up { .. } | Self::Down { .. } | Self::Alert { .. } => None,
            Self::Unknown { site: None, .. } => None,
        }
    }

    /// The device, bench or box that the topic names, as written.
    #[must_use]
    pub fn device(&self) -> Option<&str> {
        match self {
            Self::Reading { device, .. }
            | Self::Frame { device, .. }
            | Self::Up { gateway: device }
            | Self::Down { gateway: device }
            | Self::Unknown { device: Some(device), .. } => Some(device.as_str()),
            Self::Card { bench, .. } => Some(bench.as_str()),
            Self::State { .. } | Self::Alert { .. } | Self::Unknown { device: None, .. } => None,
        }
    }

    fn of_two(first: &str, last: &str) -> Option<Self> {
        match last {
            "state" => Some(Self::State { site: site(first)? }),
            "up" => Some(Self::Up { gateway: gateway(first)? }),
            "down" => Some(Self::Down { gateway: gateway(first)? }),
            _ => None,
        }
    }

    fn of_three(first: &str, second: &str, last: &str) -> Option<Self> {
        match last {
            "alert" if first == DOCTOR => Some(Self::Alert { doctor: DoctorId::new(second).ok()? }),
            "reading" => {
                Some(Self::Reading { site: site(first)?, device: DeviceId::new(second).ok()? })
            }
            "card" => Some(Self::Card { site: site(first)?, bench: BenchId::new(second).ok()? }),
            _ => None,
        }
    }

    fn of_frame(first: &str, second: &str, format: &str) -> Option<Self> {
        // A format's name keeps to the alphabet of names.
        DeviceId::new(format).ok()?;
        let device = DeviceId::new(second).ok()?;
        Some(Self::Frame { site: site(first)?, device, format: SmolStr::new(format) })
    }

    fn unknown(first: &str, second: Option<&str>) -> Self {
        let site = site(first);
        let device = second.filter(|_| site.is_some()).and_then(|text| DeviceId::new(text).ok());
        Self::Unknown { site, device }
    }
}

fn site(text: &str) -> Option<SiteId> {
    SiteId::new(text).ok().filter(|site| site.as_str() != DOCTOR)
}

fn gateway(text: &str) -> Option<DeviceId> {
    DeviceId::new(text).ok().filter(|name| name.as_str() != DOCTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &Topic) {
        assert_eq!(&Topic::read(text), expected, "{text:?}");
    }

    #[track_caller]
    fn check_unknown(text: &str, site: Option<&str>, device: Option<&str>) {
        let site = site.map(|text| SiteId::new(text).unwrap());
        let device = device.map(|text| DeviceId::new(text).unwrap());
        check(text, &Topic::Unknown { site, device });
    }

    fn van() -> SiteId {
        SiteId::new("van-03").unwrap()
    }

    fn cuff() -> DeviceId {
        DeviceId::new("cuff.1").unwrap()
    }

    #[test]
    fn every_topic_of_the_contract_is_known() {
        check("xz/1/van-03/cuff.1/reading", &Topic::Reading { site: van(), device: cuff() });
        check(
            "xz/1/van-03/cuff.1/frame/sig-2a35",
            &Topic::Frame { site: van(), device: cuff(), format: "sig-2a35".into() },
        );
        let bench = BenchId::new("b1").unwrap();
        check("xz/1/van-03/b1/card", &Topic::Card { site: van(), bench });
        check("xz/1/van-03/state", &Topic::State { site: van() });
        check("xz/1/cuff.1/up", &Topic::Up { gateway: cuff() });
        check("xz/1/cuff.1/down", &Topic::Down { gateway: cuff() });
        check("xz/1/doctor/DR1/alert", &Topic::Alert { doctor: DoctorId::new("DR1").unwrap() });
    }

    #[test]
    fn doctor_is_no_site() {
        check_unknown("xz/1/doctor/cuff/reading", None, None);
        check_unknown("xz/1/doctor/b1/card", None, None);
        check_unknown("xz/1/doctor/state", None, None);
        check_unknown("xz/1/doctor/up", None, None);
        check_unknown("xz/1/doctor/d/frame/x", None, None);
    }

    #[test]
    fn an_unknown_topic_still_names_its_site_and_device() {
        check_unknown("xz/1/van/cuff/temperature", Some("van"), Some("cuff"));
        check_unknown("xz/1/van/cuff/frame", Some("van"), Some("cuff"));
        check_unknown("xz/1/van/cuff/frame/a/b", Some("van"), Some("cuff"));
        check_unknown("xz/1/van/cuff/frame/a b", Some("van"), Some("cuff"));
        check_unknown("xz/1/van/cuff/reading/", None, None);
        check_unknown("xz/1/van//reading", None, None);
        check_unknown("xz/1/van/", None, None);
        check_unknown("xz/1/van/cuff", Some("van"), Some("cuff"));
        check_unknown("xz/1/van", Some("van"), None);
        check_unknown("xz/1/van/DR1/alert", Some("van"), Some("DR1"));
        check_unknown("xz/1/村/cuff/reading", None, None);
        check_unknown("xz/1/van/村/reading", Some("van"), None);
    }

    #[test]
    fn other_trees_and_other_versions_are_foreign() {
        check_unknown("", None, None);
        check_unknown("xz", None, None);
        check_unknown("xz/1", None, None);
        check_unknown("xz/1/", None, None);
        check_unknown("xz/2/van/cuff/reading", None, None);
        check_unknown("/xz/1/van/cuff/reading", None, None);
        check_unknown("XZ/1/van/cuff/reading", None, None);
        check_unknown("$SYS/xz/1/van/cuff/reading", None, None);
        check_unknown("xz/1//cuff/reading", None, None);
        let long = format!("xz/1/{}/cuff/reading", "s".repeat(65));
        check_unknown(&long, None, None);
    }
}
