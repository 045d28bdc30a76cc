//! Rosters for the operator's tools: the registry of some places made into a signed file, and another
//! gateway's taken.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{Json, body::Body, extract::State, http::HeaderMap};

use super::{extract, refusal::Refusal, shared::Shared, wire};
use crate::{
    domain::{SiteId, Timestamp},
    uplink::{
        PublicKey,
        roster::{self, Asked, Header, Made, Opened},
    },
};

/// Bodies name files and keys.
const BODY_MAX: usize = 64 * 1024;

/// The key that checks what this gateway signs.
pub(super) async fn key(
    State(shared): State<Arc<Shared>>,
) -> Result<Json<wire::GatewayKeyTold>, Refusal> {
    let public = shared.key.public();
    let (gateway, epoch) = shared.ask(|shared| shared.reader.gateway()).await?;
    let (key, fingerprint) = (public.to_string(), public.fingerprint());
    Ok(Json(wire::GatewayKeyTold { key, fingerprint, gateway, epoch }))
}

/// Writes a roster.
pub(super) async fn make(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::RosterMade>, Refusal> {
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let asked: wire::RosterAsked = extract::json(&body)?;
    // A whole county takes long: it has its own thread and takes nobody's turn.
    let task = tokio::task::spawn_blocking(move || write(&shared, &asked));
    let made = task.await.map_err(|error| Refusal::broken(&error))?;
    made.map(Json).map_err(Refusal::bad)
}

/// Takes a roster of another gateway.
pub(super) async fn take(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<wire::RosterTaken>, Refusal> {
    shared.writable()?;
    let body = extract::body(&shared, &headers, body, BODY_MAX).await?;
    let asked: wire::RosterOffered = extract::json(&body)?;
    let task = tokio::task::spawn_blocking(move || enter(&shared, &asked));
    let taken = task.await.map_err(|error| Refusal::broken(&error))?;
    taken.map(Json).map_err(Refusal::bad)
}

fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn at(path: &Path) -> impl Fn(io::Error) -> String + use<'_> {
    move |error| format!("{}: {error}", path.display())
}

fn write(shared: &Shared, asked: &wire::RosterAsked) -> Result<wire::RosterMade, String> {
    if asked.places.is_empty() {
        return Err("place: a roster is of one place at least / 请指定地点".to_owned());
    }
    let continues = asked.after.as_ref().map(|path| own_header(shared, path)).transpose()?;
    let site = |name: &String| {
        name.parse::<SiteId>().map_err(|_invalid| format!("site: {name:?} is no name of a site"))
    };
    let sites = asked.sites.iter().map(site).collect::<Result<_, _>>()?;
    let of = Asked { places: asked.places.clone(), sites };
    let half = asked.to.with_extension("partial");
    let since = (continues.as_ref(), shared.clock.now());
    let made = half_written(shared, &half, (&of, since));
    let named = made.and_then(|made| {
        fs::rename(&half, &asked.to).map_err(at(&asked.to))?;
        Ok(made)
    });
    let made = match named {
        Ok(made) => made,
        Err(why) => return Err(without(&half, why)),
    };
    Ok(wire::RosterMade { after: made.after.0, to: made.to.0, rows: made.rows })
}

/// Writes a roster to a file that is not under its name yet, down to the disk.
fn half_written(
    shared: &Shared,
    half: &Path,
    (of, since): (&Asked, (Option<&Header>, Timestamp)),
) -> Result<Made, String> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(half);
    let mut file = BufWriter::new(file.map_err(at(half))?);
    let made = roster::make(shared.reader.as_ref(), &shared.key, of, since, &mut file);
    let made = made.map_err(|error| told(&error))?;
    file.flush().map_err(at(half))?;
    file.get_ref().sync_all().map_err(at(half))?;
    Ok(made)
}

/// A roster that failed leaves no half of one behind.
fn without(half: &Path, why: String) -> String {
    match fs::remove_file(half) {
        Ok(()) => why,
        Err(error) if error.kind() == io::ErrorKind::NotFound => why,
        Err(error) => format!("{why}; {}: {error}", half.display()),
    }
}

/// The header of a roster that this gateway made.
fn own_header(shared: &Shared, path: &PathBuf) -> Result<Header, String> {
    let file = File::open(path).map_err(at(path))?;
    let opened = Opened::open(BufReader::new(file), &[shared.key.public()]);
    opened.map(|opened| opened.header).map_err(|error| told(&error))
}

fn enter(shared: &Shared, asked: &wire::RosterOffered) -> Result<wire::RosterTaken, String> {
    let key = |text: &String| {
        text.parse::<PublicKey>().map_err(|error| format!("trust: {text:?}: {error}"))
    };
    let trusted: Vec<_> = asked.trust.iter().map(key).collect::<Result<_, _>>()?;
    let file = File::open(&asked.from).map_err(at(&asked.from))?;
    let mut opened = Opened::open(BufReader::new(file), &trusted).map_err(|error| told(&error))?;
    let taken = roster::take(&mut opened, shared.reader.as_ref(), &shared.inlet);
    let taken = taken.map_err(|error| told(&error))?;
    let Header { issuer, to, .. } = &opened.header;
    Ok(wire::RosterTaken { issuer: issuer.to_string(), to: *to, rows: taken.rows, new: taken.new })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_roster_that_failed_leaves_nothing_behind_and_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let half = folder.path().join("roster.partial");
        for there in [true, false] {
            if there {
                fs::write(&half, "half").unwrap();
            }
            assert_eq!(without(&half, "no room".to_owned()), "no room");
            assert!(!half.try_exists().unwrap());
        }
    }
}
