//! What cuffs and meters put on the wire, byte for byte.

use firmware_protocols::{
    DateTime, Decimal, PressureUnit,
    ieee11073::Sfloat,
    raycome,
    sig::{
        blood_pressure::{Layout, PressureFrame},
        date_time::SigDateTime,
        glucose::{Concentration, GlucoseFrame},
        glucose_context::ContextFrame,
    },
    sinocare,
    taidoc::{self, Direction, Frame, RecordTime, command},
};
use serde_json::{Value, json};

use crate::body::Pressure;

/// Capillary whole blood from a finger (Bluetooth Glucose Service).
const SIG_TYPE_CAPILLARY: u8 = 1;
const SIG_LOCATION_FINGER: u8 = 1;
/// Meal code "fasting" (Bluetooth Glucose Measurement Context).
const SIG_MEAL_FASTING: u8 = 3;
/// The machine id of every capture (FORMATS §6).
const SINOCARE_MACHINE: u16 = 0x0004;
/// The machine id, temperature and code that a meter sends beside the value.
const SINOCARE_TEMPERATURE_TENTHS: u16 = 253;
/// Model TD-3128, an arm cuff (FORMATS §4).
const TAIDOC_CUFF_MODEL_BCD: u16 = 0x3128;

fn two_digits(year: u16) -> u8 {
    u8::try_from(year.saturating_sub(2000)).unwrap_or(u8::MAX)
}

/// What a Raycome arm cuff says during one measurement: inflation, then the result.
#[must_use]
pub fn raycome(pressure: Pressure, time: DateTime, user: u8) -> Vec<Vec<u8>> {
    let result = raycome::ResultFrame {
        user,
        time: [
            two_digits(time.year()),
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
        ],
        systolic_mmhg: pressure.systolic.into(),
        diastolic_mmhg: pressure.diastolic.into(),
        pulse_bpm: pressure.pulse.into(),
    };
    let inflation = |cuff_mmhg| raycome::Answer::Inflation { cuff_mmhg };
    [
        inflation(60),
        inflation(pressure.systolic.saturating_add(20)),
        raycome::Answer::Result(result),
    ]
    .iter()
    .map(|answer| answer.emit().as_bytes().to_vec())
    .collect()
}

/// The result of a Sinocare meter.
#[must_use]
pub fn sinocare(glucose_tenths: u16, time: DateTime) -> Vec<u8> {
    sinocare_result(
        glucose_tenths,
        time,
        Some(sinocare::LongBody { second: time.second(), code: 0 }),
    )
}

/// The result of an older one, whose clock shows no seconds.
#[must_use]
pub fn sinocare_minutes(glucose_tenths: u16, time: DateTime) -> Vec<u8> {
    sinocare_result(glucose_tenths, time, None)
}

fn sinocare_result(
    glucose_tenths: u16,
    time: DateTime,
    long: Option<sinocare::LongBody>,
) -> Vec<u8> {
    sinocare::ResultFrame {
        machine: SINOCARE_MACHINE,
        history: false,
        time: [two_digits(time.year()), time.month(), time.day(), time.hour(), time.minute()],
        glucose_tenths,
        sample_type: 0,
        temperature_tenths: SINOCARE_TEMPERATURE_TENTHS,
        long,
    }
    .emit()
    .as_bytes()
    .to_vec()
}

fn sig_time(time: DateTime) -> SigDateTime {
    SigDateTime {
        year: time.year(),
        month: time.month(),
        day: time.day(),
        hour: time.hour(),
        minute: time.minute(),
        second: time.second(),
    }
}

fn whole(value: impl Into<i64>, exponent: i8) -> Sfloat {
    const NAN: Sfloat = Sfloat(0x07FF);
    Sfloat::from_decimal(Decimal::new(value.into(), exponent)).unwrap_or(NAN)
}

/// The Blood Pressure Measurement characteristic (2A35) of a Bluetooth cuff.
#[must_use]
pub fn sig_pressure(pressure: Pressure, time: DateTime) -> Vec<u8> {
    let Pressure { systolic, diastolic, pulse } = pressure;
    let mean = (u16::from(systolic) + 2 * u16::from(diastolic)) / 3;
    PressureFrame {
        unit: PressureUnit::MmHg,
        values: [whole(systolic, 0), whole(diastolic, 0), whole(mean, 0)],
        time: Some(sig_time(time)),
        pulse: Some(whole(pulse, 0)),
        user: None,
        status: Some(0),
    }
    .emit(Layout::Strict)
    .as_bytes()
    .to_vec()
}

/// The Glucose Measurement (2A18) and its context (2A34) of a Bluetooth meter.
#[must_use]
pub fn sig_glucose(glucose_tenths: u16, sequence: u16, time: DateTime) -> (Vec<u8>, Vec<u8>) {
    let measurement = GlucoseFrame {
        mol_per_litre: true,
        context_follows: true,
        sequence,
        base_time: sig_time(time),
        time_offset: None,
        concentration: Some(Concentration {
            // Tenths of mmol/L in mol/L.
            value: whole(glucose_tenths, -4),
            sample_type: SIG_TYPE_CAPILLARY,
            location: SIG_LOCATION_FINGER,
        }),
        status: None,
    };
    let context =
        ContextFrame { sequence, meal: Some(SIG_MEAL_FASTING), ..ContextFrame::default() };
    (measurement.emit().as_bytes().to_vec(), context.emit().as_bytes().to_vec())
}

/// What a sender of JSON states beside the values.
#[derive(Debug, Clone, Default)]
pub struct Stated {
    /// Its own number of the reading, and the life of its counter.
    pub numbered: Option<(u64, u64)>,
    /// Its clock, with the offset of China.
    pub time: Option<DateTime>,
    /// Whom it names.
    pub person: Option<String>,
}

impl Stated {
    fn put(&self, mut reading: Value) -> Value {
        let fields = [
            ("epoch", self.numbered.map(|(epoch, _)| json!(epoch))),
            ("seq", self.numbered.map(|(_, number)| json!(number))),
            ("measured_at", self.time.map(|time| json!(format!("{time}+08:00")))),
            ("person", self.person.as_ref().map(|person| json!(person))),
        ];
        if let Some(object) = reading.as_object_mut() {
            let stated = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
            object.extend(stated.map(|(name, value)| (name.to_owned(), value)));
        }
        reading
    }
}

/// A blood pressure as JSON (DESIGN section 9, MQTT).
#[must_use]
pub fn json_pressure(pressure: Pressure, stated: &Stated) -> Vec<u8> {
    let Pressure { systolic, diastolic, pulse } = pressure;
    let reading = json!({
        "kind": "blood_pressure", "systolic": systolic, "diastolic": diastolic, "unit": "mmHg",
        "pulse": pulse,
    });
    stated.put(reading).to_string().into_bytes()
}

/// A fasting glucose value as JSON (DESIGN section 9, MQTT).
#[must_use]
pub fn json_glucose(glucose_tenths: u16, stated: &Stated) -> Vec<u8> {
    let value = f64::from(glucose_tenths) / 10.0;
    let reading = json!({"kind": "glucose", "value": value, "unit": "mmol/L", "meal": "fasting"});
    stated.put(reading).to_string().into_bytes()
}

/// A card held to a reader, as JSON (DESIGN section 9).
#[must_use]
pub fn card(number: &str, time: DateTime, out: bool) -> Vec<u8> {
    json!({"card": number, "at": format!("{time}+08:00"), "out": out}).to_string().into_bytes()
}

/// A TaiDoc cuff with a memory, which speaks only when asked (FORMATS §4).
#[derive(Debug, Clone, Default)]
pub struct TaidocCuff {
    /// Oldest first.
    records: Vec<(DateTime, Pressure)>,
    /// How often its memory was cleared.
    pub cleared: u32,
}

/// The two answers of a TaiDoc cuff that make one record: its time, its value.
#[must_use]
pub fn taidoc_record(pressure: Pressure, time: DateTime) -> [[u8; 8]; 2] {
    let Pressure { systolic, diastolic, pulse } = pressure;
    let value = taidoc::Answer::Pressure {
        systolic_mmhg: systolic,
        mean_mmhg: None,
        diastolic_mmhg: diastolic,
        pulse_bpm: pulse,
    };
    let time = RecordTime::clock(time).of_blood_pressure(false);
    [taidoc::Answer::RecordTime(time).emit(), value.emit()]
}

impl TaidocCuff {
    /// Takes a measurement.
    pub fn measure(&mut self, pressure: Pressure, time: DateTime) {
        self.records.push((time, pressure));
    }

    /// How many records it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether its memory is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Which record, oldest first, a request asks the value of.
    #[must_use]
    pub fn asked_for(&self, request: &[u8]) -> Option<usize> {
        let frame = Frame::new_checked(request, false).ok()?;
        let [low, high, ..] = frame.payload;
        let newer = usize::from(u16::from_le_bytes([low, high]));
        let is_value = frame.command == command::RECORD_VALUE;
        is_value.then(|| self.records.len().checked_sub(newer.checked_add(1)?)).flatten()
    }

    /// Answers a request; stays silent to what it does not understand.
    pub fn answer(&mut self, request: &[u8], clock: DateTime) -> Option<[u8; 8]> {
        let frame = Frame::new_checked(request, false).ok()?;
        if frame.direction != Direction::Host {
            return None;
        }
        let [low, high, ..] = frame.payload;
        let index = u16::from_le_bytes([low, high]);
        let answer = match frame.command {
            command::CONNECT => taidoc::Answer::Connected,
            command::MODEL => taidoc::Answer::Model { bcd: TAIDOC_CUFF_MODEL_BCD },
            command::CLOCK => taidoc::Answer::Clock(clock),
            command::COUNT => {
                taidoc::Answer::Count(u16::try_from(self.records.len()).unwrap_or(u16::MAX))
            }
            command::RECORD_TIME | command::RECORD_VALUE => {
                let (time, pressure) = *self.records.iter().rev().nth(usize::from(index))?;
                let [time, value] = taidoc_record(pressure, time);
                return Some(if frame.command == command::RECORD_TIME { time } else { value });
            }
            command::CLEAR => {
                self.records.clear();
                self.cleared = self.cleared.saturating_add(1);
                taidoc::Answer::Cleared
            }
            _ => return None,
        };
        Some(answer.emit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_protocols::{Meaning, Measurement, Selector, codec::NoFields, format};

    const PRESSURE: Pressure = Pressure { systolic: 186, diastolic: 112, pulse: 88 };

    fn time() -> DateTime {
        DateTime::new(2026, 3, 2, 7, 10, 30).unwrap()
    }

    #[track_caller]
    fn check(format_name: &str, model: Option<&str>, bytes: &[u8]) -> Measurement {
        let selector = Selector { model, ..Selector::default() };
        match format(format_name).unwrap().decode(bytes, selector, &mut NoFields).unwrap() {
            Meaning::Measurement(measurement) => measurement,
            Meaning::Event(event) => panic!("{event}"),
        }
    }

    #[track_caller]
    fn check_pressure(format_name: &str, model: Option<&str>, bytes: &[u8]) {
        let Measurement::BloodPressure(read) = check(format_name, model, bytes) else { panic!() };
        assert_eq!((read.systolic, read.diastolic), (186_i64.into(), 112_i64.into()));
        assert_eq!(read.pulse, Some(88_i64.into()));
    }

    #[test]
    fn cuffs_say_what_was_measured() {
        check_pressure("raycome-rbp", None, &raycome(PRESSURE, time(), 1)[2]);
        check_pressure("sig-bp-2a35", None, &sig_pressure(PRESSURE, time()));
        check_pressure("taidoc-51", Some("bp"), &taidoc_record(PRESSURE, time())[1]);
    }

    #[test]
    fn meters_say_what_was_measured() {
        let (measurement, context) = sig_glucose(78, 42, time());
        for (name, bytes) in
            [("sinocare-sn", sinocare(78, time())), ("sig-glucose-2a18", measurement)]
        {
            let Measurement::Glucose(read) = check(name, None, &bytes) else { panic!("{name}") };
            let firmware_protocols::GlucoseValue::Number(value) = read.value else { panic!() };
            assert_eq!(value, Decimal::new(78, -1), "{name}");
            assert_eq!(read.device_time, Some(time()), "{name}");
        }
        let context = ContextFrame::parse(&context).unwrap().0;
        assert_eq!((context.sequence, context.meal), (42, Some(3)));
    }

    #[test]
    fn json_names_only_what_the_sender_knows() {
        let none = String::from_utf8(json_pressure(PRESSURE, &Stated::default())).unwrap();
        assert!(!none.contains("seq") && !none.contains("person"), "{none}");
        let stated = Stated {
            numbered: Some((1, 43)),
            time: Some(time()),
            person: Some("P000001".to_owned()),
        };
        let reading: Value = serde_json::from_slice(&json_glucose(78, &stated)).unwrap();
        assert_eq!(reading["value"].to_string(), "7.8");
        assert_eq!(reading["measured_at"], "2026-03-02T07:10:30+08:00");
        assert_eq!((&reading["epoch"], &reading["seq"]), (&json!(1), &json!(43)));
    }
}
