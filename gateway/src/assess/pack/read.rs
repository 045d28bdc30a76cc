//! Reads a whole pack: every key is asked for once, in the order of the file.

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
    AckMinutes, Ages, AutoResolve, ComponentRule, ControlLine, EarlyLine, Escalation, Grade2,
    HomeScreen, Lines, LowRecurrent, MissedDays, MoneyLine, MoneyProfile, Pack, PackError, Page,
    Persistence, PressureLimits, PressureRepeats, Relapse, RepeatFromReadings, Repeats, Rule,
    SessionNumbers, Spaced, Suppression, Tachycardia, Timers, Trend, Validity,
    section::Section,
};

type Result<T, E = PackError> = std::result::Result<T, E>;

/// Reads a pack.
///
/// # Errors
/// [`PackError`] names the place of the first thing that is wrong.
pub(super) fn pack(value: Value) -> Result<Pack> {
    let hash = SmolStr::new(blake3::hash(value.to_string().as_bytes()).to_hex().as_str());
    let mut top = Section::new(String::new(), value)?;
    let name = top.text("pack")?;
    let version = top.text("version")?;
    explanations(&mut top)?;
    let escalation = escalation(&mut top)?;
    let pack = Pack {
        title: format_smolstr!("{name} {version}"),
        name,
        version,
        norm_profile: top.text("norm_profile")?,
        signed_by: signature(&mut top)?,
        hash,
        convert: convert(&mut top)?,
        cohort_classes: cohort_classes(&mut top)?,
        cohort_precedence: top.cohorts("cohort_precedence")?,
        ages: ages(&mut top)?,
        validity: validity(&mut top)?,
        session: session(&mut top)?,
        lines: lines(&mut top)?,
        persistence: top.by_cohort("persistence", persistence)?,
        timers: timers(&mut top)?,
        ack: top.by_cohort("ack_minutes", ack_minutes)?,
        severe_ack_minutes: severe_ack_minutes(&mut top)?,
        page: page(&mut top)?,
        escalation,
        missed: top.by_cohort("missed_days", missed_days)?,
        money: money(&mut top)?,
        suppression: suppression(&mut top)?,
        repeat: repeat_from_readings(&mut top)?,
        auto_resolve: auto_resolve(&mut top)?,
        silence_cohorts: silence_cohorts(&mut top)?,
        relapse: relapse(&mut top)?,
        symptoms: symptoms(&mut top)?,
        rules: rules(&mut top)?,
    };
    top.finish()?;
    Ok(pack)
}

/// What only explains, and numbers of texts for people that no line compares with.
fn explanations(top: &mut Section) -> Result<()> {
    top.fixed("timezone", &json!("+08:00"))?;
    top.explanation("status")?;
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

fn signature(top: &mut Section) -> Result<Option<SmolStr>> {
    match top.optional("signed_by") {
        None => Ok(None),
        Some(Value::String(name)) if !name.trim().is_empty() => Ok(Some(SmolStr::new(name))),
        Some(other) => Err(PackError::wrong("signed_by".to_owned(), "a doctor's name", &other)),
    }
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
                path: format!("cohort_classes.{class}"),
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

fn line(section: &mut Section) -> Result<Pressure> {
    Ok(Pressure { systolic: section.whole("sbp_ge")?, diastolic: section.whole("dbp_ge")? })
}

fn lines(top: &mut Section) -> Result<Lines> {
    let mut section = top.section("lines")?;
    let s = &mut section;
    let mut emergency = s.section("bp_emergency")?;
    let bp_emergency = line(&mut emergency)?;
    emergency.finish()?;
    let mut low = s.section("bp_low")?;
    let (bp_low_sbp_lt, bp_low_orange_age_ge) = (low.whole("sbp_lt")?, low.whole("orange_age_ge")?);
    low.finish()?;
    let mut irregular = s.section("irregular_pulse")?;
    let (irregular_marked_min, irregular_readings_min) =
        (irregular.whole("marked_min")?, irregular.whole("readings_min")?);
    irregular.finish()?;
    let mut clinic = s.section("bp_suspected_htn")?;
    let clinic_screen_days = clinic.whole("days")?;
    clinic.finish()?;
    let mut symptom = s.section("glu_symptom_nodx")?;
    let (glu_symptom_ge, glu_symptom_le) = (symptom.glycaemia("ge")?, symptom.glycaemia("le")?);
    symptom.finish()?;
    let lines = Lines {
        bp_emergency,
        bp_symptom_nodx: s.pressure("bp_symptom_nodx")?,
        bp_pregnancy: s.pressure("bp_pregnancy")?,
        bp_grade2: grade2(s)?,
        bp_low_sbp_lt,
        bp_low_orange_age_ge,
        bp_control: s.by_cohort("bp_control_office", control_line)?,
        bp_home_from_office: s.section("bp_control_home_from_office")?.named_pressures()?,
        bp_early_lt65: early_line(s, "bp_early_lt65")?,
        bp_early_nodx: early_line(s, "bp_early_nodx")?,
        bp_screen_office: s.pressure("bp_screen_office")?,
        bp_screen_home_mean: s.pressure("bp_screen_home_mean")?,
        irregular_marked_min,
        irregular_readings_min,
        clinic_screen_days,
        home_screen: home_screen(s)?,
        tachycardia: tachycardia(s)?,
        glu_high_emergency_ge: s.glycaemia("glu_high_emergency_ge")?,
        glu_low_emergency_le_dm: s.glycaemia("glu_low_emergency_le_dm")?,
        glu_low_emergency_lt_nodm: s.glycaemia("glu_low_emergency_lt_nodm")?,
        glu_low_severe_lt: s.glycaemia("glu_low_severe_lt")?,
        glu_low_refused_gt: s.decimal("glu_low_refused_gt")?,
        glu_low_recovered_gt: s.glycaemia("glu_low_recovered_gt")?,
        glu_symptom_ge,
        glu_symptom_le,
        glu_pregnancy_fasting_ge: s.glycaemia("glu_pregnancy_fasting_ge")?,
        glu_pregnancy_red_ge: s.glycaemia("glu_pregnancy_red_ge")?,
        glu_high_urgent_ge: s.glycaemia("glu_high_urgent_ge")?,
        glu_control_fasting_ge: s.glycaemia("glu_control_fasting_ge")?,
        glu_control_other_ge: s.by_cohort("glu_control_nonfasting_ge", Section::glycaemia)?,
        glu_early_low_lt: s.glycaemia("glu_early_low_lt")?,
        glu_early_low_cohorts: s.cohorts("glu_early_low_cohorts")?,
        glu_nodx_early_fasting_ge: s.glycaemia("glu_nodx_early_fasting_ge")?,
        glu_nodx_early_post_ge: s.glycaemia("glu_nodx_early_post_ge")?,
        glu_nodx_early_cohorts: s.cohorts("glu_nodx_early_cohorts")?,
        glu_nodx_fasting_ge: s.glycaemia("glu_nodx_fasting_ge")?,
        glu_nodx_random_ge: s.glycaemia("glu_nodx_random_ge")?,
        low_recurrent: low_recurrent(s)?,
    };
    section.finish()?;
    Ok(lines)
}

fn grade2(lines: &mut Section) -> Result<Grade2> {
    let mut section = lines.section("bp_grade2")?;
    let grade2 = Grade2 {
        line: line(&mut section)?,
        sessions_k: section.whole("sessions_k")?,
        sessions_m: section.whole("sessions_m")?,
        days: section.whole("days")?,
        one_reading_cohorts: section.cohorts("one_reading_cohorts")?,
    };
    section.finish()?;
    Ok(grade2)
}

fn control_line(section: &mut Section, cohort: &str) -> Result<ControlLine> {
    let mut ages = section.section(cohort)?;
    let line = ControlLine {
        younger: ages.pressure("lt65")?,
        older: ages.pressure("65to79")?,
        oldest: ages.pressure("ge80")?,
    };
    ages.finish()?;
    Ok(line)
}

fn early_line(lines: &mut Section, key: &str) -> Result<EarlyLine> {
    let mut section = lines.section(key)?;
    let line = EarlyLine {
        cohorts: section.cohorts("cohorts")?,
        office: section.pressure("office")?,
        home_sbp: section.whole("home_sbp")?,
    };
    section.finish()?;
    Ok(line)
}

fn home_screen(lines: &mut Section) -> Result<HomeScreen> {
    let mut section = lines.section("bp_suspected_home")?;
    let screen = HomeScreen {
        days: section.whole("days")?,
        dropped_days: section.whole("dropped_days")?,
        readings_min: section.whole("readings_min")?,
    };
    section.finish()?;
    Ok(screen)
}

fn tachycardia(lines: &mut Section) -> Result<Tachycardia> {
    let mut section = lines.section("dm_tachycardia")?;
    let tachycardia = Tachycardia {
        pulse_gt: section.whole("pulse_gt")?,
        apart_min: section.minutes("apart_min_minutes")?,
        apart_max: section.minutes("apart_max_minutes")?,
    };
    section.finish()?;
    Ok(tachycardia)
}

fn low_recurrent(lines: &mut Section) -> Result<LowRecurrent> {
    let mut section = lines.section("glu_low_recurrent")?;
    let recurrent = LowRecurrent {
        episodes: section.whole("episodes")?,
        apart_gt: section.hours("apart_gt_hours")?,
        window: section.days("window_days")?,
    };
    section.finish()?;
    Ok(recurrent)
}

fn persistence(section: &mut Section, cohort: &str) -> Result<Persistence> {
    let mut own = section.section(cohort)?;
    let window = own.days("window_days")?;
    let glucose =
        Repeats { k: own.whole("glu_k")?, m: own.whole("glu_m")?, days: own.whole("glu_days")? };
    let confirmed = own.optional("bp_confirmed_session") == Some(Value::Bool(true));
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

fn ack_minutes(section: &mut Section, cohort: &str) -> Result<AckMinutes> {
    let mut own = section.section(cohort)?;
    let minutes = AckMinutes {
        red: own.whole("red")?,
        orange: own.whole("orange")?,
        yellow: own.whole("yellow")?,
    };
    own.finish()?;
    Ok(minutes)
}

fn severe_ack_minutes(top: &mut Section) -> Result<u32> {
    let mut section = top.section("red_ack_minutes_override")?;
    let minutes = section.whole("glu_low_severe")?;
    section.finish()?;
    Ok(minutes)
}

fn escalation(top: &mut Section) -> Result<Escalation> {
    let mut section = top.section("escalation")?;
    for level in ["orange", "yellow"] {
        let mut own = section.section(level)?;
        own.fixed("L2_at", &json!("ack"))?;
        own.finish()?;
    }
    let mut red = section.section("red")?;
    red.fixed("L2_at", &json!("ack"))?;
    let mut fast = red.section("fast")?;
    fast.fixed("L3_at", &json!("2*ack"))?;
    let escalation = Escalation {
        county: red.minutes("L3_at_minutes")?,
        fast: concepts(&mut fast, "concepts")?,
        fast_severe_low: fast.flag("glu_low_severe")?,
    };
    fast.finish()?;
    red.finish()?;
    section.finish()?;
    Ok(escalation)
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

fn missed_days(section: &mut Section, cohort: &str) -> Result<MissedDays> {
    let mut own = section.section(cohort)?;
    let days = MissedDays { prompt: own.days("blue")?, doctor: own.days("yellow")? };
    own.finish()?;
    Ok(days)
}

fn money(top: &mut Section) -> Result<BTreeMap<SmolStr, MoneyProfile>> {
    let profiles = top.section("oop_profiles")?.named_sections()?;
    profiles
        .into_iter()
        .map(|(name, mut own)| {
            own.explanation("source")?;
            let profile = MoneyProfile {
                low_income: money_line(&mut own, "low_income")?,
                general: money_line(&mut own, "general")?,
                outpatient_month_ge: own.optional_decimal("monthly_outpatient_ge")?,
            };
            own.finish()?;
            Ok((name, profile))
        })
        .collect()
}

fn money_line(profile: &mut Section, key: &str) -> Result<MoneyLine> {
    let mut section = profile.section(key)?;
    let over = section.optional_decimal("gt")?;
    let from = section.optional_decimal("ge")?;
    section.finish()?;
    match (over, from) {
        (Some(over), None) => Ok(MoneyLine::Over(over)),
        (None, Some(from)) => Ok(MoneyLine::From(from)),
        (Some(_), Some(_)) | (None, None) => Err(PackError::Wrong {
            path: profile.path_of(key),
            expected: "one comparator, gt or ge, with yuan",
            got: "none or both".to_owned(),
        }),
    }
}

fn suppression(top: &mut Section) -> Result<Suppression> {
    let mut section = top.section("suppression")?;
    section.fixed("one_open_per_concept", &json!(true))?;
    section.fixed("first_silent_while_repeat_open", &json!(true))?;
    let mut quiet = section.section("quiet_days_after_end")?;
    let fixed = [
        Concept::BpUncontrolledRepeat,
        Concept::GluUncontrolledRepeat,
        Concept::PovertyRelapseRisk,
    ];
    let suppression = Suppression {
        family: section.hours("no_lower_in_family_within_hours")?,
        episode: section.hours("episode_hours")?,
        blue_repeat: section.days("blue_repeat_days")?,
        quiet: quiet.by_cohort("by_cohort", Section::days)?,
        quiet_concepts: concepts(&mut quiet, "concepts")?,
        quiet_fixed: fixed
            .into_iter()
            .map(|concept| Ok((concept, quiet.days(concept.as_str())?)))
            .collect::<Result<_>>()?,
        first_after_repeat: quiet.days("first_after_repeat")?,
        formal_bypasses: quiet.flag("formal_followup_bypasses")?,
    };
    quiet.finish()?;
    section.finish()?;
    Ok(suppression)
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

fn relapse(top: &mut Section) -> Result<Relapse> {
    let mut section = top.section("poverty_relapse")?;
    let mut scope = section.section("scope")?;
    let cohorts = scope.cohorts("cohorts")?;
    let or_cause_illness = scope.flag("or_cause_illness")?;
    scope.finish()?;
    let mut points = section.section("points")?;
    let weak = points.whole("weak")?;
    let strong = points.by_cohort("strong", Section::whole)?;
    points.finish()?;
    let mut components = section.section("components")?;
    let opens = |concepts: &[Concept]| {
        json!(concepts.iter().map(|concept| concept.as_str()).collect::<Vec<_>>())
    };
    let repeats = opens(&[Concept::BpUncontrolledRepeat, Concept::GluUncontrolledRepeat]);
    let repeat_failure =
        component(&mut components, "repeat_failure", |own| own.fixed("opens_with", &repeats))?;
    let emergency_referred = component(&mut components, "emergency_referred", |own| {
        own.fixed("ack_outcome", &json!("confirmed_referred"))
    })?;
    let mut trend = None;
    let rising_trend = component(&mut components, "rising_trend", |own| {
        trend = Some(read_trend(own)?);
        Ok(())
    })?;
    let missed_visits = component(&mut components, "missed_visits", |own| {
        own.fixed("silence", &json!("missed_days.yellow"))
    })?;
    let money = opens(&[Concept::OopLine]);
    let money_line =
        component(&mut components, "money_line", |own| own.fixed("opens_with", &money))?;
    components.finish()?;
    let threshold = section.whole("threshold")?;
    section.finish()?;
    let trend = trend.ok_or_else(|| PackError::Missing { path: "rising_trend".to_owned() })?;
    Ok(Relapse {
        cohorts,
        or_cause_illness,
        threshold,
        weak,
        strong,
        repeat_failure,
        emergency_referred,
        rising_trend,
        missed_visits,
        money_line,
        trend,
    })
}

fn component(
    components: &mut Section,
    key: &str,
    rest: impl FnOnce(&mut Section) -> Result<()>,
) -> Result<ComponentRule> {
    let mut own = components.section(key)?;
    let kind = own.text("kind")?;
    let strong = match kind.as_str() {
        "strong" => true,
        "weak" => false,
        other => {
            return Err(PackError::Wrong {
                path: own.path_of("kind"),
                expected: "strong or weak",
                got: other.to_owned(),
            });
        }
    };
    let valid_days = own.whole("valid_days")?;
    rest(&mut own)?;
    own.finish()?;
    Ok(ComponentRule { strong, valid_days })
}

fn read_trend(own: &mut Section) -> Result<Trend> {
    Ok(Trend {
        sessions: own.whole("sessions")?,
        min_gap: own.days("min_gap_days")?,
        sbp_step: own.whole("bp_step_sbp_ge")?,
        fasting_step: own.glycaemia("glucose_step_fasting_ge")?.0,
    })
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

fn rules(top: &mut Section) -> Result<BTreeMap<Concept, Rule>> {
    let mut named = BTreeMap::new();
    for (name, section) in top.section("rules")?.named_sections()? {
        let concept = concept(&name, || format!("rules.{name}"))?;
        named.insert(concept, rule(section)?);
    }
    match Concept::ALL.iter().find(|concept| !named.contains_key(concept)) {
        None => Ok(named),
        Some(missing) => Err(PackError::Missing { path: format!("rules.{missing}") }),
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
