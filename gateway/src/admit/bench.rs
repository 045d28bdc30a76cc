//! What somebody did at the bench becomes an event: checked against the pack, with one clear reason
//! where it cannot be one.

use smol_str::SmolStr;

use super::EventProblem;
use crate::{
    assess::Pack,
    domain::{Happened, SiteAct, SiteDeed},
};

/// An act at the bench as it was said.
#[derive(Debug, Clone, Default)]
pub struct SiteActSaid {
    /// Where.
    pub site: String,
    /// At which bench.
    pub bench: Option<String>,
    /// What, by its code.
    pub act: String,
    /// Codes of symptoms.
    pub symptoms: Vec<String>,
    /// After which reading.
    pub reading: Option<String>,
    /// About which alert.
    pub alert: Option<String>,
}

/// An act at the bench, if it can be one. Symptoms are some reading's, and "none" has none.
///
/// # Errors
/// The first thing that is wrong.
pub fn site_act(pack: &Pack, said: SiteActSaid) -> Result<Happened, EventProblem> {
    let deed = SiteDeed::ALL.into_iter().find(|deed| deed.as_str() == said.act);
    let deed = deed.ok_or(EventProblem::Deed)?;
    let site = said.site.parse().map_err(|_no_name| EventProblem::Site)?;
    let bench = said.bench.map(|bench| bench.parse().map_err(|_no_name| EventProblem::Bench));
    let reading =
        said.reading.map(|reading| reading.parse().map_err(|_no_key| EventProblem::NoReading));
    let alert = said.alert.map(|alert| alert.parse().map_err(|_no_key| EventProblem::NoAlert));
    let (bench, reading, alert) = (bench.transpose()?, reading.transpose()?, alert.transpose()?);
    let mut symptoms: Vec<SmolStr> = said.symptoms.iter().map(SmolStr::new).collect();
    symptoms.sort_unstable();
    symptoms.dedup();
    let codes = || pack.symptom_codes();
    if symptoms.iter().any(|symptom| codes().all(|code| code != symptom)) {
        let known = codes().collect::<Vec<_>>().join(", ");
        return Err(EventProblem::Symptom { known });
    }
    let fits = match deed {
        SiteDeed::HasSymptoms => !symptoms.is_empty(),
        SiteDeed::NoSymptoms | SiteDeed::ReMeasured => symptoms.is_empty(),
        SiteDeed::SentHome | SiteDeed::Referred | SiteDeed::Called120 => true,
    };
    if !fits {
        return Err(EventProblem::SymptomsOfDeed);
    }
    if !symptoms.is_empty() && reading.is_none() {
        return Err(EventProblem::NoReading);
    }
    Ok(Happened::SiteAct(SiteAct { site, bench, deed, symptoms, reading, alert }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: &str = "fb0844f69d058cbbb469928ce5bca73f";

    /// Act, symptoms, reading: the member that is wrong, or none.
    #[track_caller]
    fn check((act, symptoms, reading): (&str, &str, &str), expected: &str) {
        let said = SiteActSaid {
            site: "V01".to_owned(),
            act: act.to_owned(),
            symptoms: symptoms.split_whitespace().map(str::to_owned).collect(),
            reading: Some(reading.to_owned()).filter(|reading| !reading.is_empty()),
            ..SiteActSaid::default()
        };
        let found = site_act(&Pack::built_in().unwrap(), said);
        let field = found.as_ref().err().map_or("", EventProblem::field);
        assert_eq!(field, expected, "{found:?}");
    }

    #[test]
    fn an_act_at_the_bench_is_one_of_six_and_its_symptoms_are_a_reading_s() {
        check(("re_measured", "", ""), "");
        check(("no_symptoms", "", READING), "");
        check(("has_symptoms", "severe_headache", READING), "");
        check(("called_120", "severe_headache precordial_pain", READING), "");
        check(("sent_home", "", ""), "");
        check(("went_home", "", ""), "act");
        check(("has_symptoms", "", READING), "symptoms");
        check(("no_symptoms", "severe_headache", READING), "symptoms");
        check(("has_symptoms", "headace", READING), "symptoms");
        check(("has_symptoms", "severe_headache", ""), "reading");
        check(("referred", "", "12"), "reading");
    }

    #[test]
    fn the_order_in_which_symptoms_are_said_makes_no_other_act() {
        let act = |symptoms: [&str; 3]| {
            let said = SiteActSaid {
                site: "V01".to_owned(),
                act: "has_symptoms".to_owned(),
                symptoms: symptoms.map(str::to_owned).to_vec(),
                reading: Some(READING.to_owned()),
                ..SiteActSaid::default()
            };
            site_act(&Pack::built_in().unwrap(), said).unwrap()
        };
        let one = act(["severe_headache", "eye_pain", "eye_pain"]);
        assert_eq!(one, act(["eye_pain", "severe_headache", "severe_headache"]));
    }
}
