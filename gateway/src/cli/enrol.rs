//! `xunzhen enrol`: one-time codes above, one command below.

use std::{
    fs::File,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use hyper::Method;
use serde_json::{Value, json};

use super::{Common, Failure, admin::Admin, configure, pieces, registry::escaped};
use crate::{
    config::Config,
    domain::BoxId,
    enrol::{Code, join},
    secrets,
    store::{Store, StoreError, sqlite},
    uplink::GatewayKey,
};

/// Boxes asked for at once.
const PAGE: usize = 500;

/// Longest line that is read as a code.
const CODE_BYTES_MAX: u64 = 512;

/// Let gateways below in: one-time codes above, one command below
#[derive(Debug, Clone, Subcommand)]
pub(super) enum EnrolCommand {
    /// Print a one-time code for a box, as one JSON line; with --file one for each row
    Code {
        /// The box: the name that it will have
        #[arg(long = "box", value_name = "ID", required_unless_present = "file")]
        name: Option<String>,
        /// The site that it will stand at
        #[arg(long, value_name = "SITE", conflicts_with = "file")]
        site: Option<String>,
        /// The places whose people it serves, as PLACE|PLACE
        #[arg(long, value_name = "PLACES", conflicts_with = "file")]
        serves: Option<String>,
        /// A CSV file with the columns box, site, serves: a code for each row
        #[arg(long, value_name = "FILE", conflicts_with = "name")]
        file: Option<PathBuf>,
        /// How many hours it may be used, 336 at most
        #[arg(long, default_value_t = crate::enrol::CODE_HOURS)]
        hours: i64,
        /// The certificate that whoever stands before this gateway shows [default: its own]
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// On the box: say the code once, and keep what comes back; the gateway must not run
    Join {
        /// The gateway above
        #[arg(long, value_name = "URL")]
        to: String,
        /// The code; - reads it from standard input
        #[arg(long)]
        code: String,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// List boxes, one JSON object a line
    List {
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Turn a box away: from now on nothing of it is taken
    Revoke {
        /// The box
        #[arg(long = "box", value_name = "ID")]
        name: String,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Make a certificate and key for this gateway's own listeners, by its own authority
    ServerCertificate {
        /// A host name or an address under which it is reached; may be given again
        #[arg(long = "name", value_name = "HOST", required = true)]
        names: Vec<String>,
        /// The folder for server.pem and server.key [default: the data folder]
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// The data folder
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

/// `enrol …`.
pub(super) fn run(
    command: &EnrolCommand,
    common: &Common,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let connect = |folder: &Option<PathBuf>| Admin::connect(common, folder.as_deref());
    match command {
        EnrolCommand::Code { name, site, serves, file, hours, certificate, data_dir } => {
            let boxes = match file {
                Some(file) => rows(file)?,
                None => vec![asked(name.as_deref(), site.as_deref(), serves.as_deref())],
            };
            let certificate = certificate.as_ref().map(std::path::absolute).transpose()?;
            let body = json!({ "boxes": boxes, "hours": hours, "certificate": certificate });
            let path = "/admin/enrol/codes";
            print(&connect(data_dir)?.call(Method::POST, path, body.to_string())?, out)
        }
        EnrolCommand::Join { to, code, data_dir } => {
            let config = config(common, data_dir.as_deref())?;
            let line = enter(&config, to, &code_of(code)?)?;
            writeln!(out, "{line}")?;
            Ok(())
        }
        EnrolCommand::List { data_dir } => list(&mut connect(data_dir)?, out),
        EnrolCommand::Revoke { name, data_dir } => {
            let body = json!({ "box": name }).to_string();
            let done = connect(data_dir)?.call(Method::POST, "/admin/enrol/revoke", body)?;
            writeln!(out, "{done}")?;
            Ok(())
        }
        EnrolCommand::ServerCertificate { names, to, data_dir } => {
            let body = json!({ "names": names }).to_string();
            let made = connect(data_dir)?.call(Method::POST, "/admin/enrol/server", body)?;
            let folder = match to {
                Some(to) => to.clone(),
                None => config(common, data_dir.as_deref())?.store.dir,
            };
            writeln!(out, "{}", write_server(&folder, &made)?)?;
            Ok(())
        }
    }
}

fn config(common: &Common, data_dir: Option<&Path>) -> Result<Config, Failure> {
    let flags = data_dir.map(|dir| ("store.dir", dir.display().to_string()));
    Ok(configure::read(common, flags.into_iter().collect())?.0)
}

fn asked(name: Option<&str>, site: Option<&str>, serves: Option<&str>) -> Value {
    let places = serves.unwrap_or_default().split('|').map(str::trim);
    let places: Vec<&str> = places.filter(|place| !place.is_empty()).collect();
    json!({ "box": name, "site": site.filter(|site| !site.is_empty()), "serves": places })
}

/// The boxes of a file.
fn rows(file: &Path) -> Result<Vec<Value>, Failure> {
    let named = |why: &dyn std::fmt::Display| Failure::Failed(format!("{}: {why}", file.display()));
    let opened = File::open(file).map_err(|error| named(&error))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(opened);
    let header = reader.headers().map_err(|error| named(&error))?.clone();
    let column =
        |name: &str| header.iter().position(|found| found.trim_start_matches('\u{feff}') == name);
    let (name, site, serves) = (column("box"), column("site"), column("serves"));
    if name.is_none() {
        return Err(named(&"expected the columns box,site,serves / 缺少 box 列"));
    }
    let mut boxes = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| named(&error))?;
        let cell = |column: Option<usize>| column.and_then(|column| row.get(column));
        boxes.push(asked(cell(name), cell(site), cell(serves)));
    }
    Ok(boxes)
}

/// A code as it was given, or the first line of standard input: an argument is seen by every process.
fn code_of(given: &str) -> Result<Code, Failure> {
    let mut text = given.to_owned();
    if given == "-" {
        text.clear();
        io::Read::take(io::stdin().lock(), CODE_BYTES_MAX).read_line(&mut text)?;
    }
    text.parse().map_err(|error: crate::enrol::NoCode| Failure::Usage(error.to_string()))
}

/// Names the gateway, says the code, keeps what comes back.
fn enter(config: &Config, to: &str, code: &Code) -> Result<Value, Failure> {
    join::address(to).map_err(|error| Failure::Usage(error.to_string()))?;
    let folder = &config.store.dir;
    let epoch = named(config, &code.name)?;
    let key = GatewayKey::open(folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let joined = runtime.block_on(join::join(to, code, (&key, epoch)));
    let enrolment = joined.map_err(|error| Failure::of(&error))?;
    enrolment.write(folder)?;
    Ok(json!({
        "box": enrolment.name, "to": enrolment.to, "until": enrolment.until,
        "parent_key": enrolment.parent_key.to_string(),
        "fingerprint": key.public().fingerprint(),
    }))
}

/// Gives the gateway the name of its code; the life of its log.
fn named(config: &Config, name: &BoxId) -> Result<u64, Failure> {
    let mut options = sqlite::Options::new(&config.store.dir);
    options.ring = pieces::key_ring(config)?;
    let runs =
        "the gateway runs on this folder: stop it, enrol, and start it again / 请先停止网关再注册";
    let mut store = sqlite::SqliteStore::open(options).map_err(|error| {
        let locked = matches!(error, StoreError::Locked { .. });
        if locked { Failure::Failed(runs.to_owned()) } else { Failure::of(&error) }
    })?;
    store.take_name(name)?;
    Ok(store.reader().gateway()?.1)
}

/// Writes a listener's certificate and key, the key first: a certificate without its key is of no use.
fn write_server(folder: &Path, made: &Value) -> Result<Value, Failure> {
    let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default();
    let (key, chain) = (folder.join("server.key"), folder.join("server.pem"));
    secrets::write(&key, text("key").as_bytes())?;
    secrets::write(&chain, text("chain").as_bytes())?;
    Ok(json!({ "certificate": chain, "key": key, "until": made.get("until") }))
}

fn list(admin: &mut Admin, out: &mut dyn Write) -> Result<(), Failure> {
    let mut after = String::new();
    loop {
        let page = admin.call(Method::GET, &format!("/admin/enrol?limit={PAGE}{after}"), "")?;
        print(&page, out)?;
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&after={}", escaped(next)),
            None => return Ok(()),
        }
    }
}

fn print(page: &Value, out: &mut dyn Write) -> Result<(), Failure> {
    for item in page.get("items").and_then(Value::as_array).into_iter().flatten() {
        writeln!(out, "{item}")?;
    }
    Ok(())
}
