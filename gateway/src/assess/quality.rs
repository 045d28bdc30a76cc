//! Values that are refused, units and clocks that are wrong: asked about, never dropped
//! (LINES 6.3, DQ-1 to DQ-5).

use firmware_protocols::{Decimal, GlucoseUnit};

use super::{
    concept::Concept,
    facts::{Cuff, Fact},
    glucose::{Sugar, is_low},
    ledger::{Bench, Moment},
    state::{Red, State},
    words::Words,
};
use crate::domain::Level;

impl State {
    /// DQ-3: the device's clock runs ahead by more than 10 min; the time of receipt is used.
    pub(super) fn clock_ahead(&mut self, bench: &mut Bench<'_>, fact: &Fact, moment: Moment) {
        let (at, received_at) = (fact.at, fact.received_at);
        self.raise(bench, (Concept::DqClock, Level::Blue), moment, || Words {
            zh: format!("设备时间{at}晚于接收时间{received_at}，按接收时间处理"),
            en: format!("device time {at} is after receipt at {received_at}, which is used"),
        });
    }

    /// DQ-1 for blood pressure: systolic not above diastolic, or not even legible (I13).
    pub(super) fn pressure_refused(&mut self, bench: &mut Bench<'_>, moment: Moment, cuff: &Cuff) {
        let (systolic, diastolic, unit) = (cuff.systolic, cuff.diastolic, cuff.unit.name());
        self.raise(bench, (Concept::DqReject, Level::Blue), moment, || Words {
            zh: format!("血压{systolic}/{diastolic} {unit}不可能，请重测"),
            en: format!("{systolic}/{diastolic} {unit} cannot be, measure again"),
        });
    }

    /// DQ-1 and DQ-2 for glucose: outside the validity as declared; where the other unit fits, the
    /// unit is asked about. What may hide an emergency opens DQ-5, GL-E1 or GL-E2 beside it (M5).
    pub(super) fn glucose_refused(
        &mut self,
        bench: &mut Bench<'_>,
        moment: Moment,
        value: Decimal,
        unit: GlucoseUnit,
    ) {
        let other = other_unit(unit);
        let fits_other = bench.pack.accepts_glucose(value, other);
        let (declared, fits) = (unit.name(), other.name());
        match self.hidden_emergency(bench, moment, Refused { value, unit, fits_other }) {
            Hidden::Nothing => {}
            Hidden::Red { concept, severe } => {
                let red = Red { concept, moment, severe };
                self.raise_red(bench, red, || Words {
                    zh: format!("血糖{value} {declared}超出量程，无论哪种单位都是急症"),
                    en: format!("{value} {declared} is refused and an emergency in either unit"),
                });
            }
            Hidden::Unit => {
                let line = (Concept::PossibleEmergencyUnit, Level::Orange);
                self.raise(bench, line, moment, || Words {
                    zh: format!("血糖{value} {declared}，若单位有误可能是急症，请立即复测"),
                    en: format!("{value} {declared} may be an emergency in the other unit"),
                });
            }
        }
        if fits_other {
            self.raise(bench, (Concept::DqUnit, Level::Blue), moment, || Words {
                zh: format!("血糖{value} {declared}不可能，可能是{fits}"),
                en: format!("{value} {declared} cannot be, it may be {fits}"),
            });
        } else {
            self.raise(bench, (Concept::DqReject, Level::Blue), moment, || Words {
                zh: format!("血糖{value} {declared}不可能，请重测"),
                en: format!("{value} {declared} cannot be, measure again"),
            });
        }
    }

    fn hidden_emergency(&self, bench: &Bench<'_>, moment: Moment, refused: Refused) -> Hidden {
        let Refused { value, unit, fits_other } = refused;
        let validity = &bench.pack.validity;
        let (accept, plausible) = match unit {
            GlucoseUnit::MmolPerL => (validity.accept_mmoll, validity.plausible_mmoll),
            GlucoseUnit::MgPerDl => (validity.accept_mgdl, validity.plausible_mgdl),
        };
        let in_other = fits_other && is_emergency(bench, moment, value, other_unit(unit));
        let high = value > accept.1 && value <= plausible;
        // Above the range as declared: an emergency as declared, and, where the other unit cannot be
        // asked, in that one too.
        if high && (in_other || !fits_other) {
            Hidden::Red { concept: Concept::GluHighEmergency, severe: false }
        } else if high || in_other {
            Hidden::Unit
        } else if !fits_other && value < accept.0 && value > bench.pack.lines.glu_low_refused_gt {
            Hidden::Red { concept: Concept::GluLowEmergency, severe: true }
        } else {
            Hidden::Nothing
        }
    }
}

/// A refused glucose value.
#[derive(Clone, Copy)]
struct Refused {
    value: Decimal,
    unit: GlucoseUnit,
    fits_other: bool,
}

/// What a refused glucose value may hide.
enum Hidden {
    Nothing,
    /// One of the two readings of the unit is an emergency.
    Unit,
    /// An emergency however the unit is read.
    Red {
        concept: Concept,
        severe: bool,
    },
}

fn is_emergency(bench: &Bench<'_>, moment: Moment, value: Decimal, unit: GlucoseUnit) -> bool {
    bench.pack.convert.glycaemia(value, unit).map(Sugar::Number).is_some_and(|sugar| {
        sugar.reaches(bench.pack.lines.glu_high_emergency_ge) || is_low(bench, moment, sugar)
    })
}

const fn other_unit(unit: GlucoseUnit) -> GlucoseUnit {
    match unit {
        GlucoseUnit::MmolPerL => GlucoseUnit::MgPerDl,
        GlucoseUnit::MgPerDl => GlucoseUnit::MmolPerL,
    }
}
