//! Reads `lines`: the numbers that values are compared with.

use super::{
    super::{
        ControlLine, EarlyLine, Grade2, HomeScreen, Lines, LowRecurrent, Tachycardia,
        section::Section,
    },
    Result,
};
use crate::assess::quantity::Pressure;

fn line(section: &mut Section) -> Result<Pressure> {
    Ok(Pressure { systolic: section.whole("sbp_ge")?, diastolic: section.whole("dbp_ge")? })
}

/// Reads the lines' own numbers.
pub(super) fn lines(top: &mut Section) -> Result<Lines> {
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
