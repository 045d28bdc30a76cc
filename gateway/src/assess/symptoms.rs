//! Danger symptoms: which of the pack's lists a reported code stands on.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::pack::Pack;

/// The pack's lists, each a code with its Chinese name.
#[derive(Debug, Clone)]
pub(super) struct SymptomLists {
    /// Matched on a blood pressure and on a follow-up (LINES 6.1, "Glucose").
    pub hypertension: Vec<(SmolStr, SmolStr)>,
    /// Matched on a glucose value.
    pub diabetes: Vec<(SmolStr, SmolStr)>,
    /// Typical of high glucose; asked only without a diagnosis.
    pub typical: Vec<(SmolStr, SmolStr)>,
}

/// The symptoms reported with one fact, by their places in the pack's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Symptoms {
    pub(super) hypertension: u32,
    pub(super) diabetes: u32,
    pub(super) typical: u32,
}

impl SymptomLists {
    /// As many as [`Symptoms`] has bits for.
    pub(super) const LONGEST: usize = 32;

    /// Which of the lists' symptoms are reported. Codes that no list has are kept with the reading
    /// and seen by no line.
    pub(super) fn find<S: AsRef<str>>(&self, codes: &[S]) -> Symptoms {
        Symptoms {
            hypertension: bits(&self.hypertension, codes),
            diabetes: bits(&self.diabetes, codes),
            typical: bits(&self.typical, codes),
        }
    }
}

fn bits<S: AsRef<str>>(list: &[(SmolStr, SmolStr)], codes: &[S]) -> u32 {
    if codes.is_empty() {
        return 0;
    }
    let reported = |code: &SmolStr| codes.iter().any(|it| it.as_ref() == code.as_str());
    let set = list.iter().zip(0_u32..).filter(|((code, _), _)| reported(code));
    set.fold(0, |bits, (_, place)| bits | 1_u32.checked_shl(place).unwrap_or(0))
}

impl Pack {
    /// Every code that some list has, each once.
    pub fn symptom_codes(&self) -> impl Iterator<Item = &str> {
        let SymptomLists { hypertension, diabetes, typical } = &self.symptoms;
        let all: BTreeSet<&str> = [hypertension, diabetes, typical]
            .into_iter()
            .flatten()
            .map(|(code, _)| &**code)
            .collect();
        all.into_iter()
    }
}

/// The Chinese names and the codes of the symptoms whose bits are set.
pub(super) fn names(list: &[(SmolStr, SmolStr)], bits: u32) -> (String, String) {
    let set = |place: u32| bits & 1_u32.checked_shl(place).unwrap_or(0) != 0;
    let named = || list.iter().zip(0_u32..).filter(|(_, place)| set(*place)).map(|(name, _)| name);
    let zh: Vec<&str> = named().map(|(_, zh)| zh.as_str()).collect();
    let en: Vec<String> = named().map(|(code, _)| code.replace('_', " ")).collect();
    (zh.join("、"), en.join(", "))
}
