//! The session by which a reading is somebody's, as columns: bench, beginning, what opened it.

use super::{code, feed, row::Cells};
use crate::{
    domain::{AtBench, Attribution},
    store::StoreError,
};

/// What stands in the columns.
pub(super) type Columns<'a> = (Option<&'a str>, Option<i64>, Option<String>);

/// The columns of an attribution.
pub(super) fn columns(whose: Option<&Attribution>) -> Columns<'_> {
    let Some(AtBench { bench, from, opened_by }) = whose.and_then(|of| of.session.as_deref())
    else {
        return (None, None, None);
    };
    (Some(bench.as_str()), Some(from.as_millis()), code::opened_by(opened_by))
}

/// The session from its columns.
pub(super) fn decode(cells: &mut Cells<'_, '_>) -> Result<Option<Box<AtBench>>, StoreError> {
    let (bench, from, opened_by) =
        (cells.id_or_none()?, cells.time_or_none()?, feed::opened_by(cells)?);
    match (bench, from) {
        (Some(bench), Some(from)) => Ok(Some(Box::new(AtBench { bench, from, opened_by }))),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(cells.damaged("half a session")),
    }
}
