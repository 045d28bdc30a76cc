//! Every word of the pages, in both languages. A word that one language lacks does not compile.

use crate::store::QuarantineReason;

/// The words of one language.
#[derive(Debug)]
pub(in crate::serve) struct Words {
    pub(in crate::serve) lang: &'static str,
    pub(super) html_lang: &'static str,
    pub(super) other_lang: &'static str,
    pub(super) other_name: &'static str,
    pub(super) product: &'static str,
    pub(super) board: &'static str,
    pub(super) inbox: &'static str,
    pub(super) people: &'static str,
    pub(super) indicators: &'static str,
    pub(super) log_out: &'static str,
    pub(super) glass: &'static str,
    pub(super) as_of: &'static str,
    pub(super) demo: &'static str,
    pub(super) silent: &'static str,
    pub(super) levels: [&'static str; 4],
    pub(super) readings_today: &'static str,
    pub(super) people_today: &'static str,
    pub(super) people_all: &'static str,
    pub(super) overdue: &'static str,
    pub(super) quarantined: &'static str,
    pub(super) refused: &'static str,
    pub(super) oldest: &'static str,
    pub(super) minutes: &'static str,
    pub(super) gateways: &'static str,
    pub(super) sites: &'static str,
    pub(super) villages: &'static str,
    pub(super) last_seen: &'static str,
    /// Before a number: so many lines are not shown.
    pub(super) further: &'static str,
    pub(super) online: &'static str,
    pub(super) offline: &'static str,
    pub(super) unknown: &'static str,
    pub(super) no_alerts: &'static str,
    pub(super) deadline: &'static str,
    pub(super) no_deadline: &'static str,
    pub(super) owner: &'static str,
    pub(super) nobody: &'static str,
    pub(super) late: &'static str,
    /// What a time of grade B, C and D is worth; one of grade A needs no word.
    pub(super) grades: [&'static str; 3],
    pub(super) years: &'static str,
    pub(super) male: &'static str,
    pub(super) female: &'static str,
    pub(super) call: &'static str,
    pub(super) take: &'static str,
    pub(super) forward: &'static str,
    pub(super) note: &'static str,
    pub(super) write: &'static str,
    pub(super) reasons: &'static str,
    pub(super) pack: &'static str,
    pub(super) history: &'static str,
    pub(super) nothing: &'static str,
    pub(super) search: &'static str,
    pub(super) search_go: &'static str,
    pub(super) search_how: &'static str,
    pub(super) search_none: &'static str,
    pub(super) search_more: &'static str,
    pub(super) pressure: &'static str,
    pub(super) glucose: &'static str,
    pub(super) lines: &'static str,
    pub(super) readings: &'static str,
    pub(super) open_alerts: &'static str,
    pub(super) place: &'static str,
    pub(super) rejected: &'static str,
    pub(super) typed: &'static str,
    pub(super) doctor: &'static str,
    pub(super) case: &'static str,
    pub(super) ended: &'static str,
    pub(super) after_login: &'static str,
    pub(super) link_take: &'static str,
    pub(super) link_forward: &'static str,
    pub(super) quarantine: &'static str,
    pub(super) none_waits: &'static str,
    pub(super) whose: &'static str,
    pub(super) none_suggested: &'static str,
    pub(super) other_person: &'static str,
    pub(super) why: &'static str,
    pub(super) claim: &'static str,
    pub(super) dismiss: &'static str,
    pub(super) undo: &'static str,
    pub(super) more: &'static str,
    pub(super) decided: &'static str,
    pub(super) claimed: &'static str,
    pub(super) dismissed: &'static str,
    pub(super) grade: &'static str,
    pub(super) device: &'static str,
    pub(super) received: &'static str,
    pub(super) raw: &'static str,
}

/// Chinese: the source.
pub(super) const ZH: Words = Words {
    lang: "zh",
    html_lang: "zh-CN",
    other_lang: "en",
    other_name: "English",
    product: "巡诊",
    board: "看板",
    inbox: "预警",
    people: "居民",
    indicators: "指标",
    log_out: "退出",
    glass: "紧急查看他人负责的居民，已记录，截止",
    as_of: "数据时间",
    demo: "演示数据",
    silent: "未启用外发消息",
    levels: ["蓝色提示", "黄色提醒", "橙色预警", "红色预警"],
    readings_today: "今日测量",
    people_today: "今日人数",
    people_all: "辖区居民",
    overdue: "超时未确认",
    quarantined: "隔离待查",
    refused: "无法识别",
    oldest: "最久未确认",
    minutes: "分钟",
    gateways: "网关之间",
    sites: "站点与车辆",
    villages: "各村",
    last_seen: "最近联系",
    further: "未列出：",
    online: "在线",
    offline: "离线",
    unknown: "未知",
    no_alerts: "没有待处理的预警",
    deadline: "应确认时间",
    no_deadline: "列入每日汇总",
    owner: "责任人",
    nobody: "暂无",
    late: "补传",
    grades: ["时间 B 级：按校准", "时间 C 级：仅顺序可靠", "时间 D 级：时间不详"],
    years: "岁",
    male: "男",
    female: "女",
    call: "打电话",
    take: "我来处理",
    forward: "转上一级",
    note: "备注",
    write: "记录",
    reasons: "触发原因",
    pack: "规则版本",
    history: "处理记录",
    nothing: "暂无记录",
    search: "姓名、拼音首字母、村、卡号或编号",
    search_go: "查找",
    search_how: "例：张三丰、三丰、zsf、zs；身份证号或其后四位；只显示您辖区内的居民",
    search_none: "没有找到：请检查写法，或此人不在您的辖区",
    search_more: "下一页",
    pressure: "血压",
    glucose: "血糖",
    lines: "此人的预警线",
    readings: "测量记录",
    open_alerts: "未结束的预警",
    place: "地点",
    rejected: "超出有效范围",
    typed: "手工录入",
    doctor: "签约医生",
    case: "编号",
    ended: "该预警已结束",
    after_login: "登录后显示姓名、数值、住址、电话",
    link_take: "我已收到，马上处理",
    link_forward: "我无法处理，转上一级",
    quarantine: "待认领",
    none_waits: "没有待认领的数据",
    whose: "这是谁的？",
    none_suggested: "没有线索，请填编号或作废",
    other_person: "其他人（编号）",
    why: "理由（必填）",
    claim: "认领",
    dismiss: "作废",
    undo: "撤销",
    more: "更多",
    decided: "已处理",
    claimed: "已认领给",
    dismissed: "已作废",
    grade: "时间可信度",
    device: "设备",
    received: "收到",
    raw: "原始数据（字节）",
};

/// English.
pub(super) const EN: Words = Words {
    lang: "en",
    html_lang: "en",
    other_lang: "zh",
    other_name: "中文",
    product: "Xunzhen",
    board: "Board",
    inbox: "Alerts",
    people: "People",
    indicators: "Indicators",
    log_out: "Sign out",
    glass: "Looking beyond your own people, on record, until",
    as_of: "Data of",
    demo: "Demonstration data",
    silent: "No messages leave",
    levels: ["Blue notice", "Yellow reminder", "Orange alert", "Red alert"],
    readings_today: "Readings today",
    people_today: "People today",
    people_all: "People",
    overdue: "Overdue",
    quarantined: "In quarantine",
    refused: "Undecodable",
    oldest: "Oldest not taken",
    minutes: "min",
    gateways: "Between gateways",
    sites: "Sites and vans",
    villages: "Villages",
    last_seen: "Last heard",
    further: "Not listed:",
    online: "online",
    offline: "offline",
    unknown: "unknown",
    no_alerts: "No alert waits",
    deadline: "Take it by",
    no_deadline: "in the daily digest",
    owner: "Owner",
    nobody: "nobody yet",
    late: "came late",
    grades: ["time B: corrected", "time C: order only", "time D: unknown"],
    years: "years",
    male: "male",
    female: "female",
    call: "Call",
    take: "I take it",
    forward: "Hand to the next step",
    note: "Note",
    write: "Write down",
    reasons: "Why",
    pack: "Rule pack",
    history: "History",
    nothing: "Nothing yet",
    search: "Name, pinyin initials, village, card or id",
    search_go: "Search",
    search_how: "As 张三丰, 三丰, zsf or zs; an id number or its last four digits; people within your reach only",
    search_none: "Nobody found: check the spelling, or they are outside your reach",
    search_more: "Next page",
    pressure: "Blood pressure",
    glucose: "Glucose",
    lines: "Lines for this person",
    readings: "Readings",
    open_alerts: "Open alerts",
    place: "Place",
    rejected: "out of range",
    typed: "typed by hand",
    doctor: "Doctor",
    case: "Case",
    ended: "This alert has ended",
    after_login: "Name, values, address and telephone are shown after signing in",
    link_take: "I have it and take care of it",
    link_forward: "I cannot: hand it to the next step",
    quarantine: "Waiting",
    none_waits: "Nothing waits",
    whose: "Whose is it?",
    none_suggested: "Nothing points to anybody: name somebody, or dismiss it",
    other_person: "Somebody else (id)",
    why: "Why (required)",
    claim: "Claim",
    dismiss: "Dismiss",
    undo: "Undo",
    more: "More",
    decided: "Decided",
    claimed: "Claimed for",
    dismissed: "Dismissed",
    grade: "time grade",
    device: "Device",
    received: "Received",
    raw: "Bytes as they came",
};

impl Words {
    /// The word for a sex, by its code.
    pub(super) fn sex(&self, code: Option<&str>) -> Option<&'static str> {
        match code? {
            "male" => Some(self.male),
            "female" => Some(self.female),
            _ => None,
        }
    }

    /// What a grade of time says, where it says less than everything.
    pub(super) fn grade(&self, grade: &str) -> Option<&'static str> {
        let [b, c, d] = self.grades;
        match grade {
            "B" => Some(b),
            "C" => Some(c),
            "D" => Some(d),
            _ => None,
        }
    }

    /// The word for a state of an alert.
    pub(super) const fn alert_state(&self, state: crate::domain::AlertState) -> &'static str {
        use crate::domain::AlertState as S;
        let [zh, en] = match state {
            S::Open => ["待确认", "open"],
            S::Acknowledged => ["已确认", "taken"],
            S::Planned => ["已安排随访", "visit planned"],
            S::Visited => ["已随访", "visited"],
            S::Closed => ["已结案", "closed"],
            S::Withdrawn => ["已撤回", "withdrawn"],
            S::Superseded => ["已升级替代", "superseded"],
            S::Merged => ["已合并", "merged"],
        };
        if self.is_english() { en } else { zh }
    }

    /// Why something waits, in words.
    pub(super) const fn held(&self, reason: QuarantineReason) -> &'static str {
        use QuarantineReason as R;
        let [zh, en] = match reason {
            R::NoPerson => ["不知道是谁测的", "Nobody says whose it is"],
            R::UnknownPerson => ["写明的人未登记", "It names somebody whom the registry lacks"],
            R::UnknownUnit => ["单位无法识别", "Its unit is unknown"],
            R::UnknownKind => ["数据种类无法识别", "Its kind is unknown"],
            R::Conflict => ["同一编号、内容不同", "The same id came with other content"],
            R::Implausible => ["数值不可信，且不知道是谁", "No credible value, and nobody's"],
            R::UnknownCard => ["未登记的卡", "A card that the registry lacks"],
            R::OtherCounty => {
                ["外县身份证，未登记", "An identity card of another county, not registered"]
            }
            R::SessionChanged => {
                ["补到的刷卡改变了归属", "A late card says that it is not surely theirs"]
            }
            R::BetweenPeople => {
                ["换人前后测得，可能是前一位或后一位", "Between two people: it may be either's"]
            }
            R::UnprovenTime => [
                "设备时钟未核实，不知何时测得",
                "Its clock is not proven: nobody knows when it was",
            ],
            R::NoMeasurement => {
                ["等待对应的测量值，无需处理", "It waits for its measurement, not for you"]
            }
        };
        if self.is_english() { en } else { zh }
    }

    const fn is_english(&self) -> bool {
        matches!(self.lang.as_bytes(), b"en")
    }

    /// The word for a step of an alert's life, by its code.
    pub(super) fn change(&self, code: &'static str) -> &'static str {
        if self.lang == "en" {
            return code;
        }
        match code {
            "opened" => "触发",
            "raised" => "升级",
            "lowered" => "降级",
            "revised" => "修订",
            "acknowledged" => "已确认",
            "escalated" => "转上一级",
            "forwarded" => "转交",
            "noted" => "备注",
            "visited" => "随访",
            "visit_rejected" => "随访（不计入）",
            "closed" => "结案",
            "withdrawn" => "撤回",
            "superseded" => "被替代",
            other => other,
        }
    }
}
