//! Readings as rows. The same columns hold the readings inside quarantine.

use firmware_protocols::{
    BloodPressure, Decimal, Glucose, GlucoseUnit, GlucoseValue, Measurement, PressureUnit,
};
use rusqlite::{CachedStatement, Connection, ToSql, params};
use smol_str::SmolStr;

pub(super) use super::columns::{COLUMNS, columns_of, insertion, quarantine};
use super::{
    code,
    fault::failed,
    row::{Cells, fetch, number},
    session,
};
use crate::{
    domain::{Attribution, Measured, Millis, PersonId, Reading, Remarks, Sequence, Timestamp},
    store::{CommitSeq, StoreError, StoredReading, Told},
};

/// The code of the kind of a measurement in `reading.kind` and `rollup.kind`.
pub(super) const BLOOD_PRESSURE: i64 = 0;
const GLUCOSE: i64 = 1;

/// The values of a measurement that depend on its kind.
struct Native {
    kind: i64,
    unit: &'static str,
    values: [Option<String>; 4],
    control: bool,
    sample: [Option<u8>; 2],
    status: Option<u16>,
}

fn native(measurement: &Measurement) -> Native {
    match measurement {
        Measurement::BloodPressure(pressure) => Native {
            kind: BLOOD_PRESSURE,
            unit: pressure.unit.name(),
            values: [
                Some(code::decimal(pressure.systolic)),
                Some(code::decimal(pressure.diastolic)),
                pressure.mean.map(code::decimal),
                pressure.pulse.map(code::decimal),
            ],
            control: false,
            sample: [None, None],
            status: pressure.status,
        },
        Measurement::Glucose(glucose) => Native {
            kind: GLUCOSE,
            unit: glucose.unit.name(),
            values: [Some(glucose_value(glucose.value)), None, None, None],
            control: glucose.control,
            sample: [glucose.sample_type, glucose.sample_location],
            status: glucose.status,
        },
    }
}

/// Kind, unit and numbers of a measurement, for the yardstick of benchmarks.
pub(super) fn plain(measurement: &Measurement) -> (i64, &'static str, [Option<Decimal>; 3]) {
    match measurement {
        Measurement::BloodPressure(pressure) => (
            BLOOD_PRESSURE,
            pressure.unit.name(),
            [Some(pressure.systolic), Some(pressure.diastolic), pressure.pulse],
        ),
        Measurement::Glucose(glucose) => {
            let GlucoseValue::Number(number) = glucose.value else {
                return (GLUCOSE, glucose.unit.name(), [None; 3]);
            };
            (GLUCOSE, glucose.unit.name(), [Some(number), None, None])
        }
    }
}

fn glucose_value(value: GlucoseValue) -> String {
    match value {
        GlucoseValue::Number(number) => code::decimal(number),
        GlucoseValue::High => "HI".to_owned(),
        GlucoseValue::Low => "LO".to_owned(),
    }
}

/// Adds a reading at a position, through the statement of [`insertion`] or [`quarantine`]: to the
/// file that survives, where the one it came under counts as another's.
pub(super) fn insert(
    statement: &mut CachedStatement<'_>,
    seq: CommitSeq,
    stored: &StoredReading,
    survivor: Option<&PersonId>,
) -> Result<(), StoreError> {
    let (reading, attribution, context) = (&stored.reading, &stored.attribution, &stored.context);
    let Native { kind, unit, values: [value, value2, value3, pulse], control, sample, status } =
        native(&reading.measurement);
    let [sample_type, sample_location] = sample;
    let sequence = reading.sequence;
    let remarks = &reading.remarks;
    let filed = attribution.as_ref().map(|attribution| attribution.person.as_str());
    let person = survivor.map(crate::domain::Id::as_str).or(filed);
    let (session_bench, session_at, session_by) = session::columns(attribution.as_ref());
    let params: [&dyn ToSql; 48] = [
        &seq.0,
        reading.id.as_bytes(),
        reading.content.as_bytes(),
        &kind,
        &unit,
        &value,
        &value2,
        &value3,
        &pulse,
        &code::flags(reading.flags()),
        &code::meal(reading.meal()),
        &control,
        &sample_type,
        &sample_location,
        &status,
        &reading.measurement.device_time().map(|time| time.to_string()),
        &reading.measurement.sequence(),
        &reading.measurement.user(),
        &reading.device.as_str(),
        &reading.site.as_str(),
        &reading.bench.as_ref().map(crate::domain::Id::as_str),
        &sequence.and_then(|sequence| sequence.epoch).map(u64::cast_signed),
        &sequence.map(|sequence| sequence.number.cast_signed()),
        &reading.device_time.as_deref(),
        &reading.received_at.as_millis(),
        &reading.measured.at.as_millis(),
        &code::grade(reading.measured.grade),
        &remarks.person.as_ref().map(crate::domain::Id::as_str),
        &remarks.setting.map(code::setting),
        &symptoms(&remarks.symptoms)?,
        &remarks.attributes,
        &code::road(reading.road),
        &reading.unnumbered,
        &reading.raw,
        &person,
        &attribution.as_ref().map(|attribution| code::basis(attribution.basis)),
        &code::standing(stored.standing),
        &stored.late,
        &stored.possible_duplicate,
        &stored.server_at.as_millis(),
        &context.as_ref().map(|told| code::meal(told.meal)),
        &context.as_ref().and_then(|told| told.attributes.as_deref()),
        &symptoms(&stored.told_symptoms)?,
        &filed.filter(|_| survivor.is_some()),
        &stored.rebased_at.map(Timestamp::as_millis),
        &session_bench,
        &session_at,
        &session_by,
    ];
    match statement.execute(&params[..]) {
        Ok(_) => Ok(()),
        Err(error) if is_taken(&error) => Err(StoreError::Duplicate),
        Err(error) => Err(failed("adding a reading")(error)),
    }
}

pub(super) fn is_taken(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|said| said.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}

/// Codes as one column.
pub(super) fn symptoms(symptoms: &[SmolStr]) -> Result<Option<String>, StoreError> {
    if symptoms.is_empty() {
        return Ok(None);
    }
    json(symptoms).map(Some)
}

/// JSON of a value that always has one.
pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Database {
        what: "writing a column as JSON",
        source: Box::new(source),
    })
}

/// Most readings that are looked through for whoever was measured lately.
const LATELY_MAX: i64 = 1_000_000;

/// A reading from the columns of [`COLUMNS`].
pub(super) fn decode(cells: &mut Cells<'_, '_>) -> Result<(CommitSeq, StoredReading), StoreError> {
    let seq = cells.seq()?;
    let (id, content) = (cells.key()?, cells.key()?);
    let measurement = measurement(cells)?;
    let (device, site, bench) = (cells.id()?, cells.id()?, cells.id_or_none()?);
    let epoch = cells.take::<Option<i64>>()?.map(i64::cast_unsigned);
    let number = cells.take::<Option<i64>>()?.map(i64::cast_unsigned);
    let device_time = cells.text_or_none(|text| Some(SmolStr::new(text)))?;
    let received_at = cells.time()?;
    let measured = Measured { at: cells.time()?, grade: cells.one_of(&code::GRADES, code::grade)? };
    let remarks = Remarks {
        person: cells.id_or_none()?,
        setting: cells.one_of_or_none(&code::SETTINGS, code::setting)?,
        symptoms: codes(cells)?,
        attributes: cells.take()?,
    };
    let road = cells.one_of(&code::ROADS, code::road)?;
    let (unnumbered, raw) = (cells.flag()?, cells.take()?);
    let person = cells.id_or_none()?;
    let basis = cells.one_of_or_none(&code::BASES, code::basis)?;
    let sequence = number.map(|number| Sequence { epoch, number });
    let reading = Reading {
        written: None,
        id,
        content,
        measurement,
        device,
        site,
        bench,
        sequence,
        device_time,
        received_at,
        measured,
        remarks,
        road,
        unnumbered,
        raw,
    };
    let standing = cells.one_of(&code::STANDINGS, code::standing)?;
    let (late, possible_duplicate) = (cells.flag()?, cells.flag()?);
    let server_at = cells.time()?;
    let meal = cells.one_of_or_none(&code::MEALS, code::meal)?;
    let attributes = cells.take()?;
    let context = meal.map(|meal| Told { meal, attributes });
    let told_symptoms = codes(cells)?;
    // Whose it counts as is for the queries; what it came under stays.
    let filed: Option<PersonId> = cells.id_or_none()?;
    let rebased_at = cells.time_or_none()?;
    let session = session::decode(cells)?;
    let attribution = match (filed.or(person), basis) {
        (Some(person), Some(basis)) => Some(Attribution { person, basis, session }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(cells.damaged("half an attribution")),
    };
    let stored = StoredReading {
        reading,
        attribution,
        context,
        told_symptoms,
        standing,
        late,
        possible_duplicate,
        server_at,
        rebased_at,
    };
    Ok((seq, stored))
}

/// Codes of symptoms from one column.
pub(super) fn codes(cells: &mut Cells<'_, '_>) -> Result<Vec<SmolStr>, StoreError> {
    Ok(cells.text_or_none(|text| serde_json::from_str(text).ok())?.unwrap_or_default())
}

fn measurement(cells: &mut Cells<'_, '_>) -> Result<Measurement, StoreError> {
    let kind: i64 = cells.take()?;
    match kind {
        BLOOD_PRESSURE => blood_pressure(cells).map(Measurement::BloodPressure),
        GLUCOSE => glucose(cells).map(Measurement::Glucose),
        _ => Err(cells.damaged("unknown kind")),
    }
}

/// A decimal as it is written in a column.
pub(super) fn parse_decimal(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

fn blood_pressure(cells: &mut Cells<'_, '_>) -> Result<BloodPressure, StoreError> {
    let unit = cells.word(&[PressureUnit::MmHg, PressureUnit::KPa], PressureUnit::name)?;
    let systolic = cells.text(parse_decimal)?;
    let diastolic = cells.text(parse_decimal)?;
    let mean = cells.text_or_none(parse_decimal)?;
    let pulse = cells.text_or_none(parse_decimal)?;
    let flags = code::flags_from(cells.take()?);
    cells.skip(4);
    Ok(BloodPressure {
        systolic,
        diastolic,
        mean,
        unit,
        pulse,
        flags,
        status: cells.small_or_none()?,
        device_time: cells.text_or_none(code::clock)?,
        sequence: cells.small_or_none()?,
        user: cells.small_or_none()?,
    })
}

fn glucose(cells: &mut Cells<'_, '_>) -> Result<Glucose, StoreError> {
    let unit = cells.word(&[GlucoseUnit::MgPerDl, GlucoseUnit::MmolPerL], GlucoseUnit::name)?;
    let value = cells.text(|text| match text {
        "HI" => Some(GlucoseValue::High),
        "LO" => Some(GlucoseValue::Low),
        number => parse_decimal(number).map(GlucoseValue::Number),
    })?;
    cells.skip(4);
    Ok(Glucose {
        value,
        unit,
        meal: cells.one_of(&code::MEALS, code::meal)?,
        control: cells.flag()?,
        sample_type: cells.small_or_none()?,
        sample_location: cells.small_or_none()?,
        status: cells.small_or_none()?,
        device_time: cells.text_or_none(code::clock)?,
        sequence: cells.small_or_none()?,
        user: cells.small_or_none()?,
    })
}

/// Each person's readings measured at or after an instant, by (measured time, id).
pub(super) fn of_people(
    connection: &Connection,
    people: &[(PersonId, Timestamp)],
) -> Result<Vec<Vec<StoredReading>>, StoreError> {
    let what = "reading people's pasts";
    let sql = format!(
        "SELECT {COLUMNS} FROM reading WHERE person = ? AND measured_at >= ? \
         ORDER BY measured_at, id"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed(what))?;
    let mut all = Vec::with_capacity(people.len());
    for (person, from) in people {
        let asked = params![person.as_str(), from.as_millis()];
        let mut rows = statement.query(asked).map_err(failed(what))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(failed(what))? {
            found.push(decode(&mut Cells::new(row, "reading"))?.1);
        }
        all.push(found);
    }
    Ok(all)
}

/// Whose readings were stored within a length of time before the newest one. Positions grow with the
/// time of storing, so the newest readings are walked backwards until one is older.
pub(super) fn owners_lately(
    connection: &Connection,
    within: Millis,
) -> Result<Vec<PersonId>, StoreError> {
    let newest = "SELECT coalesce(max(server_at), 0) FROM reading \
                  WHERE seq = (SELECT max(seq) FROM reading)";
    let since = Timestamp::from_millis(number(connection, newest, [])?).minus(within);
    let oldest = "SELECT coalesce(max(seq), 0) FROM reading WHERE server_at < ? \
                  AND seq > (SELECT coalesce(max(seq), 0) FROM reading) - ?";
    let after = number(connection, oldest, params![since.as_millis(), LATELY_MAX])?;
    let floor = "SELECT coalesce(max(seq), 0) FROM reading";
    let floor = number(connection, floor, [])?.saturating_sub(LATELY_MAX);
    let sql = "SELECT DISTINCT person FROM reading WHERE seq > ? AND server_at >= ? \
               AND person IS NOT NULL ORDER BY person";
    let params = params![after.max(floor), since.as_millis()];
    fetch(connection, "reading", (sql, params), |cells| {
        let owner: PersonId = cells.id()?;
        Ok(owner)
    })
}
