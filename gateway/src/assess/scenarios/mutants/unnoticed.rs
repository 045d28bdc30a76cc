//! Changes of the pack that no case can notice, because they mean the same.

/// The change as it is printed, and the reason, as `docs/pack-mutations.md` has them.
pub(super) const UNNOTICED: &[(&str, &str)] = &[
    (
        "/auto_resolve/consecutive_under 2 to 1",
        "they must lie on two days as well, so one value is never enough",
    ),
    (
        "/lines/bp_grade2/sessions_k 2 to 1",
        "two days are asked for as well, and a day has at least one value",
    ),
    (
        "/persistence/C0/glu_k 2 to 1",
        "two days are asked for as well, and a day has at least one value",
    ),
    (
        "/persistence/C0/or_spaced/k 2 to 1",
        "the first and the last must lie 60 days apart, so there are two",
    ),
    (
        "/persistence/C1/bp_k 2 to 1",
        "two days are asked for as well, and a day has at least one value",
    ),
    (
        "/persistence/C1/glu_k 2 to 1",
        "two days are asked for as well, and a day has at least one value",
    ),
    ("/persistence/C2/glu_days 1 to 0", "a value over the line has its day"),
    ("/persistence/C2/glu_k 1 to 0", "only a value over the line is asked, and that is one"),
    ("/persistence/C2/glu_m 1 to 2", "the value itself is the one that is needed"),
    (
        "/persistence/C3/bp_k 2 to 1",
        "two days are asked for as well, and a day has at least one value",
    ),
    (
        "/persistence/C3/glu_k 2 to 1",
        "two days are asked for as well, and a day has at least one value",
    ),
    ("/poverty_relapse/points/strong/C2 2 to 3", "two points are the threshold: more say the same"),
    ("/poverty_relapse/points/strong/C3 2 to 3", "two points are the threshold: more say the same"),
];
