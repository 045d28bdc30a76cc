//! What can be built can be emitted, and what is emitted is read back as the same.

use firmware_protocols::ieee11073::{Float, Real, Sfloat};
use firmware_protocols::sig::blood_pressure::{Layout, PressureFrame};
use firmware_protocols::sig::date_time::SigDateTime;
use firmware_protocols::sig::glucose::{Concentration, GlucoseFrame};
use firmware_protocols::sig::glucose_context::ContextFrame;
use firmware_protocols::sig::record_access::Reply;
use firmware_protocols::taidoc::{Direction, Frame, Request, device_frame};
use firmware_protocols::{Decimal, Meaning, PressureUnit, raycome, sinocare};
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
    property(4000, &any::<(u8, [u8; 4])>(), |(command, data)| {
        let frame = Frame { command, data, direction: Direction::Device };
        prop_assert_eq!(Frame::new_checked(&device_frame(command, data), false), Ok(frame));
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
