//! What a third party may read: a code, a level, a deadline, a count and a link (promise P10).
//!
//! [`ThirdPartyText`] is the only thing that the channels send, and it can be built from nothing
//! else: there is no field that could hold a name, a value or a village.

use serde_json::{Value, json};
use smol_str::SmolStr;

use crate::{
    domain::{AlertId, AlertLinks, DoctorId, Level, Timestamp, case_code},
    store::AlertChange,
};

/// The level's word for doctors (突发事件应对法 article 42).
#[must_use]
pub const fn level_zh(level: Level) -> &'static str {
    match level {
        Level::Red => "红色",
        Level::Orange => "橙色",
        Level::Yellow => "黄色",
        Level::Blue => "蓝色",
    }
}

/// The level's code on the wire.
#[must_use]
pub const fn level_code(level: Level) -> &'static str {
    match level {
        Level::Red => "red",
        Level::Orange => "orange",
        Level::Yellow => "yellow",
        Level::Blue => "blue",
    }
}

/// Where a recipient reads more. Made only from the gateway's own address, an alert's id and the
/// recipient's, so a link cannot carry anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Makes links to this gateway's pages.
#[derive(Debug, Clone)]
pub struct Links {
    public_url: String,
    signed: AlertLinks,
}

impl Links {
    /// Under the address by which recipients reach the gateway, signed with its secret.
    #[must_use]
    pub fn new(public_url: &str, signed: AlertLinks) -> Self {
        Self { public_url: public_url.trim_end_matches('/').to_owned(), signed }
    }

    /// The page of one alert for one recipient, who need not sign in to take the alert or to hand
    /// it on: `/a/{token}`.
    #[must_use]
    pub fn to_alert(&self, alert: &AlertId, recipient: &DoctorId) -> Link {
        Link(format!("{}{}", self.public_url, self.signed.path(alert, recipient)))
    }

    /// The inbox of whoever signs in.
    #[must_use]
    pub fn to_inbox(&self) -> Link {
        Link(format!("{}/lite/inbox", self.public_url))
    }
}

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// About one person's alert or alerts.
    Alert,
    /// About several people's alerts, because the recipient's pace is used up.
    Digest,
    /// Somebody pressed "send a test message".
    Test,
}

impl Kind {
    const fn code(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }
}

/// A message as third parties see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThirdPartyText {
    /// Why it is sent.
    pub kind: Kind,
    /// The gravest alert that it tells of.
    pub alert: AlertId,
    /// First letters of its case code.
    pub case_prefix: SmolStr,
    /// The gravest level that it tells of.
    pub level: Level,
    /// What happened to that alert.
    pub change: AlertChange,
    /// When the first of the alerts must be acknowledged.
    pub deadline: Option<Timestamp>,
    /// Every alert that it tells of, that one first.
    pub alerts: Vec<AlertId>,
    /// Where to read more.
    pub link: Link,
}

impl ThirdPartyText {
    /// The JSON body that is signed and sent. With more than one alert it lists their ids too:
    /// a receiver must be able to tell which alerts it was told of.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = json!({
            "type": self.kind.code(),
            "alert": self.alert.to_string(),
            "case": case_code(&self.case_prefix, &self.alert),
            "level": level_code(self.level),
            "level_zh": level_zh(self.level),
            "change": self.change.as_str(),
            "deadline": self.deadline.map(|deadline| deadline.to_string()),
            "count": self.alerts.len().max(1),
            "link": self.link.0,
        });
        if let (true, Value::Object(fields)) = (self.alerts.len() > 1, &mut body) {
            let ids = self.alerts.iter().map(|id| Value::String(id.to_string())).collect();
            fields.insert("alerts".to_owned(), Value::Array(ids));
        }
        body.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links::new("https://gw.example/", AlertLinks::with_key([7; 32]))
    }

    fn doctor() -> DoctorId {
        DoctorId::new("DR-1_x").unwrap()
    }

    fn text(alerts: Vec<AlertId>) -> ThirdPartyText {
        ThirdPartyText {
            kind: Kind::Alert,
            alert: AlertId::from_bytes([0xab; 16]),
            case_prefix: "QS".into(),
            level: Level::Red,
            change: AlertChange::Opened,
            deadline: Timestamp::parse("2026-03-02T07:25:00+08:00"),
            alerts,
            link: links().to_alert(&AlertId::from_bytes([0xab; 16]), &doctor()),
        }
    }

    #[test]
    fn a_message_is_a_code_a_level_a_deadline_a_count_and_a_link() {
        let body: Value = serde_json::from_str(&text(vec![]).body()).unwrap();
        let id = "ab".repeat(16);
        assert_eq!(
            body,
            json!({"type":"alert","alert":id,"case":"QS71211","level":"red","level_zh":"红色",
                "change":"opened","deadline":"2026-03-02T07:25:00+08:00","count":1,
                "link":body["link"]})
        );
        let token = body["link"].as_str().unwrap().strip_prefix("https://gw.example/a/").unwrap();
        let opened = AlertLinks::with_key([7; 32]).read(token);
        assert_eq!(opened, Some((AlertId::from_bytes([0xab; 16]), doctor())));
    }

    #[test]
    fn a_message_about_several_alerts_names_each_by_its_id() {
        let alerts = vec![AlertId::from_bytes([0xab; 16]), AlertId::from_bytes([1; 16])];
        let body: Value = serde_json::from_str(&text(alerts).body()).unwrap();
        assert_eq!(body["count"], 2);
        assert_eq!(body["alerts"], json!(["ab".repeat(16), "01".repeat(16)]));
    }
}
