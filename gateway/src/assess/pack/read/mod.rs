//! Reads a whole pack: every key is asked for once.

mod counted;
mod lines;
mod quiet;
mod relapse;
mod seal;

use std::collections::BTreeMap;

use firmware_protocols::Decimal;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};

use super::{
    super::{
        concept::{Concept, Family},
        patient::Cohort,
        quantity::{Convert, Pressure},
        symptoms::SymptomLists,
    },
    Ages, AutoResolve, Pack, PackError, Page, Persistence, PressureLimits, PressureRepeats,
    RepeatFromReadings, Repeats, Rule, SessionNumbers, Spaced, Timers, Validity, place,
    section::Section,
};

/// The units of all numbers whose key names none.
const UNITS: [(&str, &str); 4] =
    [("pressure", "mmHg"), ("glucose", "mmol/L"), ("pulse", "1/min"), ("money", "CNY")];

type Result<T, E = PackError> = std::result::Result<T, E>;

/// Reads a pack.
///
/// # Errors
/// [`PackError`] names the place of the first thing that is wrong.
pub(super) fn pack(value: Value) -> Result<Pack> {
    let text = value.to_string().into_boxed_str();
    let hash = seal::content_hash(&value);
    let mut top = Section::new(String::new(), value)?;
    let name = top.text("pack")?;
    let version = top.text("version")?;
    explanations(&mut top)?;
    let escalation = quiet::escalation(&mut top)?;
    let pack = Pack {
        title: format_smolstr!("{name} {version}"),
        name,
        version,
        norm_profile: top.text("norm_profile")?,
        signed_by: seal::signature(&mut top)?,
        signed_hash: seal::signed_hash(&mut top)?,
        hash,
        text,
        convert: convert(&mut top)?,
        cohort_classes: cohort_classes(&mut top)?,
        cohort_precedence: top.cohorts("cohort_precedence")?,
        ages: ages(&mut top)?,
        validity: validity(&mut top)?,
        session: session(&mut top)?,
        lines: lines::lines(&mut top)?,
        persistence: top.by_cohort("persistence", persistence)?,
        timers: timers(&mut top)?,
        ack: top.by_cohort("ack_minutes", quiet::ack_minutes)?,
        severe_ack_minutes: quiet::severe_ack_minutes(&mut top)?,
        page: page(&mut top)?,
        escalation,
        missed: top.by_cohort("missed_days", quiet::missed_days)?,
        money: quiet::money(&mut top)?,
        suppression: quiet::suppression(&mut top)?,
        repeat: repeat_from_readings(&mut top)?,
        auto_resolve: auto_resolve(&mut top)?,
        silence_cohorts: silence_cohorts(&mut top)?,
        relapse: relapse::relapse(&mut top)?,
        symptoms: symptoms(&mut top)?,
        indicators: counted::indicators(&mut top)?,
        rejudged: counted::rejudged(&mut top)?,
        rules: rules(&mut top)?,
    };
    top.finish()?;
    Ok(pack)
}

impl Pack {
    /// The same under the text and hash of what was written.
    pub(super) fn under_the_text_of(self, text: &Value) -> Self {
        let hash = seal::content_hash(text);
        Self { hash, text: text.to_string().into_boxed_str(), ..self }
    }
}

/// What only explains, and numbers of texts for people that no line compares with.
fn explanations(top: &mut Section) -> Result<()> {
    top.fixed("timezone", &json!("+08:00"))?;
    top.explanation("status")?;
    top.section("sources")?.named_texts()?;
    let mut units = top.section("units")?;
    for (measure, unit) in UNITS {
        units.fixed(measure, &json!(unit))?;
    }
    units.finish()?;
    top.section("cohorts")?.named_texts()?;
    top.section("roles")?.named_texts()?;
    let mut prompts = top.section("prompts")?;
    for key in [
        "third_reading_if_diff_gt_mmhg",
        "bp_recheck_minutes",
        "hypo_recheck_minutes",
        "hypo_sugar_g",
    ] {
        prompts.whole::<u32>(key)?;
    }
    prompts.finish()?;
    let mut defaults = top.section("wire_defaults")?;
    defaults.section("setting")?.named_texts()?;
    defaults.finish()
}

fn convert(top: &mut Section) -> Result<Convert> {
    let mut section = top.section("convert")?;
    section.fixed("rounding", &json!("half_up"))?;
    section.fixed("glucose_round_mmoll", &json!(0.1))?;
    section.fixed("bp_round_mmhg", &json!(1))?;
    let convert = Convert {
        mgdl_per_mmoll: section.fraction("mgdl_per_mmoll")?,
        mmhg_per_kpa: section.fraction("mmhg_per_kpa")?,
    };
    section.finish()?;
    Ok(convert)
}

fn cohort_classes(top: &mut Section) -> Result<BTreeMap<SmolStr, Cohort>> {
    let section = top.section("cohort_classes")?;
    let named = section.named_texts()?.into_iter();
    named
        .map(|(class, code)| match Cohort::parse(&code) {
            Some(cohort) => Ok((class, cohort)),
            None => Err(PackError::Wrong {
                path: place::within("/cohort_classes", &class),
                expected: "one of C0, C1, C2, C3",
                got: code.to_string(),
            }),
        })
        .collect()
}

fn ages(top: &mut Section) -> Result<Ages> {
    let mut section = top.section("ages")?;
    let ages = Ages {
        older_from: section.whole("older_from")?,
        oldest_from: section.whole("oldest_from")?,
    };
    section.finish()?;
    Ok(ages)
}

fn limits(section: &mut Section) -> Result<PressureLimits> {
    Ok(PressureLimits {
        lowest: Pressure {
            systolic: section.whole("sbp_min")?,
            diastolic: section.whole("dbp_min")?,
        },
        highest: Pressure {
            systolic: section.whole("sbp_max")?,
            diastolic: section.whole("dbp_max")?,
        },
    })
}

fn validity(top: &mut Section) -> Result<Validity> {
    let mut section = top.section("validity")?;
    for key in ["duplicate_key", "lateness", "stale_applies_to"] {
        section.explanation(key)?;
    }
    let mut reject = section.section("bp_reject")?;
    reject.fixed("require_sbp_gt_dbp", &json!(true))?;
    let accept = limits(&mut reject)?;
    reject.finish()?;
    let mut extreme = section.section("bp_extreme")?;
    extreme.explanation("note")?;
    let legible = limits(&mut extreme)?;
    extreme.finish()?;
    let mut glucose = section.section("glucose_accept")?;
    let (accept_mmoll, accept_mgdl) = (glucose.range("mmol/L")?, glucose.range("mg/dL")?);
    glucose.finish()?;
    let mut plausible = section.section("glucose_plausible_max")?;
    let (plausible_mmoll, plausible_mgdl) =
        (plausible.decimal("mmol/L")?, plausible.decimal("mg/dL")?);
    plausible.finish()?;
    let validity = Validity {
        accept,
        legible,
        accept_mmoll,
        accept_mgdl,
        plausible_mmoll,
        plausible_mgdl,
        unreliable: section.texts("bp_unreliable_flags")?,
        stale: section.hours("stale_hours")?,
        future_skew: section.minutes("future_skew_minutes")?,
    };
    section.finish()?;
    Ok(validity)
}

fn session(top: &mut Section) -> Result<SessionNumbers> {
    let mut section = top.section("session")?;
    let session = SessionNumbers {
        window: section.minutes("window_minutes")?,
        confirm_min_readings: section.whole("confirm_min_readings")?,
    };
    section.finish()?;
    Ok(session)
}

fn persistence(section: &mut Section, cohort: &str) -> Result<Persistence> {
    let mut own = section.section(cohort)?;
    let window = own.days("window_days")?;
    let glucose =
        Repeats { k: own.whole("glu_k")?, m: own.whole("glu_m")?, days: own.whole("glu_days")? };
    let confirmed = own.optional_flag("bp_confirmed_session")?.unwrap_or(false);
    let pressure = if confirmed {
        let singles =
            Repeats { k: own.whole("or_bp_k_single")?, m: own.whole("single_m")?, days: 1 };
        PressureRepeats::Confirmed { singles }
    } else {
        let repeats =
            Repeats { k: own.whole("bp_k")?, m: own.whole("bp_m")?, days: own.whole("bp_days")? };
        PressureRepeats::Sessions { repeats, spaced: spaced(&mut own)? }
    };
    own.finish()?;
    Ok(Persistence { window, pressure, glucose })
}

fn spaced(own: &mut Section) -> Result<Option<Spaced>> {
    let Some(mut section) = own.optional_section("or_spaced")? else { return Ok(None) };
    let spaced = Spaced {
        k: section.whole("k")?,
        m: section.whole("m")?,
        min_span: section.days("min_span_days")?,
    };
    section.finish()?;
    Ok(Some(spaced))
}

fn page(top: &mut Section) -> Result<Page> {
    let mut section = top.section("page")?;
    let page = Page {
        settle: section.minutes("settle_minutes")?,
        at_once_sbp_ge: section.whole("at_once_sbp_ge")?,
        at_once_dbp_ge: section.whole("at_once_dbp_ge")?,
    };
    section.finish()?;
    Ok(page)
}

fn timers(top: &mut Section) -> Result<Timers> {
    let mut section = top.section("timers_minutes")?;
    let timers = Timers {
        extreme_to_red: section.minutes("unreliable_extreme_to_red")?,
        recheck_after: section.minutes("recheck_after")?,
        recheck_until: section.minutes("downgrade_window")?,
        sugar_recheck_after: section.minutes("hypo_downgrade_from")?,
        sugar_recheck_until: section.minutes("hypo_downgrade_window")?,
        repeat_after_red: section.minutes("repeat_after_red")?,
    };
    section.finish()?;
    Ok(timers)
}

fn repeat_from_readings(top: &mut Section) -> Result<RepeatFromReadings> {
    let mut section = top.section("repeat_from_readings")?;
    let repeat = RepeatFromReadings {
        after_first: section.days("min_days_after_first")?,
        mean_window: section.days("mean_days")?,
        mean_min: section.whole("mean_min_sessions")?,
    };
    section.finish()?;
    Ok(repeat)
}

fn auto_resolve(top: &mut Section) -> Result<AutoResolve> {
    let mut section = top.section("auto_resolve")?;
    let resolve = AutoResolve {
        concepts: concepts(&mut section, "concepts")?,
        consecutive_under: section.whole("consecutive_under")?,
        on_days: section.whole("on_days")?,
    };
    section.finish()?;
    Ok(resolve)
}

fn silence_cohorts(top: &mut Section) -> Result<Vec<Cohort>> {
    let mut section = top.section("silence")?;
    section.explanation("until")?;
    section.fixed("applies_to", &json!(["missed", "missed_doctor", "missed_repeat"]))?;
    let cohorts = section.cohorts("without_diagnosis_cohorts")?;
    section.finish()?;
    Ok(cohorts)
}

fn symptoms(top: &mut Section) -> Result<SymptomLists> {
    let mut section = top.section("symptoms")?;
    let mut list = |key: &str| -> Result<Vec<(SmolStr, SmolStr)>> {
        let named = section.section(key)?.named_texts()?;
        if named.len() <= SymptomLists::LONGEST {
            return Ok(named);
        }
        Err(PackError::Wrong {
            path: section.path_of(key),
            expected: "at most 32 symptoms",
            got: named.len().to_string(),
        })
    };
    let lists = SymptomLists {
        hypertension: list("hypertension")?,
        diabetes: list("diabetes")?,
        typical: list("typical_high_glucose")?,
    };
    section.finish()?;
    Ok(lists)
}

fn concepts(section: &mut Section, key: &str) -> Result<Vec<Concept>> {
    let path = section.path_of(key);
    let names = section.texts(key)?;
    names.iter().map(|name| concept(name, || path.clone())).collect()
}

fn concept(name: &str, path: impl Fn() -> String) -> Result<Concept> {
    name.parse().map_err(|_unknown| PackError::Wrong {
        path: path(),
        expected: "the name of a concept",
        got: name.to_owned(),
    })
}

fn rules(top: &mut Section) -> Result<BTreeMap<Concept, Rule>> {
    let mut named = BTreeMap::new();
    for (name, section) in top.section("rules")?.named_sections()? {
        let concept: Concept = name.parse().map_err(|_unknown| PackError::Predicate {
            path: place::within("/rules", &name),
            got: name.to_string(),
        })?;
        named.insert(concept, rule(section)?);
    }
    match Concept::ALL.iter().find(|concept| !named.contains_key(concept)) {
        None => Ok(named),
        Some(missing) => {
            Err(PackError::Missing { path: place::within("/rules", missing.as_str()) })
        }
    }
}

fn rule(mut section: Section) -> Result<Rule> {
    section.explanation("source")?;
    let family = match section.optional("family") {
        None => None,
        Some(value) => Some(value.as_str().and_then(Family::parse).ok_or_else(|| {
            PackError::wrong(section.path_of("family"), "bp_high, glu_high or glu_low", &value)
        })?),
    };
    let due: Option<Decimal> = section.optional_decimal("followup_due_days")?;
    let followup_due_days = match due {
        None => None,
        Some(days) => {
            Some(days.as_integer().and_then(|days| u16::try_from(days).ok()).ok_or_else(|| {
                PackError::Wrong {
                    path: section.path_of("followup_due_days"),
                    expected: "a whole number of days",
                    got: days.to_string(),
                }
            })?)
        }
    };
    let rule = Rule {
        name: section.text("rule")?,
        enabled: section.flag("enabled")?,
        escalates: section.optional_flag("escalates")?.unwrap_or(true),
        family,
        followup_due_days,
        zh: section.text("zh")?,
        en: section.text("en")?,
    };
    section.finish()?;
    Ok(rule)
}

#[cfg(test)]
mod tests;
