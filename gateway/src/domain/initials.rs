//! The initials of a name's pinyin: 张三丰 is `zsf`.
//!
//! A character with several readings has several initials. As a surname it has its own (单 is Shan,
//! not Dan); the others are accepted beside it. A character whose pinyin nobody wrote down stands for
//! itself. Source of the readings: the crate `pinyin` (pinyin-data), CJK with its extensions; the build
//! script makes a table of them, without tones.

// `RANGES`: the first character of a range and where it stands in the table; `MEANINGS`: what the
// numbers of the table mean. Made by the build script.
include!(concat!(env!("OUT_DIR"), "/readings.rs"));

/// A number for every character of the ranges, in two bytes, the low one first.
const TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/readings.bin"));

/// Most spellings of one name; the likeliest come first.
const SPELLINGS_MAX: usize = 8;

/// Surnames that are read otherwise than the character is, and those of two characters.
const SURNAMES: [(&str, &str); 62] = [
    ("单", "s"),
    ("曾", "z"),
    ("解", "x"),
    ("仇", "q"),
    ("朴", "p"),
    ("查", "z"),
    ("区", "o"),
    ("翟", "z"),
    ("乐", "y"),
    ("种", "c"),
    ("覃", "q"),
    ("缪", "m"),
    ("秘", "b"),
    ("折", "s"),
    ("召", "s"),
    ("盖", "g"),
    ("员", "y"),
    ("冼", "x"),
    ("尉", "w"),
    ("长", "c"),
    ("重", "c"),
    ("藏", "z"),
    ("祭", "z"),
    ("隗", "w"),
    ("阚", "k"),
    ("繁", "p"),
    ("尉迟", "yc"),
    ("长孙", "zs"),
    ("万俟", "mq"),
    ("澹台", "tt"),
    ("单于", "cy"),
    ("宿", "s"),
    ("欧阳", "oy"),
    ("司马", "sm"),
    ("上官", "sg"),
    ("诸葛", "zg"),
    ("夏侯", "xh"),
    ("东方", "df"),
    ("皇甫", "hf"),
    ("公孙", "gs"),
    ("令狐", "lh"),
    ("慕容", "mr"),
    ("司徒", "st"),
    ("宇文", "yw"),
    ("端木", "dm"),
    ("独孤", "dg"),
    ("南宫", "ng"),
    ("轩辕", "xy"),
    ("公冶", "gy"),
    ("濮阳", "py"),
    ("淳于", "cy"),
    ("太叔", "ts"),
    ("申屠", "st"),
    ("钟离", "zl"),
    ("鲜于", "xy"),
    ("闾丘", "lq"),
    ("司空", "sk"),
    ("呼延", "hy"),
    ("百里", "bl"),
    ("东郭", "dg"),
    ("西门", "xm"),
    ("赫连", "hl"),
];

/// Initials of characters of names that pinyin-data lacks.
const LACKING: [(char, char); 1] = [('𠮷', 'j')];

/// The surname that a name begins with, where it is one of those that need to be known.
fn surname(name: &str) -> Option<(&'static str, &'static str)> {
    let begins = SURNAMES.iter().filter(|(surname, _)| name.starts_with(surname));
    begins.max_by_key(|(surname, _)| surname.len()).copied()
}

/// Characters of the surname of a name that is written in Chinese characters.
#[must_use]
pub fn surname_letters(name: &str) -> usize {
    surname(name).map_or(1, |(surname, _)| surname.chars().count())
}

/// A character's readings, with blanks between; nothing where none is known.
fn written(character: char) -> &'static str {
    let point = u32::from(character);
    let place = RANGES.partition_point(|(first, _)| *first <= point);
    let (numbers, _) = TABLE.as_chunks::<2>();
    let beyond = RANGES.get(place).map_or(numbers.len(), |(_, beyond)| *beyond);
    let Some((first, begin)) = place.checked_sub(1).and_then(|place| RANGES.get(place)) else {
        return "";
    };
    let Ok(within) = usize::try_from(point.saturating_sub(*first)) else { return "" };
    let at = begin.saturating_add(within);
    let number = numbers.get(at).filter(|_| at < beyond).copied().unwrap_or_default();
    let number = u16::from_le_bytes(number);
    MEANINGS.get(usize::from(number)).copied().unwrap_or_default()
}

/// How a character is most likely read, without tone; none where nobody wrote it down.
#[must_use]
pub fn reading_of(character: char) -> Option<&'static str> {
    written(character).split(' ').next().filter(|reading| !reading.is_empty())
}

/// The initials that a character may have, each once, the likeliest first.
fn of_character(character: char) -> Vec<char> {
    let mut letters: Vec<char> = Vec::new();
    for letter in written(character).split(' ').filter_map(|reading| reading.chars().next()) {
        if !letters.contains(&letter) {
            letters.push(letter);
        }
    }
    if letters.is_empty() {
        let own = LACKING.iter().find(|(lacking, _)| *lacking == character);
        letters.push(own.map_or(character, |(_, letter)| *letter));
    }
    letters
}

/// The spellings of a name by initials, the likeliest first.
#[must_use]
pub fn initials(name: &str) -> Vec<String> {
    let known = surname(name).map(|(_, letters)| letters).unwrap_or_default();
    let mut known = known.chars();
    let mut spellings = vec![String::new()];
    for character in name.chars() {
        let mut letters = of_character(character);
        if let Some(read) = known.next() {
            letters.retain(|letter| *letter != read);
            letters.insert(0, read);
        }
        let longer = letters
            .iter()
            .flat_map(|letter| spellings.iter().map(move |spelling| format!("{spelling}{letter}")));
        spellings = longer.take(SPELLINGS_MAX).collect();
    }
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &[&str]) {
        assert_eq!(initials(name), expected, "{name}");
    }

    #[test]
    fn the_table_says_of_every_character_what_its_readings_say() {
        use pinyin::ToPinyinMulti;
        let mut known = 0;
        for character in '\u{80}'..=char::MAX {
            let mut readings: Vec<String> = Vec::new();
            for reading in character.to_pinyin_multi().into_iter().flatten() {
                let plain = reading.plain().replace('ü', "v").replace('ê', "e");
                if !readings.contains(&plain) {
                    readings.push(plain);
                }
            }
            known += usize::from(!readings.is_empty());
            assert_eq!(written(character), readings.join(" "), "{character}");
        }
        assert!(known > 40_000, "{known}");
    }

    #[test]
    fn a_name_is_spelled_by_the_initials_of_its_pinyin() {
        check("张三丰", &["zsf"]);
        check("王桂英", &["wgy", "ygy"]);
        check("", &[""]);
    }

    #[test]
    fn a_surname_is_read_as_a_surname_first_and_otherwise_too() {
        check("单田芳", &["stf", "dtf", "ctf"]);
        check("曾志强", &["zzq", "czq", "zzj", "czj"]);
        check("解珍", &["xz", "jz"]);
        check("欧阳修", &["oyx"]);
        check("万俟卨", &["mqx", "wqx", "msx", "wsx"]);
        assert_eq!([surname_letters("欧阳修"), surname_letters("张三")], [2, 1]);
    }

    #[test]
    fn rare_characters_are_read_and_those_without_a_reading_stand_for_themselves() {
        check("𰻞𪚥𠮷", &["bzj"]);
        check("张\u{2b820}", &["z\u{2b820}"]);
    }

    #[test]
    fn spellings_are_few() {
        assert!((1..2000).all(|length| initials(&"单".repeat(length % 20)).len() <= 8));
    }
}
