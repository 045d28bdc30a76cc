//! Files that this process may have open at once: every connection is one. What the system allows is asked
//! for at the start, and shared out so that connections can never take the files of the store.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::serve;

/// Kept for the store with its eight readers, the logs, serial lines, webhooks, the operator's door.
const KEPT: usize = 96;

/// Of what is left HTTP gets one in so many, up to what it takes at all: an operator and boxes get in
/// however many devices there are.
const PAGES_SHARE: usize = 2;

/// Connections of the operator's door.
pub(super) const DOOR_MAX: usize = 32;

/// How many files there are for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Files {
    /// That may be open at all.
    pub(super) all: usize,
    /// For connections by HTTP: pages, the interface, boxes.
    pub(super) pages: usize,
    /// For those of the MQTT listeners.
    pub(super) mqtt: usize,
}

impl Files {
    /// As the system allows now.
    pub(super) fn now() -> Self {
        Self::of(getrlimit(Resource::Nofile).current)
    }

    fn of(limit: Option<u64>) -> Self {
        let all = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let connections = all.saturating_sub(KEPT).max(2);
        let pages = (connections / PAGES_SHARE).clamp(1, serve::CONNECTIONS_MAX);
        Self { all, pages, mqtt: connections.saturating_sub(pages).min(MQTT_MOST) }
    }
}

/// More than the listeners take, half-open ones and others together.
const MQTT_MOST: usize = 1 << 20;

/// Asks the system for as many files as it gives, and says how many there are. `connections`: those of the
/// MQTT listeners that the configuration allows.
pub(super) fn raise(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let asked = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if let Err(error) = asked {
        warn!(%error, "the limit of open files stays as it is");
    }
    let files = Files::now();
    let shown =
        if files.all == usize::MAX { "unlimited".to_owned() } else { files.all.to_string() };
    let before = current.map_or_else(|| "unlimited".to_owned(), |before| before.to_string());
    info!(limit = shown, before, mqtt = files.mqtt, pages = files.pages, "files that may be open");
    if files.mqtt < connections {
        warn!(
            limit = shown,
            mqtt = files.mqtt,
            configured = connections,
            "fewer files than connections: raise the limit of open files (LimitNOFILE= of the service), \
             or lower mqtt.connections_max; connections beyond are refused / 可打开文件数不足，\
             超出的连接将被拒绝：请调高 LimitNOFILE 或调低 mqtt.connections_max"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many connections of devices and of pages a limit leaves.
    #[track_caller]
    fn check(limit: Option<u64>, mqtt: usize, pages: usize) {
        let files = Files::of(limit);
        assert_eq!((files.mqtt, files.pages), (mqtt, pages), "{limit:?}");
        if limit.is_some_and(|limit| limit > 98) {
            assert!(files.mqtt + files.pages + KEPT <= files.all, "{files:?}");
        }
    }

    #[test]
    fn connections_never_take_the_files_of_the_store() {
        check(Some(0), 1, 1);
        check(Some(256), 80, 80);
        check(Some(1024), 464, 464);
        check(Some(20_000), 17_856, 2_048);
        check(None, MQTT_MOST, 2_048);
    }
}
