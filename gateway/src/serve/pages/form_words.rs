//! The words of the forms for visits, outcomes and two files of one person.

use super::words::Words;

/// The words of one language.
#[derive(Debug)]
pub(super) struct FormWords {
    pub(super) visit: &'static str,
    pub(super) visited_at: &'static str,
    pub(super) at_home: &'static str,
    pub(super) elsewhere: &'static str,
    pub(super) rests_on: &'static str,
    pub(super) no_reading: &'static str,
    pub(super) no_reading_why: &'static str,
    pub(super) tell_visit: &'static str,
    pub(super) outcome: &'static str,
    pub(super) refer_to: &'static str,
    pub(super) finish: &'static str,
    pub(super) merge_files: &'static str,
    pub(super) merge_how: &'static str,
    pub(super) other_file: &'static str,
    pub(super) merge: &'static str,
    pub(super) unmerge: &'static str,
}

/// Chinese: the source.
const ZH: FormWords = FormWords {
    visit: "随访",
    visited_at: "随访时间",
    at_home: "入户",
    elsewhere: "电话或到诊",
    rests_on: "依据的读数",
    no_reading: "没有读数，见理由",
    no_reading_why: "理由（没有读数时必填）",
    tell_visit: "记录随访",
    outcome: "处理结果",
    refer_to: "转至（仅转诊：township、county 或机构编号）",
    finish: "结案",
    merge_files: "合并档案",
    merge_how: "本档案将并入另一份档案，随时可以撤销",
    other_file: "另一份档案（编号）",
    merge: "合并",
    unmerge: "撤销合并",
};

/// English.
const EN: FormWords = FormWords {
    visit: "Visit",
    visited_at: "When",
    at_home: "At home",
    elsewhere: "By telephone, or here",
    rests_on: "The reading it rests on",
    no_reading: "None: see why",
    no_reading_why: "Why (where there is no reading)",
    tell_visit: "Tell of the visit",
    outcome: "Outcome",
    refer_to: "Referred to (if referred: township, county, or an id)",
    finish: "End the alert",
    merge_files: "Merge files",
    merge_how: "This file will count as the other one; it can be taken back",
    other_file: "The other file (id)",
    merge: "Merge",
    unmerge: "Take the merge back",
};

impl Words {
    /// The words of the forms.
    pub(super) fn forms(&self) -> &'static FormWords {
        if self.lang == "en" { &EN } else { &ZH }
    }
}
