//! The floor: emergency lines of the guidelines, which no deployment may loosen (LINES 6.1).

use serde_json::Value;

use super::PackError;

/// In which direction a number may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// Only down, or stay.
    Fall,
    /// Only up, or stay.
    Rise,
    /// Names may be added, none taken away.
    Grow,
    /// Names may be taken away, none added.
    Shrink,
    /// It stays.
    Stay,
}

/// What the floor is made of, by its place in the pack.
const FLOOR: &[(&str, May)] = &[
    ("/convert/mgdl_per_mmoll", May::Stay),
    ("/convert/mmhg_per_kpa", May::Stay),
    ("/validity/bp_reject/sbp_min", May::Fall),
    ("/validity/bp_reject/sbp_max", May::Rise),
    ("/validity/bp_reject/dbp_min", May::Fall),
    ("/validity/bp_reject/dbp_max", May::Rise),
    ("/validity/bp_extreme/sbp_min", May::Fall),
    ("/validity/bp_extreme/sbp_max", May::Rise),
    ("/validity/bp_extreme/dbp_min", May::Fall),
    ("/validity/bp_extreme/dbp_max", May::Rise),
    ("/validity/glucose_accept/mmol~1L/0", May::Fall),
    ("/validity/glucose_accept/mmol~1L/1", May::Rise),
    ("/validity/glucose_accept/mg~1dL/0", May::Fall),
    ("/validity/glucose_accept/mg~1dL/1", May::Rise),
    ("/validity/glucose_plausible_max/mmol~1L", May::Rise),
    ("/validity/glucose_plausible_max/mg~1dL", May::Rise),
    ("/validity/stale_hours", May::Rise),
    ("/lines/bp_emergency/sbp_ge", May::Fall),
    ("/lines/bp_emergency/dbp_ge", May::Fall),
    ("/lines/bp_pregnancy/0", May::Fall),
    ("/lines/bp_pregnancy/1", May::Fall),
    ("/lines/bp_symptom_nodx/0", May::Fall),
    ("/lines/bp_symptom_nodx/1", May::Fall),
    ("/lines/glu_high_emergency_ge", May::Fall),
    ("/lines/glu_low_emergency_le_dm", May::Rise),
    ("/lines/glu_low_emergency_lt_nodm", May::Rise),
    ("/lines/glu_low_severe_lt", May::Rise),
    ("/lines/glu_low_refused_gt", May::Fall),
    ("/lines/glu_low_recovered_gt", May::Rise),
    ("/lines/glu_symptom_nodx/ge", May::Fall),
    ("/lines/glu_symptom_nodx/le", May::Rise),
    ("/lines/glu_pregnancy_fasting_ge", May::Fall),
    ("/lines/glu_pregnancy_red_ge", May::Fall),
    ("/lines/dm_tachycardia/pulse_gt", May::Fall),
    ("/timers_minutes/unreliable_extreme_to_red", May::Fall),
    ("/timers_minutes/recheck_after", May::Rise),
    ("/timers_minutes/downgrade_window", May::Fall),
    ("/timers_minutes/hypo_downgrade_from", May::Rise),
    ("/timers_minutes/hypo_downgrade_window", May::Fall),
    ("/timers_minutes/repeat_after_red", May::Fall),
    ("/ack_minutes/C0/red", May::Fall),
    ("/ack_minutes/C1/red", May::Fall),
    ("/ack_minutes/C2/red", May::Fall),
    ("/ack_minutes/C3/red", May::Fall),
    ("/red_ack_minutes_override/glu_low_severe", May::Fall),
    ("/escalation/red/L3_at_minutes", May::Fall),
    ("/symptoms/hypertension", May::Grow),
    ("/symptoms/diabetes", May::Grow),
    ("/validity/bp_unreliable_flags", May::Shrink),
    ("/suppression/episode_hours", May::Fall),
    ("/escalation/red/fast/concepts", May::Grow),
    ("/escalation/red/fast/glu_low_severe", May::Stay),
    ("/page/settle_minutes", May::Fall),
    ("/page/at_once_sbp_ge", May::Fall),
    ("/page/at_once_dbp_ge", May::Fall),
    ("/rules/bp_emergency/enabled", May::Stay),
    ("/rules/bp_symptom/enabled", May::Stay),
    ("/rules/bp_pregnancy/enabled", May::Stay),
    ("/rules/bp_extreme_unreliable/enabled", May::Stay),
    ("/rules/stale_emergency/enabled", May::Stay),
    ("/rules/glu_high_emergency/enabled", May::Stay),
    ("/rules/glu_low_emergency/enabled", May::Stay),
    ("/rules/glu_symptom/enabled", May::Stay),
    ("/rules/glu_pregnancy/enabled", May::Stay),
    ("/rules/dm_tachycardia/enabled", May::Stay),
    ("/rules/possible_emergency_unit/enabled", May::Stay),
];

/// Compares a pack with the built-in one: every place below the floor.
pub(super) fn check(floor: &Value, laid: &Value) -> Vec<PackError> {
    let mut errors = Vec::new();
    for (path, may) in FLOOR {
        let (Some(under), Some(over)) = (floor.pointer(path), laid.pointer(path)) else { continue };
        if !keeps(*may, under, over) {
            errors.push(loosened((*path).to_owned(), under, over));
        }
        // A line of the floor keeps its place in its family, and nobody's silence goes unheard.
        let Some(rule) = path.strip_suffix("/enabled") else { continue };
        let (family, escalates) = (format!("{rule}/family"), format!("{rule}/escalates"));
        let none = Value::Null;
        let (under, over) = (floor.pointer(&family), laid.pointer(&family));
        if under != over {
            errors.push(loosened(family, under.unwrap_or(&none), over.unwrap_or(&none)));
        }
        if laid.pointer(&escalates) == Some(&Value::Bool(false)) {
            errors.push(loosened(escalates, &Value::Bool(true), &Value::Bool(false)));
        }
    }
    errors
}

fn loosened(path: String, floor: &Value, got: &Value) -> PackError {
    PackError::Loosened { path, floor: floor.to_string(), got: got.to_string() }
}

/// Comparing as floats is exact enough: both were read from decimals of a few digits, and equal
/// texts give equal floats.
fn keeps(may: May, floor: &Value, laid: &Value) -> bool {
    match may {
        May::Stay => match (floor.as_f64(), laid.as_f64()) {
            (Some(floor), Some(laid)) => floor.to_bits() == laid.to_bits(),
            _ => floor == laid,
        },
        May::Grow => match (floor, laid) {
            (Value::Object(floor), Value::Object(laid)) => {
                floor.keys().all(|key| laid.contains_key(key))
            }
            (Value::Array(floor), Value::Array(laid)) => floor.iter().all(|it| laid.contains(it)),
            _ => false,
        },
        May::Shrink => match (floor.as_array(), laid.as_array()) {
            (Some(floor), Some(laid)) => laid.iter().all(|it| floor.contains(it)),
            _ => false,
        },
        May::Fall | May::Rise => match (floor.as_f64(), laid.as_f64()) {
            (Some(floor), Some(laid)) if may == May::Fall => laid <= floor,
            (Some(floor), Some(laid)) => laid >= floor,
            // A value of the wrong kind: reading it says so, with what was expected.
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_floor_stands_in_the_built_in_pack() {
        let pack: Value = serde_json::from_str(super::super::BUILT_IN).unwrap();
        for (path, _) in FLOOR {
            assert!(pack.pointer(path).is_some(), "{path}");
        }
    }
}
