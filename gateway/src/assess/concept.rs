//! What the lines can find: a closed set of neutral names (LINES section 6.3).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! concepts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a line finds. The names are those of the rule pack and of scenarios.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum Concept {
            $($(#[$doc])* $variant,)*
        }

        impl Concept {
            /// Every concept.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The neutral name, as `bp_emergency`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

concepts! {
    /// BP-E1.
    BpEmergency = "bp_emergency",
    /// BP-E2.
    BpSymptom = "bp_symptom",
    /// BP-E3.
    BpPregnancy = "bp_pregnancy",
    /// BP-E0.
    BpExtremeUnreliable = "bp_extreme_unreliable",
    /// ST-1: takes the place of any red that came late.
    StaleEmergency = "stale_emergency",
    /// BP-G2.
    BpGrade2 = "bp_grade2",
    /// BP-R.
    BpRemeasure = "bp_remeasure",
    /// BP-C1.
    BpUncontrolledFirst = "bp_uncontrolled_first",
    /// BP-C2.
    BpUncontrolledRepeat = "bp_uncontrolled_repeat",
    /// BP-B1.
    BpEarlyLine = "bp_early_line",
    /// BP-L1.
    BpLow = "bp_low",
    /// BP-A1.
    IrregularPulse = "irregular_pulse",
    /// BP-S1.
    BpFirstFound = "bp_first_found",
    /// BP-S2.
    BpSuspectedHtn = "bp_suspected_htn",
    /// BP-S3.
    BpSuspectedHome = "bp_suspected_home",
    /// GL-E1.
    GluHighEmergency = "glu_high_emergency",
    /// GL-E2.
    GluLowEmergency = "glu_low_emergency",
    /// GL-E3.
    GluSymptom = "glu_symptom",
    /// GL-E4.
    GluPregnancy = "glu_pregnancy",
    /// GL-HR.
    DmTachycardia = "dm_tachycardia",
    /// GL-G2.
    GluHighUrgent = "glu_high_urgent",
    /// GL-H3.
    GluLowRecurrent = "glu_low_recurrent",
    /// GL-C1.
    GluUncontrolledFirst = "glu_uncontrolled_first",
    /// GL-C2.
    GluUncontrolledRepeat = "glu_uncontrolled_repeat",
    /// GL-B1.
    GluEarlyLine = "glu_early_line",
    /// GL-B2.
    GluLowEarly = "glu_low_early",
    /// GL-R.
    GluLowRemeasure = "glu_low_remeasure",
    /// GL-S1.
    GluFirstFound = "glu_first_found",
    /// GL-S2.
    GluSuspectedDm = "glu_suspected_dm",
    /// DQ-1.
    DqReject = "dq_reject",
    /// DQ-2.
    DqUnit = "dq_unit",
    /// DQ-3.
    DqClock = "dq_clock",
    /// DQ-4.
    DqContext = "dq_context",
    /// DQ-5.
    PossibleEmergencyUnit = "possible_emergency_unit",
    /// MM-1.
    Missed = "missed",
    /// MM-2.
    MissedDoctor = "missed_doctor",
    /// MM-3.
    MissedRepeat = "missed_repeat",
    /// PR-1.
    OopLine = "oop_line",
    /// PR-2.
    PovertyRelapseRisk = "poverty_relapse_risk",
}

impl Concept {
    /// What a red of this concept measures, for the repeat that it asks for (MM-3).
    #[must_use]
    pub const fn measure(self) -> Measure {
        let glucose = matches!(
            self,
            Self::GluHighEmergency | Self::GluLowEmergency | Self::GluSymptom | Self::GluPregnancy
        );
        if glucose { Measure::Glucose } else { Measure::BloodPressure }
    }

    /// The second line whose alert takes the place of this first one and silences it (LINES 6.1).
    pub(super) fn second(self) -> Option<Self> {
        FIRST_AND_SECOND.into_iter().find(|pair| pair.0 == self).map(|pair| pair.1)
    }

    /// The first line whose alert this second one ends.
    pub(super) fn first(self) -> Option<Self> {
        FIRST_AND_SECOND.into_iter().find(|pair| pair.1 == self).map(|pair| pair.0)
    }
}

const FIRST_AND_SECOND: [(Concept, Concept); 2] = [
    (Concept::BpUncontrolledFirst, Concept::BpUncontrolledRepeat),
    (Concept::GluUncontrolledFirst, Concept::GluUncontrolledRepeat),
];

impl fmt::Display for Concept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name is no concept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such concept")]
pub struct UnknownConcept;

impl FromStr for Concept {
    type Err = UnknownConcept;

    fn from_str(name: &str) -> Result<Self, UnknownConcept> {
        Self::ALL.iter().copied().find(|concept| concept.as_str() == name).ok_or(UnknownConcept)
    }
}

/// What is measured. "Consecutive" and "repeat" are asked of each apart (LINES section 5, 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// Blood pressure and the pulse that comes with it.
    BloodPressure,
    /// Blood glucose.
    Glucose,
}

/// Lines of one family silence each other downwards for a day (LINES 6.1, "Open and closed").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// Raised blood pressure.
    BpHigh,
    /// Raised glucose.
    GluHigh,
    /// Low glucose.
    GluLow,
}

impl Family {
    /// The family's name in the pack.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BpHigh => "bp_high",
            Self::GluHigh => "glu_high",
            Self::GluLow => "glu_low",
        }
    }

    /// The family of a name in the pack.
    #[must_use]
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::BpHigh, Self::GluHigh, Self::GluLow].into_iter().find(|it| it.as_str() == name)
    }
}
