//! What can be wrong with a pack: the place, what is wrong there, and what to do, in both languages.

use std::fmt;

use super::super::words::Words;

/// One thing that is wrong with a pack.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The text is no JSON.
    #[error("the rule pack is not JSON: {source}")]
    Json {
        /// What the reader said.
        #[from]
        source: serde_json::Error,
    },
    /// A key that stands twice: which of them holds is anybody's guess.
    #[error("{path}: the key stands twice")]
    Twice {
        /// Its place.
        path: String,
    },
    /// A key that no line reads.
    #[error("{path}: no line knows this key")]
    Unknown {
        /// Its place.
        path: String,
    },
    /// A line that asks for a predicate that the engine does not have.
    #[error("{path}: unknown predicate {got:?}")]
    Predicate {
        /// Its place.
        path: String,
        /// As written.
        got: String,
    },
    /// A key that a line needs.
    #[error("{path}: is missing")]
    Missing {
        /// Its place.
        path: String,
    },
    /// A value of the wrong kind, or without its unit.
    #[error("{}: expected {expected}, got {got}", shown(path))]
    Wrong {
        /// Its place.
        path: String,
        /// What belongs there.
        expected: &'static str,
        /// What was there.
        got: String,
    },
    /// A meaning that is built in.
    #[error("{path}: only {known} is known, got {got}")]
    Fixed {
        /// Its place.
        path: String,
        /// The one value.
        known: String,
        /// What was there.
        got: String,
    },
    /// An emergency line that the guideline fixes.
    #[error("{path}: {got} loosens the emergency floor {floor}")]
    Loosened {
        /// Its place.
        path: String,
        /// The built-in value.
        floor: String,
        /// What was there.
        got: String,
    },
    /// Two numbers that leave a gap between their lines, or lap over each other.
    #[error("{path}: {got} must be {relation} {limit}, which stands at {other}")]
    Disorder {
        /// Its place.
        path: String,
        /// What was there.
        got: String,
        /// `below` or `at most`.
        relation: &'static str,
        /// What stands at the other place.
        limit: String,
        /// The other place.
        other: String,
    },
    /// Something that no line covers.
    #[error("{path}: a gap: {en}")]
    Gap {
        /// Its place.
        path: String,
        /// What is not covered, in Chinese.
        zh: String,
        /// What is not covered.
        en: String,
    },
    /// Something that two lines cover.
    #[error("{path}: an overlap: {en}")]
    Overlap {
        /// Its place.
        path: String,
        /// What is covered twice, in Chinese.
        zh: String,
        /// What is covered twice.
        en: String,
    },
    /// A line that needs more than a person's state holds.
    #[error("{path}: {got} is more than a person's state holds ({most})")]
    Needs {
        /// Its place.
        path: String,
        /// What was there.
        got: String,
        /// What the state holds.
        most: u32,
    },
    /// A number of which nobody says where it comes from.
    #[error("{path}: {got} has no source")]
    Unsourced {
        /// Its place.
        path: String,
        /// The number.
        got: String,
    },
    /// Another content under the name and version of the built-in pack: alerts name the version.
    #[error("{path}: another content may not be called {title}")]
    Unversioned {
        /// Its place.
        path: String,
        /// Name and version.
        title: String,
    },
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "the rule pack" } else { path }
}

impl PackError {
    pub(super) fn wrong(path: String, expected: &'static str, got: &serde_json::Value) -> Self {
        Self::Wrong { path, expected, got: got.to_string() }
    }

    /// Where it stands, as a JSON pointer; empty: the whole.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Json { .. } => "",
            Self::Twice { path }
            | Self::Unknown { path }
            | Self::Predicate { path, .. }
            | Self::Missing { path }
            | Self::Wrong { path, .. }
            | Self::Fixed { path, .. }
            | Self::Loosened { path, .. }
            | Self::Disorder { path, .. }
            | Self::Gap { path, .. }
            | Self::Overlap { path, .. }
            | Self::Needs { path, .. }
            | Self::Unsourced { path, .. }
            | Self::Unversioned { path, .. } => path,
        }
    }

    /// A short name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } => "not_json",
            Self::Twice { .. } => "twice",
            Self::Unknown { .. } => "unknown_key",
            Self::Predicate { .. } => "unknown_predicate",
            Self::Missing { .. } => "missing",
            Self::Wrong { .. } => "wrong_kind",
            Self::Fixed { .. } => "fixed",
            Self::Loosened { .. } => "loosened_floor",
            Self::Disorder { .. } => "disorder",
            Self::Gap { .. } => "gap",
            Self::Overlap { .. } => "overlap",
            Self::Needs { .. } => "needs_too_much",
            Self::Unsourced { .. } => "no_source",
            Self::Unversioned { .. } => "same_version",
        }
    }

    /// Whether a pack that is only tried out may have it.
    pub(super) const fn is_of_force(&self) -> bool {
        matches!(self, Self::Unsourced { .. } | Self::Unversioned { .. })
    }

    /// What is wrong, in Chinese.
    fn zh(&self) -> String {
        match self {
            Self::Json { .. } => "不是 JSON".to_owned(),
            Self::Twice { .. } => "同一个键写了两次".to_owned(),
            Self::Unknown { .. } => "没有预警线认识这个键".to_owned(),
            Self::Predicate { got, .. } => format!("未知的判断条件 {got:?}"),
            Self::Missing { .. } => "缺少此键".to_owned(),
            Self::Wrong { got, .. } => format!("类型或单位不对：{got}"),
            Self::Fixed { known, got, .. } => format!("只支持 {known}，写的是 {got}"),
            Self::Loosened { floor, got, .. } => format!("{got} 放宽了急症底线 {floor}"),
            Self::Disorder { got, relation, limit, other, .. } => {
                let relation = if *relation == BELOW { "必须低于" } else { "不得高于" };
                format!("{got} {relation} {limit}（见 {other}），否则两线之间有空档或重叠")
            }
            Self::Gap { zh, .. } => format!("有空档：{zh}"),
            Self::Overlap { zh, .. } => format!("有重叠：{zh}"),
            Self::Needs { got, most, .. } => format!("{got} 超出个人状态所能保存的 {most}"),
            Self::Unsourced { got, .. } => format!("{got} 没有注明出处"),
            Self::Unversioned { title, .. } => format!("内容不同，不能仍叫 {title}"),
        }
    }

    /// What to do about it.
    fn remedy(&self) -> Words {
        let (zh, en) = match self {
            Self::Json { .. } => ("按所示行列改正语法", "mend the text at that line and column"),
            Self::Twice { .. } | Self::Overlap { .. } => ("只保留一个", "keep one of them"),
            Self::Unknown { path } if path.contains("/validity/glucose_") => {
                ("单位只能是 mmol/L 和 mg/dL", "units are mmol/L and mg/dL")
            }
            Self::Unknown { .. } => {
                ("删去，或核对拼写", "take it out, or look at how it is written")
            }
            Self::Predicate { .. } => (
                "判断条件在程序中是固定的；名称见 rules",
                "predicates are a closed set in the program; `rules` has their names",
            ),
            Self::Missing { .. } => ("补上此键", "add the key"),
            Self::Wrong { .. } => ("按说明改写，带上单位", "write it as expected, with its unit"),
            Self::Fixed { .. } => ("删去此键", "take the key out"),
            Self::Loosened { .. } => (
                "急症线是底线，只能收紧",
                "emergency lines are a floor: they may only be tightened",
            ),
            Self::Disorder { .. } => ("改其中一个数", "change one of the two numbers"),
            Self::Gap { .. } => ("补上缺的一项", "add what is missing"),
            Self::Needs { .. } => ("改小", "ask for less"),
            Self::Unsourced { .. } => (
                "在 sources 中为此处（或其上层）注明出处",
                "name its source in `sources`, under this place or one around it",
            ),
            Self::Unversioned { .. } => {
                ("改 pack 或 version", "give it a name or version of its own")
            }
        };
        Words { zh: zh.to_owned(), en: en.to_owned() }
    }
}

/// How one number must stand to another.
pub(super) const BELOW: &str = "below";
/// How one number must stand to another.
pub(super) const AT_MOST: &str = "at most";

/// One thing that is wrong, with its line where it has one.
#[derive(Debug)]
pub struct Problem {
    /// What.
    pub error: PackError,
    /// The line of the file.
    pub line: Option<usize>,
}

impl Problem {
    /// What is wrong and what to do, in Chinese.
    #[must_use]
    pub fn zh(&self) -> (String, String) {
        (self.error.zh(), self.error.remedy().zh)
    }

    /// What to do, in English; what is wrong says the error itself.
    #[must_use]
    pub fn remedy(&self) -> String {
        self.error.remedy().en
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        let (what, remedy) = self.zh();
        write!(f, "{}; {} / {what}；{remedy}", self.error, self.remedy())
    }
}

/// Why a pack is refused: everything that is wrong with it, never empty. The pack in force stays.
#[derive(Debug)]
pub struct Refusal {
    /// By place.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} problem(s) / 有误", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
    }
}

impl std::error::Error for Refusal {}
