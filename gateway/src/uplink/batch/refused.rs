//! Why a message was not taken: one closed list of codes, in both languages.

use serde::{Deserialize, Serialize};

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No envelope, or one that was cut, lengthened or edited before its signature.
    NotAnEnvelope,
    /// Of a later version than this program reads.
    TooNew,
    /// Larger than allowed, packed or unpacked.
    TooLarge,
    /// The signature is not that of the box's key over these bytes.
    Forged,
    /// Nobody registered a box of that name.
    UnknownBox,
    /// The box is registered as lost or withdrawn.
    Revoked,
    /// It names another box than the one that logged in.
    AnotherBox,
    /// It is of another life of the box's log than the one that is followed.
    OtherEpoch,
    /// It is rightly signed, and what is in it is no batch.
    Malformed,
    /// It goes on from a batch that is not the one held: two chains under one name.
    Chain,
    /// A one-time code came again, from another key than the one that it let in.
    CodeTwice,
    /// Something before it is missing here.
    Gap,
    /// No kind of message for this end.
    NotForHere,
    /// There is no room for it at present.
    Busy,
    /// The gateway commits nothing at present.
    NotCommitting,
}

impl Code {
    /// Every code, for pages and tests.
    pub const ALL: [Self; 15] = [
        Self::NotAnEnvelope,
        Self::TooNew,
        Self::TooLarge,
        Self::Forged,
        Self::UnknownBox,
        Self::Revoked,
        Self::AnotherBox,
        Self::OtherEpoch,
        Self::Malformed,
        Self::Chain,
        Self::CodeTwice,
        Self::Gap,
        Self::NotForHere,
        Self::Busy,
        Self::NotCommitting,
    ];

    /// The code on the wire, in metrics and in the reason of what is kept.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAnEnvelope => "not_an_envelope",
            Self::TooNew => "too_new",
            Self::TooLarge => "too_large",
            Self::Forged => "forged",
            Self::UnknownBox => "unknown_box",
            Self::Revoked => "revoked",
            Self::AnotherBox => "another_box",
            Self::OtherEpoch => "other_epoch",
            Self::Malformed => "malformed",
            Self::Chain => "chain",
            Self::CodeTwice => "code_twice",
            Self::Gap => "gap",
            Self::NotForHere => "not_for_here",
            Self::Busy => "busy",
            Self::NotCommitting => "not_committing",
        }
    }

    /// In Chinese.
    #[must_use]
    pub const fn zh(self) -> &'static str {
        match self {
            Self::NotAnEnvelope => "不是有效的传输包，或已被截断、改动",
            Self::TooNew => "传输包版本过新，请升级本网关",
            Self::TooLarge => "传输包过大",
            Self::Forged => "签名与内容不符，可能是伪造",
            Self::UnknownBox => "该网关未登记",
            Self::Revoked => "该网关已停用",
            Self::AnotherBox => "传输包署名与登录的网关不一致",
            Self::OtherEpoch => "该网关的日志已重建（换盘或恢复备份），须由管理员确认",
            Self::Malformed => "签名正确，但内容不是有效的批次",
            Self::Chain => "与已收到的批次不衔接：同一网关名下出现两条记录链（可能被复制）",
            Self::CodeTwice => "该网关的注册码被另一台设备再次使用（注册码可能已泄露）",
            Self::Gap => "此前的批次尚未收到",
            Self::NotForHere => "此端不接收该类传输包",
            Self::Busy => "暂时繁忙，请稍后重试",
            Self::NotCommitting => "上级网关暂时无法保存",
        }
    }

    /// In English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::NotAnEnvelope => "no envelope, or one that was cut, lengthened or edited",
            Self::TooNew => "the envelope is of a later version: upgrade this gateway",
            Self::TooLarge => "the envelope is too large",
            Self::Forged => "the signature is not that of the box over this content",
            Self::UnknownBox => "no box of that name is registered",
            Self::Revoked => "the box is registered as withdrawn",
            Self::AnotherBox => "the envelope names another box than the one that logged in",
            Self::OtherEpoch => {
                "the box's log began anew (other disk, restored backup): an operator must confirm it"
            }
            Self::Malformed => "rightly signed, and its content is no batch",
            Self::Chain => {
                "it does not continue what is held: two chains under one name, as of a cloned box"
            }
            Self::CodeTwice => {
                "the box's one-time code came again from another key: it may have leaked"
            }
            Self::Gap => "something before it has not come",
            Self::NotForHere => "no kind of message for this end",
            Self::Busy => "busy at present; try again later",
            Self::NotCommitting => "the gateway above cannot store anything at present",
        }
    }

    /// Somebody must look at it: it cannot come from a sound box on a bad line.
    #[must_use]
    pub const fn alarms(self) -> bool {
        match self {
            Self::NotAnEnvelope
            | Self::Forged
            | Self::UnknownBox
            | Self::Revoked
            | Self::AnotherBox
            | Self::OtherEpoch
            | Self::Malformed
            | Self::TooLarge
            | Self::Chain
            | Self::CodeTwice => true,
            Self::TooNew | Self::Gap | Self::NotForHere | Self::Busy | Self::NotCommitting => false,
        }
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
