//! A roster from the registry of this gateway.

use std::io::Write;

use super::{
    package::{Header, Writer},
    select::{Area, Asked, Select, SelectError},
};
use crate::{
    domain::Timestamp,
    store::{CommitSeq, Reader},
    uplink::GatewayKey,
};

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The position from which it goes on; 0: it is whole.
    pub after: CommitSeq,
    /// The position to which it goes.
    pub to: CommitSeq,
    /// Its rows.
    pub rows: u64,
}

/// Writes the roster of some places: what changed since an earlier one of the same places, or, where
/// there is none to go on from, all of it.
///
/// # Errors
/// [`SelectError`].
pub fn make(
    reader: &dyn Reader,
    key: &GatewayKey,
    asked: &Asked,
    (continues, now): (Option<&Header>, Timestamp),
    out: &mut dyn Write,
) -> Result<Made, SelectError> {
    let (issuer, epoch) = reader.gateway()?;
    let to = reader.last()?;
    let area = Area::find(reader, asked)?;
    let villages = area.name();
    let goes_on = |header: &&Header| {
        header.issuer == issuer
            && header.epoch == epoch
            && header.villages == villages
            && header.to <= to.0
    };
    let after = continues.filter(goes_on).map_or(CommitSeq(0), |header| CommitSeq(header.to));
    let header = Header {
        roster: 0,
        issuer: issuer.into(),
        epoch,
        places: asked.places.clone(),
        villages,
        after: after.0,
        to: to.0,
        made_at: now,
        key: String::new(),
    };
    let mut writer = Writer::begin(out, header, key)?;
    let mut select = Select::new(reader, &area, |line| writer.line(line));
    if after == CommitSeq(0) {
        select.whole()?;
    } else {
        select.since(after, to)?;
    }
    let rows = writer.seal(key)?;
    Ok(Made { after, to, rows })
}
