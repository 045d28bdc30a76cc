//! Counters of the whole process, as Prometheus text.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use smol_str::SmolStr;

/// Counts what happened. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many there are now. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// So many now.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// More or fewer.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    /// How many now.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone)]
enum Value {
    Counter(Counter),
    Gauge(Gauge),
}

#[derive(Debug, Clone)]
struct Row {
    name: &'static str,
    help: &'static str,
    labels: String,
    value: Value,
}

/// Looks up values when they are asked for.
pub type Probe = Arc<dyn Fn() -> Vec<Sample> + Send + Sync>;

/// Every counter of the process. Cheap to clone.
#[derive(Clone, Default)]
pub struct Registry {
    rows: Arc<Mutex<Vec<Row>>>,
    probes: Arc<Mutex<Vec<Probe>>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}

impl Registry {
    /// A counter; the same name and labels give the same one.
    #[must_use]
    pub fn counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
    ) -> Counter {
        match self.row(name, help, labels, Value::Counter(Counter::default())) {
            Value::Counter(counter) => counter,
            Value::Gauge(_) => Counter::default(),
        }
    }

    /// A gauge; the same name and labels give the same one.
    #[must_use]
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Gauge {
        match self.row(name, help, labels, Value::Gauge(Gauge::default())) {
            Value::Gauge(gauge) => gauge,
            Value::Counter(_) => Gauge::default(),
        }
    }

    /// Asks a probe at every look from now on.
    pub fn probe(&self, probe: Probe) {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner).push(probe);
    }

    fn row(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
        new: Value,
    ) -> Value {
        let labels = written(labels);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = rows.iter().find(|row| row.name == name && row.labels == labels) {
            return row.value.clone();
        }
        rows.push(Row { name, help, labels, value: new.clone() });
        new
    }

    /// Everything as Prometheus text, followed by further samples.
    #[must_use]
    pub fn text(&self, further: &[Sample]) -> String {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        rows.sort_by(|a, b| (a.name, &a.labels).cmp(&(b.name, &b.labels)));
        let mut text = String::new();
        let mut last = "";
        for row in &rows {
            let (kind, value) = match &row.value {
                Value::Counter(counter) => ("counter", counter.get().to_string()),
                Value::Gauge(gauge) => ("gauge", gauge.get().to_string()),
            };
            heading(&mut text, &mut last, (row.name, row.help, kind));
            line(&mut text, row.name, &row.labels, &value);
        }
        let probes = self.probes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut probed: Vec<Sample> = probes.iter().flat_map(|probe| probe()).collect();
        probed.sort_by_key(|sample| sample.name);
        for sample in probed.iter().chain(further) {
            heading(&mut text, &mut last, (sample.name, sample.help, sample.kind));
            let labels: Vec<_> =
                sample.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            line(&mut text, sample.name, &written(&labels), &sample.value.to_string());
        }
        text
    }
}

/// A value that is looked up when it is asked for.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The metric.
    pub name: &'static str,
    /// What it says.
    pub help: &'static str,
    /// `counter` or `gauge`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: Vec<(&'static str, SmolStr)>,
    /// Its value.
    pub value: i64,
}

fn heading<'a>(text: &mut String, last: &mut &'a str, of: (&'a str, &str, &str)) {
    let (name, help, kind) = of;
    if *last != name {
        *last = name;
        for part in ["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"] {
            text.push_str(part);
        }
    }
}

fn line(text: &mut String, name: &str, labels: &str, value: &str) {
    for part in [name, labels, " ", value, "\n"] {
        text.push_str(part);
    }
}

fn written(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escape =
        |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_written_as_prometheus_reads_them() {
        let registry = Registry::default();
        registry.counter("b_total", "Things.", &[("kind", "x\"y")]).add(2);
        registry.counter("b_total", "Things.", &[("kind", "x\"y")]).inc();
        registry.gauge("a", "Now.", &[]).set(-1);
        let text = registry.text(&[Sample {
            name: "c",
            help: "Further.",
            kind: "gauge",
            labels: vec![],
            value: 5,
        }]);
        assert_eq!(
            text,
            "# HELP a Now.\n# TYPE a gauge\na -1\n# HELP b_total Things.\n# TYPE b_total counter\n\
             b_total{kind=\"x\\\"y\"} 3\n# HELP c Further.\n# TYPE c gauge\nc 5\n"
        );
    }
}
