//! What roles and rights are called, in both languages.

use super::page::Lang;
use crate::{serve::scope::Right, store::Role};

/// A role's name.
pub(super) fn role(role: Role, lang: Lang) -> &'static str {
    let (zh, en) = match role {
        Role::Device => ("设备", "device"),
        Role::Nurse => ("护士", "nurse"),
        Role::Doctor => ("村医", "village doctor"),
        Role::Township => ("乡镇卫生院", "township"),
        Role::County => ("县级", "county"),
        Role::Team => ("家庭医生团队", "contract team"),
        Role::Operator => ("管理员", "operator"),
        Role::System => ("系统管理员", "system administrator"),
        Role::Security => ("安全管理员", "security administrator"),
        Role::Auditor => ("审计员", "auditor"),
        Role::Wall => ("大屏", "wall"),
        Role::Assistant => ("健康帮扶专干", "assistance office"),
    };
    if lang.english() { en } else { zh }
}

/// What a right lets its owner do: in Chinese, in English.
pub(super) const fn right(right: Right) -> (&'static str, &'static str) {
    match right {
        Right::Deliver => ("上传测量", "deliver readings"),
        Right::ReadPeople => ("查看居民", "see people"),
        Right::ReadAlerts => ("查看预警", "see alerts"),
        Right::ReadBoard => ("查看看板", "see the board"),
        Right::ReadIndicators => ("查看指标", "see indicators"),
        Right::ReadHeld => ("查看待认领与无法识别的数据", "see what waits or was refused"),
        Right::Decide => ("处理待认领数据", "decide what waits"),
        Right::Ack => ("接收预警", "take alerts"),
        Right::Forward => ("转交预警", "hand alerts on"),
        Right::Note => ("添加备注", "write notes"),
        Right::FollowUp => ("录入随访", "enter follow-ups"),
        Right::Money => ("录入费用", "enter payments"),
        Right::SiteAct => ("录入现场处置", "enter what was done at a bench"),
        Right::Void => ("作废误录", "void what was entered by mistake"),
        Right::Uplink => ("网关间上传", "hand up as a gateway"),
        Right::BreakGlass => ("紧急查看", "emergency look"),
        Right::ManageAccounts => ("管理账号", "manage accounts"),
        Right::ReadAudit => ("查看审计日志", "read the audit log"),
    }
}

/// Several rights in one line.
pub(super) fn rights(all: &[Right], lang: Lang) -> String {
    let english = lang.english();
    let names = all.iter().map(|of| if english { right(*of).1 } else { right(*of).0 });
    names.collect::<Vec<_>>().join(if english { ", " } else { "、" })
}
