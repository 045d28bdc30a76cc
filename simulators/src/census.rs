//! A registry of any size as the CSV files that `xunzhen registry import` takes: sites, doctors,
//! households, people. Nobody in it exists. Every row follows from the seed and its number alone, so
//! a file of a million lines is written as it is made.

use std::io::{self, Write};

use fastrand::Rng;

/// People of one household; assumed.
const HOUSEHOLD: u32 = 3;
/// People of one village; assumed, 121,300 people of a township live in 101 villages then.
const VILLAGE: u32 = 1200;
/// Villages of one township.
const TOWNSHIP: u32 = 100;
/// One given name in so many has a character beyond the first plane, as old registers do.
const RARE: u32 = 200;
/// The days of birth: from 1935-01-01, over so many days, with so many days a month.
const BORN_DAYS: u32 = 75 * 12 * DAYS_A_MONTH;
const DAYS_A_MONTH: u32 = 28;

/// Surnames, the commonest several times; several are read otherwise than their character is.
const SURNAMES: [&str; 48] = [
    "王", "王", "王", "王", "李", "李", "李", "李", "张", "张", "张", "张", "刘", "刘", "刘", "陈",
    "陈", "陈", "杨", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭",
    "马", "罗", "梁", "宋", "郑", "谢", "韩", "唐", "单", "曾", "解", "仇", "翟", "覃", "欧阳",
    "令狐",
];
const GIVEN: [&str; 64] = [
    "桂", "秀", "建", "玉", "志", "春", "德", "金", "永", "小", "长", "素", "明", "丽", "有", "翠",
    "英", "兰", "国", "梅", "强", "花", "福", "凤", "贵", "红", "河", "芬", "山", "华", "才", "萍",
    "军", "平", "东", "文", "辉", "力", "云", "莲", "真", "环", "雪", "荣", "爱", "妹", "霞", "香",
    "月", "莺", "媛", "艳", "瑞", "凡", "佳", "嘉", "琼", "勤", "珍", "贞", "莉", "娣", "叶", "璧",
];
/// Characters of the extensions B, C, E and G.
const BEYOND: [&str; 4] = ["𠮷", "𪚥", "𬭚", "𰻞"];

/// A registry that was never kept.
#[derive(Debug, Clone, Copy)]
pub struct Census {
    /// The seed.
    pub seed: u64,
    /// How many people.
    pub people: u32,
}

/// What somebody may type to find one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// `P0000001` and so on.
    pub id: String,
    /// Name.
    pub name: String,
    /// Resident identity number, with its check digit; of an area that does not exist.
    pub id_number: String,
    /// The number on the card.
    pub card: String,
    /// The telephone number.
    pub phone: String,
    /// The household.
    pub household: String,
    /// The village.
    pub village: String,
}

/// The kinds of files, in the order in which they are imported.
pub const KINDS: [&str; 4] = ["sites", "doctors", "households", "people"];

impl Census {
    /// How many villages there are.
    #[must_use]
    pub const fn villages(self) -> u32 {
        self.people.div_ceil(VILLAGE)
    }

    /// One of the people.
    #[must_use]
    pub fn resident(self, number: u32) -> Resident {
        let mut rng = Rng::with_seed(self.seed ^ u64::from(number));
        let surname = rng.choice(SURNAMES).unwrap_or("王");
        let first = rng.choice(GIVEN).unwrap_or("建");
        let second = if rng.u32(0..RARE) == 0 { rng.choice(BEYOND) } else { rng.choice(GIVEN) };
        let short = rng.u32(0..8) == 0;
        let second = if short { "" } else { second.unwrap_or("国") };
        Resident {
            id: format!("P{number:07}"),
            name: format!("{surname}{first}{second}"),
            id_number: id_number(number),
            card: format!("62170{number:08}"),
            phone: format!("199{number:08}"),
            household: format!("H{:07}", number / HOUSEHOLD),
            village: village(number / HOUSEHOLD * HOUSEHOLD / VILLAGE),
        }
    }

    /// Writes one of [`KINDS`] as a CSV file.
    ///
    /// # Errors
    /// Any error of the writer, and a kind that is none.
    pub fn write(self, kind: &str, out: &mut dyn Write) -> io::Result<()> {
        match kind {
            "sites" => {
                writeln!(out, "site,kind,name,village,township")?;
                (0..self.villages()).try_for_each(|number| {
                    let (village, township) = (village(number), number / TOWNSHIP);
                    writeln!(out, "CL{number},clinic,{village}卫生室,{village},第{township}镇")
                })
            }
            "doctors" => {
                writeln!(out, "doctor,name,level,place")?;
                (0..self.villages()).try_for_each(|number| {
                    writeln!(out, "DR{number},医生{number},village,{}", village(number))
                })
            }
            "households" => {
                writeln!(out, "household,village,doctor")?;
                (0..self.people.div_ceil(HOUSEHOLD)).try_for_each(|number| {
                    let home = number * HOUSEHOLD / VILLAGE;
                    writeln!(out, "H{number:07},{},DR{home}", village(home))
                })
            }
            "people" => {
                let columns = "person,name,sex,birth_date,id_number,cards,phone,household,village";
                writeln!(out, "{columns},diagnoses")?;
                (0..self.people).try_for_each(|number| self.write_person(number, out))
            }
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn write_person(self, number: u32, out: &mut dyn Write) -> io::Result<()> {
        let Resident { id, name, id_number, card, phone, household, village } =
            self.resident(number);
        let sex = if number.is_multiple_of(2) { "female" } else { "male" };
        let (year, month, day) = born(number);
        let diagnoses = if number.is_multiple_of(5) { "htn@2021-01-01..2035-12-31" } else { "" };
        writeln!(
            out,
            "{id},{name},{sex},{year}-{month:02}-{day:02},{id_number},{card},{phone},{household},\
             {village},{diagnoses}"
        )
    }
}

fn village(number: u32) -> String {
    format!("第{number}村")
}

/// The day of birth of the person with a number.
const fn born(number: u32) -> (u32, u32, u32) {
    let day = number / 2 % BORN_DAYS;
    (1935 + day / (12 * DAYS_A_MONTH), day / DAYS_A_MONTH % 12 + 1, day % DAYS_A_MONTH + 1)
}

/// GB 11643: area, day of birth, a number that is odd for men, and the check digit.
fn id_number(number: u32) -> String {
    let (year, month, day) = born(number);
    let order = (number / 2 / BORN_DAYS * 2 + number % 2) % 1000;
    let digits = format!("529999{year}{month:02}{day:02}{order:03}");
    // ISO 7064 MOD 11-2: the weight of each place is a power of two, modulo 11.
    let sum = digits.bytes().fold(0_u32, |sum, digit| (sum + u32::from(digit - b'0')) * 2 % 11);
    let check = (12 - sum) % 11;
    if check == 10 { format!("{digits}X") } else { format!("{digits}{check}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_number_ends_with_its_check_digit() {
        const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
        for number in (0..200_000).step_by(97) {
            let text = id_number(number);
            let digits = text.bytes().take(17).map(|digit| u32::from(digit - b'0'));
            let sum: u32 = digits.zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
            let check = char::from(b"10X98765432"[usize::try_from(sum % 11).unwrap()]);
            assert_eq!(text.chars().last(), Some(check), "{text}");
        }
    }

    #[test]
    fn one_seed_makes_one_registry_and_nobody_twice() {
        let census = Census { seed: 7, people: 3000 };
        let file = |census: Census| {
            let mut text = Vec::new();
            census.write("people", &mut text).unwrap();
            String::from_utf8(text).unwrap()
        };
        let text = file(census);
        assert_eq!(text, file(census));
        assert_ne!(text, file(Census { seed: 8, ..census }));
        assert_eq!(text.lines().count(), 3001);
        let numbers: std::collections::BTreeSet<_> =
            (0..3000).map(|number| census.resident(number).id_number).collect();
        assert_eq!(numbers.len(), 3000);
        assert!(BEYOND.iter().any(|rare| text.contains(rare)), "rare names are among them");
        assert_eq!(census.villages(), 3);
    }
}
