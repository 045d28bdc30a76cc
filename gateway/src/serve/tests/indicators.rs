//! Indicators: of the caller's own place, month by month, each with what it leaves out.

use axum::http::StatusCode;
use serde_json::Value;

use super::{Gateway, counted, gateway, now, reading, stored};
use crate::{domain::Setting, serve::describe, store::view::Scope};

async fn asked(gateway: &Gateway, who: &str, query: &str) -> Value {
    let answer = gateway.get(who, &format!("/api/v1/indicators{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{who} {query}: {}", answer.text());
    answer.json()
}

#[track_caller]
fn check(answer: &Value, months: usize, contracted: [u64; 3]) {
    let of = answer["months"].as_array().unwrap();
    assert_eq!(of.len(), months, "{answer}");
    let share = &of.last().unwrap()["contracted"];
    let share = ["numerator", "denominator", "excluded"].map(|key| share[key].as_u64().unwrap());
    assert_eq!(share, contracted, "{answer}");
    assert_eq!(answer["as_of"], "2026-03-02T10:00:00+08:00");
}

#[tokio::test]
async fn each_role_sees_its_own_place() {
    let gateway = gateway();
    for who in ["township", "county", "lead"] {
        check(&asked(&gateway, who, "").await, 1, [1, 1, 0]);
        // 白水镇 is another's.
        let path = "?place=%E7%99%BD%E6%B0%B4%E9%95%87";
        check(&asked(&gateway, who, path).await, 1, [0, 0, 0]);
    }
    for who in ["operator", "system_admin"] {
        check(&asked(&gateway, who, "").await, 1, [2, 2, 0]);
        // 大河村 is one village of two.
        let path = "?place=%E5%A4%A7%E6%B2%B3%E6%9D%91";
        check(&asked(&gateway, who, path).await, 1, [1, 1, 0]);
    }
}

#[tokio::test]
async fn the_months_are_those_that_were_asked_for() {
    let gateway = gateway();
    check(&asked(&gateway, "operator", "?from=2025-01").await, 13, [2, 2, 0]);
    check(&asked(&gateway, "operator", "?from=2025-12&to=2026-01-31").await, 2, [2, 2, 0]);
    for wrong in ["?from=2026", "?to=x", "?from=20260101", "?from=%E6%9C%88%E6%9C%88%E6%9C%88"] {
        let answer = gateway.get("operator", &format!("/api/v1/indicators{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn only_what_staff_measured_is_a_visit() {
    let gateway = gateway();
    let sum = || {
        let counted = counted(&gateway.world, now()).borrow().clone().unwrap();
        let told = describe::indicators(Some(&*counted), &Scope::Everything, None, (None, None));
        let controlled = told.months.last().unwrap().blood_pressure_controlled;
        (controlled.numerator, controlled.denominator, controlled.excluded)
    };
    // Both were measured, nobody says by whom.
    assert_eq!(sum(), (0, 0, 2));
    gateway.world.commit(|rows| {
        let mut visit = stored(reading(1, 5, 138));
        visit.reading.remarks.setting = Some(Setting::Clinic);
        rows.store(visit);
    });
    // 138/112: the diastolic pressure is over the line.
    assert_eq!(sum(), (0, 1, 1));
}

#[tokio::test]
async fn the_page_shows_bars_in_both_languages() {
    let gateway = gateway();
    for (lang, name) in [("zh", "高血压规范管理率"), ("en", "Hypertension managed to the norm")]
    {
        let answer = gateway.get("township", &format!("/lite/indicators?lang={lang}")).await;
        let text = answer.text();
        assert_eq!(answer.status, StatusCode::OK, "{text}");
        assert!(text.contains(name) && text.contains("<svg") && text.contains("2026-03-02 10:00"));
        assert!(text.len() <= 30 * 1024, "{lang}: {} bytes", text.len());
    }
    let answer = gateway.get("doctor", "/lite/indicators").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}
