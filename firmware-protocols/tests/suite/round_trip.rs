//! What can be built can be emitted, and what is emitted is read back as the same.

use firmware_protocols::ieee11073::{Float, Real, Sfloat};
use firmware_protocols::sig::blood_pressure::{Layout, PressureFrame};
use firmware_protocols::sig::date_time::SigDateTime;
use firmware_protocols::sig::glucose::{Concentration, GlucoseFrame};
use firmware_protocols::sig::glucose_context::ContextFrame;
use firmware_protocols::sig::record_access::Reply;
use firmware_protocols::taidoc::{
    Answer, Context, Direction, Frame, RecordTime, Request, device_frame,
};
use firmware_protocols::{
    BloodPressure, DateTime, Decimal, Glucose, GlucoseUnit, GlucoseValue, Meal, Meaning,
    Measurement, PressureUnit, raycome, sinocare,
};
use proptest::prelude::*;

use crate::{decode, property};

fn sig_time() -> impl Strategy<Value = SigDateTime> {
    any::<(u16, u8, u8, u8, u8, u8)>().prop_map(|(year, month, day, hour, minute, second)| {
        SigDateTime { year, month, day, hour, minute, second }
    })
}

fn sfloat() -> impl Strategy<Value = Sfloat> {
    any::<u16>().prop_map(Sfloat)
}

fn pressure_frame() -> impl Strategy<Value = PressureFrame> {
    let unit = prop_oneof![Just(PressureUnit::MmHg), Just(PressureUnit::KPa)];
    let optional = (any::<Option<u8>>(), any::<Option<u16>>());
    (
        unit,
        [sfloat(), sfloat(), sfloat()],
        proptest::option::of(sig_time()),
        proptest::option::of(sfloat()),
        optional,
    )
        .prop_map(|(unit, values, time, pulse, (user, status))| PressureFrame {
            unit,
            values,
            time,
            pulse,
            user,
            status,
        })
}

#[test]
fn blood_pressure_in_the_bluetooth_layout() {
    property(4000, &pressure_frame(), |frame| {
        let packet = frame.emit(Layout::Strict);
        prop_assert_eq!(PressureFrame::parse(packet.as_bytes(), Layout::Strict), Ok((frame, 0)));
        Ok(())
    });
}

#[test]
fn blood_pressure_in_the_beurer_layout() {
    property(4000, &pressure_frame(), |mut frame| {
        frame.user = frame.user.or(Some(0xFF));
        let packet = frame.emit(Layout::Beurer);
        prop_assert_eq!(PressureFrame::parse(packet.as_bytes(), Layout::Beurer), Ok((frame, 0)));
        Ok(())
    });
}

fn glucose_frame() -> impl Strategy<Value = GlucoseFrame> {
    let concentration = (sfloat(), 0..16_u8, 0..16_u8)
        .prop_map(|(value, sample_type, location)| Concentration { value, sample_type, location });
    let heads = any::<(bool, bool, u16, Option<i16>, Option<u16>)>();
    (heads, sig_time(), proptest::option::of(concentration)).prop_map(
        |(
            (mol_per_litre, context_follows, sequence, time_offset, status),
            base_time,
            concentration,
        )| {
            GlucoseFrame {
                mol_per_litre,
                context_follows,
                sequence,
                base_time,
                time_offset,
                concentration,
                status,
            }
        },
    )
}

#[test]
fn glucose_measurement() {
    property(4000, &glucose_frame(), |frame| {
        let packet = frame.emit();
        prop_assert_eq!(GlucoseFrame::parse(packet.as_bytes()), Ok((frame, 0)));
        Ok(())
    });
}

#[test]
fn glucose_context() {
    let heads = any::<(u16, bool, Option<u8>, Option<u8>, Option<u8>, Option<(u16, u8)>)>();
    let amounts = any::<(Option<(u8, u16)>, Option<(u8, u16)>, Option<u16>)>();
    property(4000, &(heads, amounts), |(heads, (carbohydrate, medication, hba1c))| {
        let (sequence, litres, extended, meal, tester_health, exercise) = heads;
        let frame = ContextFrame {
            sequence,
            extended,
            carbohydrate: carbohydrate.map(|(id, amount)| (id, Sfloat(amount))),
            meal,
            tester_health,
            exercise,
            medication: medication.map(|(id, amount)| (id, Sfloat(amount))),
            litres,
            hba1c: hba1c.map(Sfloat),
        };
        prop_assert_eq!(ContextFrame::parse(frame.emit().as_bytes()), Ok((frame, 0)));
        Ok(())
    });
}

#[test]
fn record_access_replies() {
    let reply = prop_oneof![
        any::<u32>().prop_map(Reply::Count),
        any::<u16>().prop_map(|count| Reply::Count(count.into())),
        any::<(u8, u8)>().prop_map(|(request, code)| Reply::Response { request, code }),
    ];
    property(1000, &reply, |reply| {
        prop_assert_eq!(Reply::parse(reply.emit().as_bytes()), Ok(reply));
        Ok(())
    });
}

#[test]
fn raycome_results() {
    let result = any::<(u8, [u8; 6], u16, u16, u16)>();
    property(4000, &result, |(user, time, systolic_mmhg, diastolic_mmhg, pulse_bpm)| {
        let result = raycome::ResultFrame { user, time, systolic_mmhg, diastolic_mmhg, pulse_bpm };
        let packet = raycome::Answer::Result(result).emit();
        let meaning = decode("raycome-rbp", None, packet.as_bytes());
        prop_assert_eq!(meaning, Ok(Meaning::Measurement(result.measurement())));
        Ok(())
    });
}

#[test]
fn every_other_raycome_frame_is_an_event() {
    use raycome::{Answer, Hazard, Request};
    let opt_in = firmware_protocols::hazard::HazardOptIn::i_mean_to_act_on_the_device();
    for (packet, event) in [
        (Answer::Acknowledge.emit(), "acknowledged"),
        (Answer::Inflation { cuff_mmhg: 211 }.emit(), "inflation"),
        (Answer::Error { code: 6 }.emit(), "failed_measurement"),
        (Answer::Battery { millivolts: 3700 }.emit(), "battery"),
        (Request::Connect.emit(), "command"),
        (Request::Battery.emit(), "command"),
        (Request::Stop.emit(), "command"),
        (Hazard::Start.emit(opt_in), "command"),
        (Hazard::PowerOff.emit(opt_in), "command"),
    ] {
        let meaning = decode("raycome-rbp", None, packet.as_bytes());
        assert_eq!(meaning, Ok(Meaning::Event(event)));
    }
}

#[test]
fn sinocare_results() {
    let head = any::<(u16, bool, [u8; 5], u16, u8, u16, Option<(u8, u8)>)>();
    property(4000, &head, |(machine, history, time, glucose, sample_type, temperature, long)| {
        let result = sinocare::ResultFrame {
            machine,
            history,
            time,
            glucose_tenths: glucose,
            sample_type,
            temperature_tenths: temperature,
            long: long.map(|(second, code)| sinocare::LongBody { second, code }),
        };
        let meaning = decode("sinocare-sn", None, result.emit().as_bytes());
        prop_assert_eq!(meaning, Ok(Meaning::Measurement(result.measurement())));
        Ok(())
    });
}

#[test]
fn taidoc_frames_of_both_directions() {
    property(4000, &any::<(u8, [u8; 4])>(), |(command, payload)| {
        let frame = Frame { command, payload, direction: Direction::Device };
        prop_assert_eq!(Frame::new_checked(&device_frame(command, payload), false), Ok(frame));
        Ok(())
    });
    property(1000, &any::<(u16, u8)>(), |(index, user)| {
        for request in [
            Request::Connect,
            Request::Model,
            Request::Clock,
            Request::SerialLow,
            Request::SerialHigh,
            Request::Count { user },
            Request::RecordTime { index, user },
            Request::RecordValue { index, user },
        ] {
            let frame = Frame::new_checked(&request.emit(), false).unwrap();
            prop_assert_eq!((frame.command, frame.direction), (request.command(), Direction::Host));
        }
        Ok(())
    });
}

#[test]
fn taidoc_pressures() {
    property(4000, &any::<(u8, u8, u8, u8)>(), |(systolic, mean, diastolic, pulse)| {
        let mean = Some(mean).filter(|mean| *mean > 0 && (diastolic..=systolic).contains(mean));
        let answer = Answer::Pressure {
            systolic_mmhg: systolic,
            mean_mmhg: mean,
            diastolic_mmhg: diastolic,
            pulse_bpm: pulse,
        };
        let expected = BloodPressure {
            mean: mean.map(Decimal::from),
            pulse: Some(pulse.into()),
            ..BloodPressure::new(systolic.into(), diastolic.into(), PressureUnit::MmHg)
        };
        let meaning = decode("taidoc-51", Some("bp"), &answer.emit());
        prop_assert_eq!(meaning, Ok(Meaning::Measurement(Measurement::BloodPressure(expected))));
        Ok(())
    });
}

#[test]
fn every_taidoc_glucose_value_in_every_context() {
    let contexts = [
        (Context::General, Meal::Unknown),
        (Context::BeforeMeal, Meal::BeforeMeal),
        (Context::AfterMeal, Meal::AfterMeal),
        (Context::Control, Meal::Unknown),
    ];
    for (context, meal) in contexts {
        for mg_per_dl in (0..u16::MAX).filter(|value| *value != 255) {
            let answer = Answer::Glucose { mg_per_dl, ambient: 24, context };
            let expected = Glucose {
                meal,
                control: context == Context::Control,
                sample_type: Some(0),
                ..Glucose::new(GlucoseValue::Number(mg_per_dl.into()), GlucoseUnit::MgPerDl)
            };
            let meaning = decode("taidoc-51", Some("glucose"), &answer.emit());
            assert_eq!(meaning, Ok(Meaning::Measurement(Measurement::Glucose(expected))));
        }
    }
}

#[test]
fn taidoc_times_and_other_answers() {
    let parts = (0..128_u16, 1..=12_u8, 1..=28_u8, 0..24_u8, 0..60_u8);
    property(2000, &parts, |(year, month, day, hour, minute)| {
        let time = DateTime::new(2000 + year, month, day, hour, minute, 0).unwrap();
        let packed = RecordTime::clock(time);
        prop_assert_eq!(packed.device_time(), Ok(time));
        let marked = packed.of_blood_pressure(true);
        prop_assert!(marked.is_blood_pressure() && marked.arrhythmia());
        prop_assert_eq!(marked.device_time(), Ok(time));
        for (answer, event) in [
            (Answer::Clock(time), "device_clock"),
            (Answer::RecordTime(marked), "record_time"),
            (Answer::Count(year), "record_count"),
            (Answer::Model { bcd: 0x4277 }, "model"),
            (Answer::Connected, "connected"),
            (Answer::EnteredCommunication, "connected"),
            (Answer::Cleared, "memory_cleared"),
        ] {
            prop_assert_eq!(decode("taidoc-51", None, &answer.emit()), Ok(Meaning::Event(event)));
        }
        Ok(())
    });
}

#[test]
fn floats_are_exact() {
    property(4000, &any::<u32>(), |bits| {
        if let Real::Number(decimal) = Float(bits).real() {
            let again: Option<Decimal> = decimal.to_string().parse().ok();
            // A text of 130 digits does not fit back into 64 bits; what fits is the same.
            prop_assert!(again.is_none_or(|again| again == decimal));
        }
        Ok(())
    });
}

#[test]
fn decimals_print_and_read_as_the_same_value() {
    property(4000, &(any::<i64>(), -30..=0_i8), |(mantissa, exponent)| {
        let decimal = Decimal::new(mantissa, exponent);
        prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
        Ok(())
    });
}

/// The value times 10^20, where exponents are -20 to 0: exact in 128 bits.
fn scaled(decimal: Decimal) -> i128 {
    i128::from(decimal.mantissa()) * 10_i128.pow(u32::try_from(20 + decimal.exponent()).unwrap())
}

#[test]
fn decimals_order_and_equal_as_their_values_do() {
    use std::hash::{BuildHasher, RandomState};
    let decimal = (-1_000_000..=1_000_000_i64, -20..=-10_i8)
        .prop_map(|(mantissa, exponent)| Decimal::new(mantissa, exponent));
    let small = (-20..=20_i64, -3..=0_i8).prop_map(|(m, e)| Decimal::new(m * 10, e));
    let pair = prop_oneof![(decimal.clone(), decimal).boxed(), (small.clone(), small).boxed()];
    let hasher = RandomState::new();
    property(8000, &pair, |(left, right)| {
        prop_assert_eq!(left.cmp(&right), scaled(left).cmp(&scaled(right)));
        prop_assert_eq!(left == right, scaled(left) == scaled(right));
        if left == right {
            prop_assert_eq!(hasher.hash_one(left), hasher.hash_one(right));
        }
        Ok(())
    });
}

#[test]
fn decimals_round_half_up_as_long_division_does() {
    let inputs = (0..=100_000_i64, -4..=0_i8, 1..=1_000_000_i64, 1..=1_000_000_i64, 0..=3_u8);
    property(8000, &inputs, |(mantissa, exponent, mul, div, digits)| {
        let value = Decimal::new(mantissa, exponent);
        let rounded = value.checked_mul_div_round_half_up(mul, div, digits).unwrap();
        let ten_thousandths =
            i128::from(mantissa) * 10_i128.pow(u32::try_from(4 + exponent).unwrap());
        let numerator = ten_thousandths * i128::from(mul) * 10_i128.pow(digits.into());
        let denominator = i128::from(div) * 10_000;
        let expected = (2 * numerator + denominator) / (2 * denominator);
        prop_assert_eq!(
            rounded,
            Decimal::new(i64::try_from(expected).unwrap(), -i8::try_from(digits).unwrap())
        );
        Ok(())
    });
}
