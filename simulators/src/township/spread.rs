//! How pressures and glucose values are spread, as published; what is not published is marked
//! *assumed*. Pressures in tenths of mmHg, glucose in thousandths of mmol/L, spreads of glucose in
//! thousandths of its natural logarithm.

/// A mean and a standard deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The mean.
    pub mean: i32,
    /// The standard deviation.
    pub deviation: i32,
}

/// One systolic pressure of people under hypertension management in China, 147 ± 17 mmHg: 3,191
/// patients of a community health centre on entering its programme, 70 ± 10 years old
/// (doi 10.1186/1471-2458-14-801).
pub const SYSTOLIC_MANAGED: Spread = Spread { mean: 1470, deviation: 170 };
/// Their diastolic pressure, 83 ± 11 mmHg (the same).
pub const DIASTOLIC_MANAGED: Spread = Spread { mean: 830, deviation: 110 };
/// Their age in years (the same).
pub const AGE_MANAGED: Spread = Spread { mean: 70, deviation: 10 };
/// One systolic pressure of Chinese adults whoever they are, 130.7 ± 21.0 mmHg: 480,130 people
/// without diabetes of the China Kadoorie Biobank (J Epidemiol Community Health, characteristics by
/// diabetes status).
pub const SYSTOLIC_OTHERS: Spread = Spread { mean: 1307, deviation: 210 };
/// Their age in years (the same).
pub const AGE_OTHERS: Spread = Spread { mean: 51, deviation: 11 };
/// The diastolic pressure that goes with it; assumed.
pub const DIASTOLIC_OTHERS: Spread = Spread { mean: 790, deviation: 110 };

/// Systolic pressure of one person from visit to visit: 25,814 people of ALLHAT, seven visits each;
/// the lowest fifth of the standard deviations lies under 6.5, the highest from 14.4 mmHg
/// (doi 10.7326/M14-2803). Seven normal values put those fifths at 0.715 and 1.194 of the true
/// deviation: 9.1 and 12.1, half-way 10.6.
pub const SYSTOLIC_BETWEEN_VISITS: i32 = 106;
/// Systolic pressure within one visit: 15,317 people of NHANES III, three readings each; the fifths
/// of the standard deviations end at 2, 3, 4 and 5.3 mmHg (doi 10.1111/j.1751-7176.2011.00581.x).
/// Three normal values put the last at 1.269 of the true deviation: 4.2.
pub const SYSTOLIC_WITHIN_VISIT: i32 = 42;
/// The first reading of a visit lies higher by so much (LINES 6.5, there assumed too).
pub const SYSTOLIC_FIRST_READING: i32 = 30;
/// Diastolic pressure follows the systolic one by so many tenths of its way (a correlation of about
/// 0.6); assumed, and with it how the rest of its spread is shared out.
pub const DIASTOLIC_FOLLOWS_TENTHS: i32 = 4;
/// See [`DIASTOLIC_FOLLOWS_TENTHS`].
pub const DIASTOLIC_OWN: i32 = 70;
/// See [`DIASTOLIC_FOLLOWS_TENTHS`].
pub const DIASTOLIC_BETWEEN_VISITS: i32 = 50;
/// See [`DIASTOLIC_FOLLOWS_TENTHS`].
pub const DIASTOLIC_WITHIN_VISIT: i32 = 30;

/// Median of one fasting glucose of people with type 2 diabetes in Chinese primary care, and the
/// spread of its logarithm: 19,546 people of ROADMAP, half of them rural, 8.57 ± 3.38 and
/// 8.71 ± 3.49 mmol/L (doi 10.1371/journal.pmed.1003754, table 1). A log-normal spread with these
/// moments puts 35.9 % under 7.0; the table says 36.4 and 38.4 %.
pub const FASTING_DIABETIC: Spread = Spread { mean: 8045, deviation: 384 };
/// The same of everybody: 5.5 ± 1.1 mmol/L, 101,886 people of Nanjing
/// (doi 10.1186/s12889-021-10367-x).
pub const FASTING_OTHERS: Spread = Spread { mean: 5390, deviation: 198 };
/// Fasting glucose of one person from day to day, 7.8 % (7.52 of 96.2 mg/dL, 8,315 people without
/// diabetes, doi 10.1038/s41591-024-02908-9; people with diabetes will vary more), and the meter's
/// own error, 7.5 % (95 % within 15 %: ISO 15197:2013, LINES M1); together.
pub const FASTING_BETWEEN_DAYS: i32 = 108;

/// What is left of a published spread for people, when visits have had their share.
pub const fn between_people(spread: Spread, between_visits: i32) -> i32 {
    let square = spread.deviation.pow(2) - between_visits.pow(2);
    square.isqrt()
}

/// e to the power of so many thousandths, as thousandths. Whole numbers, so that every machine gets
/// the same: a short series at a sixteenth of the way, then squared four times.
pub fn exponential(thousandths: i32) -> i64 {
    const ONE: i64 = 1_000_000_000;
    let step = i64::from(thousandths.clamp(-4000, 4000)).saturating_mul(ONE / 16_000);
    let times = |left: i64, right: i64| {
        let product = i128::from(left).saturating_mul(i128::from(right)) / i128::from(ONE);
        i64::try_from(product).unwrap_or(i64::MAX)
    };
    let square = times(step, step);
    let mut power = ONE
        .saturating_add(step)
        .saturating_add(square / 2)
        .saturating_add(times(square, step) / 6)
        .saturating_add(times(square, square) / 24);
    for _ in 0..4 {
        power = times(power, power);
    }
    power / (ONE / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_a_thousandth() {
        for (thousandths, expected) in
            [(0, 1000), (384, 1468), (-384, 681), (1000, 2718), (-2000, 135)]
        {
            let got = exponential(thousandths);
            assert!((got - expected).abs() <= 1, "{thousandths}: {got}");
        }
    }

    #[test]
    fn people_and_visits_together_have_the_published_spread() {
        let people = between_people(SYSTOLIC_MANAGED, SYSTOLIC_BETWEEN_VISITS);
        let together = people.pow(2) + SYSTOLIC_BETWEEN_VISITS.pow(2);
        assert!((together.isqrt() - 170).abs() <= 1, "{people}");
    }
}
