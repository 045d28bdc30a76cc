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

    #[tokio::test]
    async fn a_slow_reader_loses_the_oldest_and_the_loss_is_counted() {
        let (values, receiver) = tokio::sync::broadcast::channel(4);
        let (mut view, metrics) = (LiveView::new(receiver), MqttMetrics::default());
        assert!(view.add("#".to_owned()));
        for number in 0..10 {
            let value = LiveValue { topic: number.to_string(), payload: Bytes::new() };
            values.send(Arc::new(value)).unwrap();
        }
        assert_eq!(view.next(&metrics).await.topic, "6");
        assert_eq!(metrics.live_skipped.get(), 6);
    }

    #[test]
    fn a_view_has_few_filters() {
        let mut view = LiveView::new(tokio::sync::broadcast::channel(1).1);
        for number in 0..LIVE_FILTERS_MAX {
            assert!(view.add(number.to_string()));
        }
        assert!(view.add("0".to_owned()), "known already");
        assert!(!view.add("one more".to_owned()));
        assert!(view.remove("0") && !view.remove("0") && !view.is_empty());
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
