//! Live values: what was just committed, for screens that watch. Never slows intake.

use std::{pin::pin, sync::Arc};

use bytes::Bytes;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{limits::LIVE_FILTERS_MAX, metrics::MqttMetrics};

/// A committed publish.
#[derive(Debug)]
pub(super) struct LiveValue {
    /// Its topic.
    pub(super) topic: String,
    /// Its payload.
    pub(super) payload: Bytes,
}

/// One connection's view of the live values.
#[derive(Debug)]
pub(super) struct LiveView {
    values: Receiver<Arc<LiveValue>>,
    filters: Vec<String>,
}

impl LiveView {
    pub(super) const fn new(values: Receiver<Arc<LiveValue>>) -> Self {
        Self { values, filters: Vec::new() }
    }

    /// Adds a filter; `false` if there are too many.
    pub(super) fn add(&mut self, filter: String) -> bool {
        let known = self.filters.contains(&filter);
        if !known && self.filters.len() < LIVE_FILTERS_MAX {
            self.filters.push(filter);
            return true;
        }
        known
    }

    /// Takes a filter away; `false` if it was not there.
    pub(super) fn remove(&mut self, filter: &str) -> bool {
        let before = self.filters.len();
        self.filters.retain(|known| known != filter);
        self.filters.len() < before
    }

    /// Whether it watches nothing any more.
    pub(super) const fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// The next value that a filter lets through.
    pub(super) async fn next(&mut self, metrics: &MqttMetrics) -> Arc<LiveValue> {
        loop {
            let received = pin!(self.values.recv()).await;
            match received {
                Ok(value) if self.filters.iter().any(|filter| matches(filter, &value.topic)) => {
                    return value;
                }
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => metrics.live_skipped.add(missed),
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

/// Whether a filter lets a topic through. Both are well-formed.
pub(super) fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(filter: &str, topic: &str, expected: bool) {
        assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
    }

    #[test]
    fn filters_match_level_by_level() {
        check("xz/1/+/+/reading", "xz/1/van/cuff/reading", true);
        check("xz/1/+/+/reading", "xz/1/van/cuff/frame", false);
        check("xz/1/+/+/reading", "xz/1/van/cuff/reading/x", false);
        check("xz/1/+/reading", "xz/1/van/cuff/reading", false);
        check("xz/1/#", "xz/1/van/cuff/reading", true);
        check("xz/1/#", "xz/1", true);
        check("xz/1/#", "xz/2/van", false);
        check("#", "xz/1/van", true);
        check("#", "$SYS/x", false);
        check("+/x", "$SYS/x", false);
        check("$SYS/#", "$SYS/x", true);
        check("xz/1/van/cuff/reading", "xz/1/van/cuff/reading", true);
    }
}
