//! What a slip says, as lines of half-width columns: an ASCII sign takes one, a Chinese one two.

use crate::domain::{Grade, Level};

/// A value on a slip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The value with its unit as it is stored, as `血压 182/96 mmHg`.
    pub value: String,
    /// When it was measured, as `07:10`.
    pub at: String,
    /// How far that time can be trusted.
    pub grade: Grade,
    /// The first signs of the reading's id, by which a clinic finds it.
    pub id: String,
    /// It is outside what can be, and counts for nothing.
    pub rejected: bool,
}

/// What a slip says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slip {
    /// What people call the site.
    pub site: String,
    /// Whose it is: name, and what tells namesakes apart.
    pub person: String,
    /// Their number in the registry.
    pub number: String,
    /// The day, `2026-03-02`.
    pub day: String,
    /// What was measured, oldest first.
    pub taken: Vec<Taken>,
    /// The gravest line that these values crossed; `None`: none.
    pub level: Option<Level>,
    /// Their doctor's name and telephone.
    pub doctor: Option<(String, String)>,
    /// When they are to come again.
    pub next: Option<String>,
    /// Who printed it.
    pub operator: String,
    /// When it was printed, `2026-03-02 07:20`.
    pub printed: String,
    /// It was printed by hand, perhaps once more.
    pub copy: bool,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: String,
    /// Twice as wide and high.
    pub large: bool,
}

fn small(text: impl Into<String>) -> Line {
    Line { text: text.into(), large: false }
}

/// A level in words. What was crossed counts, not a diagnosis.
const fn word(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Red) => "红色 危急",
        Some(Level::Orange) => "橙色 警示",
        Some(Level::Yellow) => "黄色 注意",
        Some(Level::Blue) => "蓝色 提示",
        None => "本次未达到预警线",
    }
}

/// What to do, by how soon each level is answered ([`Level`], from the pack's document).
const fn advice(level: Option<Level>) -> &'static [&'static str] {
    match level {
        Some(Level::Red) => &[
            "请立即就医，不要独自离开。",
            "胸痛胸闷、气喘、剧烈头痛、说话不清、手脚无力、神志不清：马上拨打120。",
        ],
        Some(Level::Orange) => {
            &["请在今天或明天找签约医生。", "有胸痛、气喘、剧烈头痛：马上拨打120。"]
        }
        Some(Level::Yellow) => &["请在两周内找签约医生复查。", "按医嘱服药，不要自行停药。"],
        Some(Level::Blue) => &["签约医生会与您联系。", "按医嘱服药，不要自行停药。"],
        None => &["请继续按医嘱服药，按时测量。"],
    }
}

const fn grade(grade: Grade) -> &'static str {
    match grade {
        Grade::A => "",
        Grade::B => " 时间已校正",
        Grade::C => " 时间只知先后",
        Grade::D => " 时间为收到时",
    }
}

impl Slip {
    /// The lines of a slip that is so many half-width columns wide.
    #[must_use]
    pub fn lines(&self, columns: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let rule = || small("-".repeat(columns));
        let mut put = |line: Line| {
            let width = if line.large { columns / 2 } else { columns };
            let large = line.large;
            lines.extend(fold(&line.text, width).into_iter().map(|text| Line { text, large }));
        };
        put(small(format!("{} 检测结果", self.site)));
        if self.copy {
            put(small("（补打，内容同前次测量）"));
        }
        put(small(&self.person));
        put(small(format!("编号 {}", self.number)));
        put(rule());
        put(small(format!("日期 {}", self.day)));
        for taken in &self.taken {
            let void = if taken.rejected { "（超出可能范围，不算数）" } else { "" };
            put(small(format!("{}{void}", taken.value)));
            put(small(format!("  {}{} 号{}", taken.at, grade(taken.grade), taken.id)));
        }
        put(rule());
        let emergency = self.level == Some(Level::Red);
        put(Line { text: word(self.level).to_owned(), large: emergency });
        for (place, text) in advice(self.level).iter().enumerate() {
            put(Line { text: (*text).to_owned(), large: emergency && place == 0 });
        }
        put(rule());
        match &self.doctor {
            Some((name, phone)) if phone.is_empty() => put(small(format!("签约医生 {name}"))),
            Some((name, phone)) => put(small(format!("签约医生 {name} 电话 {phone}"))),
            None => put(small("签约医生 未登记，请问村卫生室")),
        }
        let next = self.next.as_deref().unwrap_or("听医生安排");
        put(small(format!("下次测量 {next}")));
        put(small(format!("打印 {} {}", self.printed, self.operator)));
        put(small("本单不是诊断，请以医生意见为准。"));
        lines
    }
}

/// How many half-width columns a sign takes.
#[must_use]
pub const fn columns_of(sign: char) -> usize {
    if sign.is_ascii() { 1 } else { 2 }
}

/// A text in lines of at most so many columns. It is cut between signs; a run of ASCII signs (a number, a
/// word) is kept whole where a line can hold it.
#[must_use]
pub fn fold(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(2);
    let mut lines = vec![String::new()];
    let mut used = 0_usize;
    for piece in pieces(text) {
        let wide: usize = piece.chars().map(columns_of).sum();
        let fits = used.saturating_add(wide) <= columns;
        if !fits && used > 0 && wide <= columns {
            lines.push(String::new());
            used = 0;
            if piece == " " {
                continue;
            }
        }
        for sign in piece.chars() {
            let wide = columns_of(sign);
            if used.saturating_add(wide) > columns {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push(sign);
            }
            used = used.saturating_add(wide);
        }
    }
    lines
}

/// Runs of ASCII signs without a space, and every other sign by itself.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut run = false;
    for sign in text.chars() {
        let sign = if sign.is_control() { ' ' } else { sign };
        let joins = sign.is_ascii() && sign != ' ';
        match pieces.last_mut() {
            Some(last) if joins && run => last.push(sign),
            Some(_) | None => pieces.push(sign.to_string()),
        }
        run = joins;
    }
    pieces
}

#[cfg(test)]
pub(super) fn sample(level: Option<Level>) -> Slip {
    let taken = |value: &str, at: &str, grade, rejected| Taken {
        value: value.to_owned(),
        at: at.to_owned(),
        grade,
        id: "3fa94c01".to_owned(),
        rejected,
    };
    Slip {
        site: "青石镇巡诊车3号".to_owned(),
        person: "王桂芳 女 72岁 大河村".to_owned(),
        number: "P000123".to_owned(),
        day: "2026-03-02".to_owned(),
        taken: vec![
            taken("血压 182/96 mmHg 脉搏 80", "07:10", Grade::A, false),
            taken("血糖 7.8 mmol/L 空腹", "07:12", Grade::D, false),
            taken("血压 400/96 mmHg", "07:14", Grade::C, true),
        ],
        level,
        doctor: Some(("李医生".to_owned(), "13800000001".to_owned())),
        next: Some("2026-03-16".to_owned()),
        operator: "N1".to_owned(),
        printed: "2026-03-02 07:20".to_owned(),
        copy: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(slip: &Slip, columns: usize) -> String {
        slip.lines(columns).iter().map(|line| format!("{}\n", line.text)).collect()
    }

    #[track_caller]
    fn check(said: &str, columns: usize, expected: &[&str]) {
        assert_eq!(fold(said, columns), expected, "{said:?} in {columns}");
    }

    #[test]
    fn lines_are_cut_between_signs_and_numbers_stay_whole() {
        check("", 8, &[""]);
        check("血压 182/96", 32, &["血压 182/96"]);
        check("血压 182/96 mmHg", 12, &["血压 182/96 ", "mmHg"]);
        check("大河村村民", 4, &["大河", "村村", "民"]);
        check("a大b", 2, &["a", "大", "b"]);
        check("12345678901", 4, &["1234", "5678", "901"]);
        check("王\u{1b}@\n芳", 32, &["王 @ 芳"]);
    }

    #[test]
    fn no_line_is_wider_than_the_paper() {
        for level in [None, Some(Level::Blue), Some(Level::Red)] {
            for columns in [16, 31, 32, 42] {
                for line in sample(level).lines(columns) {
                    let wide: usize = line.text.chars().map(columns_of).sum();
                    let room = if line.large { columns / 2 } else { columns };
                    assert!(wide <= room, "{line:?} in {columns}");
                }
            }
        }
    }

    #[test]
    fn a_slip_says_everything_that_is_taken_home() {
        let said = text(&sample(Some(Level::Yellow)), 48);
        for part in [
            "青石镇巡诊车3号 检测结果",
            "王桂芳",
            "P000123",
            "182/96 mmHg",
            "脉搏 80",
            "7.8 mmol/L 空腹",
            "07:10 号3fa94c01",
            "时间为收到时",
            "不算数",
            "黄色 注意",
            "两周内",
            "李医生 电话 13800000001",
            "下次测量 2026-03-16",
            "2026-03-02 07:20 N1",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains("补打"));
        let copy = Slip { copy: true, doctor: None, next: None, ..sample(None) };
        let said = text(&copy, 32);
        for part in ["补打", "未登记", "听医生安排", "本次未达到预警线"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn only_an_emergency_is_large_and_says_what_to_do_in_large() {
        let large = |level| {
            let lines = sample(level).lines(32).into_iter().filter(|line| line.large);
            lines.map(|line| line.text).collect::<String>()
        };
        assert_eq!(large(Some(Level::Red)), "红色 危急请立即就医，不要独自离开。");
        for level in [None, Some(Level::Blue), Some(Level::Yellow), Some(Level::Orange)] {
            assert_eq!(large(level), "", "{level:?}");
        }
    }
}
