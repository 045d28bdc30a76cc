//! What stands in the two folders before anything runs: the township at the centre, the bench at the
//! van, and each other's keys.

use std::{fmt::Write as _, fs, net::SocketAddr, path::Path};

use axum::{Router, body::Body, http::Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use simulators::world::{
    TOWNSHIP,
    van::{BENCH, SITE, VanBench, VanLine},
};
use tower::ServiceExt;

use super::side::Side;
use crate::{
    cli::{
        Common, Failure, LogFormat, configure, pieces,
        table::{self, Cells, Kind},
    },
    domain::Registered,
    supervise::Supervisor,
};

/// What the centre has in its registry, in an order in which every name is known before it is used.
const OF_CENTRE: [(Kind, &str); 5] = [
    (Kind::Sites, "sites"),
    (Kind::Doctors, "doctors"),
    (Kind::Households, "households"),
    (Kind::People, "people"),
    (Kind::Cards, "cards"),
];

/// What the van has of its own: all else the centre gives it.
const OF_VAN: [(Kind, &str); 2] = [(Kind::Sites, "sites"), (Kind::Devices, "devices")];

/// Where the van's token for the centre lies.
const TOKEN: &str = "uplink.token";

/// Makes both stores.
///
/// They come to believe each other here, by hand, as docs/uplink.md says: a key each, a row of
/// `boxes`, a token. Whoever has a shorter way between two gateways puts it in place of `believe`.
pub(super) async fn stores(
    bench: &VanBench,
    folder: &Path,
    [van, centre]: [&Side; 2],
) -> Result<Beliefs, Failure> {
    let keys = folder.join("keys");
    fs::create_dir(&keys)?;
    let at_van = Store::open(van, &keys)?;
    let at_centre = Store::open(centre, &keys)?;
    at_van.enter(bench, &OF_VAN).await?;
    at_centre.enter(bench, &OF_CENTRE).await?;
    let beliefs = believe(&at_van, &at_centre, folder).await?;
    set_out(&at_van, &at_centre, (folder, &beliefs)).await?;
    at_van.close().await?;
    at_centre.close().await?;
    Ok(beliefs)
}

/// What the van is told about the centre.
pub(super) struct Beliefs {
    parent_key: String,
}

async fn believe(van: &Store, centre: &Store, folder: &Path) -> Result<Beliefs, Failure> {
    let text = |told: &Value, name: &str| {
        told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let us = van.call("GET", "/admin/roster/key", String::new()).await?;
    let (name, key) = (text(&us, "gateway"), text(&us, "key"));
    let row = format!("box,key,site,serves\n{name},{key},{SITE},{TOWNSHIP}\n");
    centre.register(Kind::Boxes, &row).await?;
    let asked = json!({"role": "device", "device": name}).to_string();
    let token = text(&centre.call("POST", "/admin/tokens", asked).await?, "token");
    fs::write(folder.join(TOKEN), token)?;
    let above = centre.call("GET", "/admin/roster/key", String::new()).await?;
    Ok(Beliefs { parent_key: text(&above, "key") })
}

/// The van sets out with a roster, so that the first one who comes is known; what changes later comes
/// down the link.
async fn set_out(
    van: &Store,
    centre: &Store,
    (folder, beliefs): (&Path, &Beliefs),
) -> Result<(), Failure> {
    let file = folder.join("roster");
    let made = json!({"places": [TOWNSHIP], "sites": [SITE], "after": null, "to": file});
    centre.call("POST", "/admin/roster/make", made.to_string()).await?;
    let taken = json!({"from": file, "trust": [beliefs.parent_key]});
    van.call("POST", "/admin/roster/take", taken.to_string()).await?;
    Ok(fs::remove_file(file)?)
}

/// Writes the configuration of the centre.
pub(super) fn configure_centre(centre: &Side, folder: &Path) -> Result<(), Failure> {
    Ok(fs::write(&centre.config, store_section(centre, folder))?)
}

/// Writes the van's: its lines, and the way up through the cable.
pub(super) fn configure_van(
    van: &Side,
    folder: &Path,
    (lines, cable, beliefs): (&[VanLine], SocketAddr, &Beliefs),
) -> Result<(), Failure> {
    let mut text = store_section(van, folder);
    let token = folder.join(TOKEN).display().to_string();
    let uplink = [
        ("to", format!("http://{cable}")),
        ("parent_key", beliefs.parent_key.clone()),
        ("token_file", token),
    ];
    text.push_str("\n[uplink]\n");
    for (name, value) in uplink {
        set(&mut text, name, &value);
    }
    for line in lines {
        text.push_str("\n[[serial]]\n");
        let port = line.port.display().to_string();
        let keys = [("port", port.as_str()), ("format", line.format), ("device", line.device)];
        for (name, value) in keys.into_iter().chain([("site", SITE), ("bench", BENCH)]) {
            set(&mut text, name, value);
        }
    }
    Ok(fs::write(&van.config, text)?)
}

/// The keys that open names lie elsewhere than the data, as they must on a van.
fn store_section(side: &Side, folder: &Path) -> String {
    let mut text = "[store]\n".to_owned();
    set(&mut text, "dir", &side.data.display().to_string());
    set(&mut text, "identity_key_file", &key_file(side, &folder.join("keys")));
    text
}

fn key_file(side: &Side, keys: &Path) -> String {
    keys.join(side.which.as_str()).display().to_string()
}

fn set(text: &mut String, name: &str, value: &str) {
    // A string of JSON is one of TOML.
    let value = Value::from(value);
    // Writing to a string does not fail.
    writeln!(text, "{name} = {value}").unwrap_or_default();
}

/// A store that no server holds yet.
struct Store {
    router: Router,
    supervisor: Supervisor,
}

impl Store {
    /// Must be called within a runtime, where its writer lives.
    fn open(side: &Side, keys: &Path) -> Result<Self, Failure> {
        let common = Common { config: None, log_format: LogFormat::Auto };
        let flags = vec![
            ("store.dir", side.data.display().to_string()),
            ("store.identity_key_file", key_file(side, keys)),
        ];
        let (config, _) = configure::read(&common, flags)?;
        let supervisor = Supervisor::new();
        let router = pieces::admin_here(&config, &supervisor)?;
        Ok(Self { router, supervisor })
    }

    async fn close(self) -> Result<(), Failure> {
        self.supervisor.stop();
        self.supervisor.wait().await.map_err(Failure::Failed)
    }

    async fn enter(&self, bench: &VanBench, kinds: &[(Kind, &str)]) -> Result<(), Failure> {
        for (kind, name) in kinds {
            self.register(*kind, &bench.csv(name).unwrap_or_default()).await?;
        }
        Ok(())
    }

    /// Enters rows of a CSV file; one that is refused ends the demonstration.
    async fn register(&self, kind: Kind, csv: &str) -> Result<(), Failure> {
        let rows = rows(kind, csv)?;
        let lines: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
        let lines = lines.map_err(|error| Failure::of(&error))?;
        let path = format!("/admin/registry?kind={}&author=demo", kind.as_str());
        let told = self.call("POST", &path, lines.join("\n")).await?;
        let rejected =
            told.get("rejected").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
        if rejected { Err(Failure::Failed(told.to_string())) } else { Ok(()) }
    }

    async fn call(&self, method: &str, path: &str, body: String) -> Result<Value, Failure> {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = request.header("content-type", "application/json").body(Body::from(body));
        let request = request.map_err(|error| Failure::of(&error))?;
        let Ok(answer) = self.router.clone().oneshot(request).await;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| Failure::of(&error))?;
        let body = body.to_bytes();
        if !status.is_success() {
            return Err(Failure::Failed(String::from_utf8_lossy(&body).into_owned()));
        }
        serde_json::from_slice(&body).map_err(|error| Failure::of(&error))
    }
}

/// Rows of a CSV file, by the same reading as an import.
pub(in crate::cli) fn rows(kind: Kind, text: &str) -> Result<Vec<Registered>, Failure> {
    let mut rows = Vec::new();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| Failure::of(&error))?.clone();
    for record in reader.records() {
        let record = record.map_err(|error| Failure::of(&error))?;
        let row = table::row(kind, Cells::new(&headers, &record));
        rows.push(row.map_err(|error| Failure::of(&error))?);
    }
    Ok(rows)
}
