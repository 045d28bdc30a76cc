//! What the registry's codes of a person are called, in both languages.

use crate::serve::wire;

/// Names of a code of the registry file (DESIGN section 9, people): Chinese, English.
const CODES: [(&str, &str, &str); 10] = [
    ("C0", "一般居民", "general"),
    ("C1", "建档立卡脱贫户", "lifted from poverty"),
    ("C2", "监测对象", "monitored"),
    ("C3", "已治愈跟踪", "cured, tracked"),
    ("htn", "高血压", "hypertension"),
    ("dm", "糖尿病", "diabetes"),
    ("antihypertensive", "降压药", "antihypertensive"),
    ("insulin", "胰岛素", "insulin"),
    ("sulphonylurea", "磺脲类", "sulphonylurea"),
    ("glucose_lowering", "降糖药", "glucose-lowering"),
];

/// Cohorts, diagnoses and medicines in force, by name; a class that the pack maps is a name already.
pub(super) fn known(person: &wire::Person, english: bool) -> Vec<String> {
    let codes = person.cohorts.iter().chain(&person.diagnoses).chain(&person.medicines);
    let name = |code: &String| {
        let row = CODES.iter().find(|(known, ..)| *known == code.as_str());
        row.map_or(code.as_str(), |(_, zh, en)| if english { en } else { zh }).to_owned()
    };
    codes.map(name).collect()
}
