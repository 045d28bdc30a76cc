//! What speaks for somebody, in words: Chinese and English, without a name or a value.

use super::{Clue, Slip};

const fn clue(code: &'static str, weight: u32, zh: String, en: String) -> Clue {
    Clue { code, zh, en, weight }
}

/// They had the bench at that time; somebody else may have had it too.
pub(super) fn at_bench() -> Clue {
    let zh = "测量时此人正在该台位刷卡（时间不够准，或同时可能是他人，未自动归属）。";
    let en = "Their card was at the bench when it was taken; the time is not sure enough, or \
              somebody else could be meant too.";
    clue("bench_session", 100, zh.to_owned(), en.to_owned())
}

/// The card that opened their session came too late to decide by itself.
pub(super) fn late_card(hours: i64) -> Clue {
    clue(
        "late_card",
        90,
        format!("此人测量时在该台位刷卡，但刷卡记录晚到{hours}小时（超过24小时不自动归属）。"),
        format!(
            "Their card was at the bench when it was taken, but came {hours} h apart from it: over 24 \
             h it decides nothing by itself."
        ),
    )
}

/// They had the bench before or after.
pub(super) fn near_bench(before: bool, minutes: i64) -> Clue {
    // Whoever forgot to leave is likelier than whoever came too late; nearer is likelier.
    let weight = if before { 40_u32 } else { 35 };
    let weight = weight.saturating_sub(u32::try_from(minutes).unwrap_or(u32::MAX).min(30));
    if before {
        clue(
            "bench_before",
            weight,
            format!("测量前{minutes}分钟此人离开该台位。"),
            format!("They left the bench {minutes} min before."),
        )
    } else {
        clue(
            "bench_after",
            weight,
            format!("测量后{minutes}分钟此人在该台位刷卡。"),
            format!("Their card came to the bench {minutes} min after."),
        )
    }
}

/// A card that nobody knows is spelled nearly as theirs.
pub(super) fn card(slip: Slip, minutes: i64) -> Clue {
    let (zh, en) = slipped(slip);
    clue(
        "card_misread",
        70,
        format!("该台位有一张未登记的卡（相隔{minutes}分钟），卡号与此人的卡{zh}。"),
        format!(
            "A card that nobody knows was held there {minutes} min apart; against theirs {en}."
        ),
    )
}

/// The person that it names is spelled nearly as they.
pub(super) fn spelled(slip: Slip, named: &str) -> Clue {
    let (zh, en) = slipped(slip);
    clue(
        "person_mistyped",
        80,
        format!("读数写明的编号{named}未登记，与此人的编号{zh}。"),
        format!("It names {named}, whom nobody knows; against their own name {en}."),
    )
}

const fn slipped(slip: Slip) -> (&'static str, &'static str) {
    match slip {
        Slip::Changed => ("差一位", "one character differs"),
        Slip::Swapped => ("相邻两位颠倒", "two neighbouring characters are swapped"),
        Slip::Added => ("多或少一位", "one character is too many or too few"),
    }
}

/// The device's number before or after is theirs.
pub(super) fn number(before: bool, minutes: i64) -> Clue {
    let (zh, en) = if before { ("前", "before") } else { ("后", "after") };
    clue(
        "next_number",
        60,
        format!("同一设备、同一站点的{zh}一个序号是此人的，相隔{minutes}分钟。"),
        format!(
            "The same device's number {en} it, at the same site, is theirs, {minutes} min apart."
        ),
    )
}

/// They use the device.
pub(super) fn usual(times: usize, of: usize) -> Clue {
    clue(
        "usual_device",
        20,
        format!("该设备近30天的{of}次测量中有{times}次是此人的。"),
        format!("{times} of the device's last {of} readings, within 30 days, are theirs."),
    )
}
