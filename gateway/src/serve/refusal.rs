//! Why a request was refused: one shape for every route.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tracing::error;

use super::wire;
use crate::{
    admit::EventProblem,
    commit::{ActRefused, DecideRefused},
    intake::{KeyReused, NotCommitted},
    store::StoreError,
};

/// When a client should try again after 503.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    code: &'static str,
    message: &'static str,
    message_zh: &'static str,
    detail: Option<String>,
    /// With 429: when to come again.
    pub(super) wait_seconds: u64,
}

impl Refusal {
    pub(super) const fn new(
        status: StatusCode,
        code: &'static str,
        message: &'static str,
        message_zh: &'static str,
    ) -> Self {
        Self { status, code, message, message_zh, detail: None, wait_seconds: 0 }
    }

    pub(super) fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(super) const fn unknown_caller() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
            "sign in, or send a valid bearer token",
            "请先登录，或使用有效令牌",
        )
    }

    /// The same whatever was wrong: nobody learns which accounts there are.
    pub(super) const fn wrong_credentials() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "wrong_credentials",
            "the name or the password is wrong",
            "用户名或密码错误",
        )
    }

    pub(super) const fn ticket_ended() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "sign_in_again",
            "this sign-in has ended: begin again",
            "本次登录已失效，请重新登录",
        )
    }

    /// Too many attempts: when to come again.
    pub(super) fn too_many(wait: Duration) -> Self {
        let seconds = wait.as_secs().saturating_add(1);
        let refusal = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_attempts",
            "too many attempts: wait, then try again",
            "尝试次数过多，请稍后再试",
        );
        Self { wait_seconds: seconds, ..refusal.with(format!("{seconds} s")) }
    }

    pub(super) fn weak_password(why: &dyn std::error::Error) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "weak_password",
            "the password is too easily guessed",
            "密码过于简单",
        )
        .with(why.to_string())
    }

    pub(super) const fn passwords_differ() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "passwords_differ",
            "the two new passwords differ",
            "两次输入的新密码不一致",
        )
    }

    pub(super) const fn account_exists() -> Self {
        Self::conflict("account_exists", "there is an account of that name", "该用户名已存在")
    }

    pub(super) fn forbidden(right: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not_allowed",
            "your role may not do this",
            "您的角色无权进行此操作",
        )
        .with(right)
    }

    /// They may do nothing before that.
    pub(super) const fn own_password_first() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "choose_password",
            "somebody else chose your password: choose your own first",
            "当前密码由他人设置，请先改成自己的密码",
        )
    }

    pub(super) const fn cross_site() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "cross_site",
            "the request does not come from our own page",
            "请求并非来自本站页面",
        )
    }

    /// What was entered is no event: the member and the reason.
    pub(super) fn event(problem: &EventProblem) -> Self {
        let (code, message, message_zh) = match problem {
            EventProblem::Nothing => {
                ("nothing_in_it", "there is nothing in the follow-up", "随访没有内容")
            }
            EventProblem::Half
            | EventProblem::Pressure
            | EventProblem::Fasting
            | EventProblem::Yuan => ("impossible_value", "a value is impossible", "数值不可能"),
            EventProblem::NoTime
            | EventProblem::Kind
            | EventProblem::Deed
            | EventProblem::Site
            | EventProblem::Bench
            | EventProblem::SymptomsOfDeed
            | EventProblem::NoReading
            | EventProblem::NoAlert => {
                ("bad_value", "a value is none of those asked for", "数值格式不符")
            }
            EventProblem::Future => ("future_time", "the time lies in the future", "时间在将来"),
            EventProblem::Symptom { .. } => {
                ("unknown_symptom", "the rule pack has no such symptom", "规则包中没有该症状")
            }
            EventProblem::Profile { .. } => {
                ("unknown_profile", "the rule pack has no such profile", "规则包中没有该费用方案")
            }
        };
        let detail = format!("{}: {problem} / {}", problem.field(), problem.zh());
        Self::new(StatusCode::BAD_REQUEST, code, message, message_zh).with(detail)
    }

    /// Other content was entered under the same reference, or the same values with another note.
    pub(super) const fn event_conflict() -> Self {
        Self::conflict(
            "event_conflict",
            "another entry is stored under this reference, or with another note; this one waits",
            "该编号下已有不同内容，本条已暂存待处理",
        )
    }

    pub(super) const fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no such thing", "没有找到")
    }

    pub(super) const fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this address takes another method",
            "此地址不支持该方法",
        )
    }

    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "the request cannot be understood",
            "无法理解该请求",
        )
        .with(detail)
    }

    pub(super) fn bad_json(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_json",
            "the body is not the JSON that is asked for",
            "请求内容不是所要求的 JSON",
        )
        .with(detail)
    }

    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "the body is too large: send less at once",
            "请求内容过大，请分批发送",
        )
        .with(detail)
    }

    pub(super) const fn key_reused() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "idempotency_key_reused",
            "another request was made under this Idempotency-Key",
            "该幂等键已用于另一请求",
        )
    }

    pub(super) const fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "the gateway is busy: try again",
            "网关繁忙，请稍后再试",
        )
    }

    pub(super) fn not_committing(why: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_committing",
            "nothing can be stored at the moment: keep what you have and try again",
            "暂时无法保存，请保留数据稍后再试",
        )
        .with(why)
    }

    pub(super) fn store(cause: &StoreError) -> Self {
        if cause.is_full() {
            return Self::busy();
        }
        error!(error = %cause, "a question to the store failed");
        Self::internal()
    }

    pub(super) fn broken(cause: &dyn std::error::Error) -> Self {
        error!(error = %cause, "a request failed inside");
        Self::internal()
    }

    const fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the gateway failed; its log says why",
            "网关内部错误，详见日志",
        )
    }

    const fn conflict(code: &'static str, message: &'static str, message_zh: &'static str) -> Self {
        Self::new(StatusCode::CONFLICT, code, message, message_zh)
    }

    pub(super) fn body(&self) -> wire::ErrorBody {
        wire::ErrorBody {
            code: self.code,
            message: self.message.to_owned(),
            message_zh: self.message_zh.to_owned(),
            detail: self.detail.clone(),
        }
    }

    pub(super) const fn message_zh(&self) -> &'static str {
        self.message_zh
    }

    pub(super) const fn message(&self) -> &'static str {
        self.message
    }
}

impl From<NotCommitted> for Refusal {
    fn from(_: NotCommitted) -> Self {
        Self::not_committing("the writer takes no more")
    }
}

impl From<KeyReused> for Refusal {
    fn from(_: KeyReused) -> Self {
        Self::key_reused()
    }
}

impl From<ActRefused> for Refusal {
    fn from(refused: ActRefused) -> Self {
        match refused {
            ActRefused::Unknown => Self::not_found(),
            ActRefused::Ended => {
                Self::conflict("alert_ended", "the alert has ended", "该预警已结束")
            }
            ActRefused::HasOutcome => Self::conflict(
                "has_outcome",
                "the alert has its outcome already",
                "该预警已有处理结果",
            ),
            ActRefused::NotVisited => Self::conflict(
                "not_visited",
                "the alert was not visited yet: tell of the visit first",
                "该预警尚未随访，请先记录随访",
            ),
            ActRefused::NotTheirReading => Self::bad("reading: the person has no such reading"),
            ActRefused::NobodyNext => Self::conflict(
                "nobody_next",
                "there is no next step for this alert",
                "该预警没有上一级可转",
            ),
            ActRefused::KeyReused => Self::key_reused(),
        }
    }
}

impl From<DecideRefused> for Refusal {
    fn from(refused: DecideRefused) -> Self {
        match refused {
            DecideRefused::Unknown => Self::not_found(),
            DecideRefused::Decided => Self::conflict(
                "not_waiting",
                "the item does not wait any more: look at it again",
                "该条目已不在待处理状态，请刷新查看",
            ),
            DecideRefused::NotInForce => Self::conflict(
                "not_in_force",
                "the decision is not in force any more: look at the item again",
                "该决定已失效，请刷新查看",
            ),
            DecideRefused::NoReading => Self::conflict(
                "no_reading",
                "there is no reading in the item that could be somebody's: dismiss it",
                "该条目没有可归属的读数，只能作废",
            ),
            DecideRefused::WaitsForMeasurement => Self::conflict(
                "waits_for_measurement",
                "the item waits for its measurement, not for a decision",
                "该条目在等待其测量值，无需处理",
            ),
            DecideRefused::UnknownPerson => Self::bad("person: no such person"),
            DecideRefused::SamePerson => Self::bad("into: a file is not merged into itself"),
            DecideRefused::CountsAsAnother => Self::conflict(
                "counts_as_another",
                "the file counts as another person's already: take that merge back first",
                "该档案已并入另一份档案，请先撤销那次合并",
            ),
            DecideRefused::SurvivorCountsAsAnother => Self::conflict(
                "survivor_counts_as_another",
                "the surviving file counts as another person's itself: merge into that one",
                "保留的档案本身已并入另一份档案，请合并到那一份",
            ),
            DecideRefused::OthersCountAsTheirs => Self::conflict(
                "others_count_as_theirs",
                "other files count as this one's: merge the other way round, or take those back",
                "已有其他档案并入该档案，请反向合并，或先撤销那些合并",
            ),
            DecideRefused::KeyReused => Self::key_reused(),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()));
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(self.wait_seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
