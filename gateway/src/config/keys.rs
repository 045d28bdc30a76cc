//! Every key of `xunzhen.toml`: its kind, its default, an example, and what it is for.
//!
//! This table is the only place that knows the keys: reading, checking, `config default` and
//! `config show` all walk it.

pub(super) use super::kind::Kind;

/// One key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// The section.
    pub(super) section: &'static str,
    /// The name within it.
    pub(super) name: &'static str,
    /// What its value must be.
    pub(super) kind: Kind,
    /// Its value where nothing is said; empty: absent.
    pub(super) default: &'static str,
    /// A value that would do.
    pub(super) example: &'static str,
    /// What it is for.
    pub(super) purpose: &'static str,
    /// It is never shown.
    pub(super) secret: bool,
}

pub(super) const fn key(
    path: (&'static str, &'static str),
    kind: Kind,
    default: &'static str,
    example: &'static str,
    purpose: &'static str,
) -> Key {
    Key { section: path.0, name: path.1, kind, default, example, purpose, secret: false }
}

/// Every key outside of sections that may stand several times (`lists`).
pub(super) const KEYS: &[Key] = &[
    key(
        ("http", "listen"),
        Kind::Listen,
        "127.0.0.1:8080",
        "0.0.0.0:8443",
        "where pages and the API answer / 网页与接口地址",
    ),
    key(
        ("http", "tls_certificate"),
        Kind::Path,
        "",
        "/etc/xunzhen/tls.pem",
        "certificate chain; absent: plain HTTP / 证书链",
    ),
    key(("http", "tls_key"), Kind::Path, "", "/etc/xunzhen/tls.key", "its key / 证书私钥"),
    key(
        ("http", "public_url"),
        Kind::Url,
        "",
        "https://gw.example",
        "how doctors reach the pages; stands in messages / 医生访问的网址",
    ),
    key(
        ("http", "forwarded"),
        Kind::Switch,
        "false",
        "true",
        "a proxy before us sets X-Forwarded-For; only then is it believed / 前置代理传递来源地址",
    ),
    key(
        ("accounts", "second_factor"),
        Kind::Choice(&["required", "optional"]),
        "required",
        "optional",
        "required: nobody signs in by a password alone / 双因素登录",
    ),
    key(
        ("accounts", "separate_powers"),
        Kind::Switch,
        "false",
        "true",
        "no operator: system_admin, security_admin and auditor apart / 三权分立",
    ),
    key(
        ("oidc", "issuer"),
        Kind::Url,
        "",
        "https://id.example",
        "identity provider where people may sign in too, exactly as it names itself; absent: none / 统一身份认证地址",
    ),
    key(("oidc", "client_id"), Kind::Text, "", "xunzhen", "as it knows us / 客户端标识"),
    key(
        ("oidc", "client_secret_file"),
        Kind::Path,
        "",
        "/etc/xunzhen/oidc.secret",
        "file with our secret there; absent: PKCE alone / 客户端密钥文件",
    ),
    key(
        ("oidc", "claim"),
        Kind::Name,
        "preferred_username",
        "sub",
        "whose value is the account's name, at the first sign-in of one that is open / 首次登录对应账号名的声明",
    ),
    key(
        ("oidc", "second_factor"),
        Kind::Choice(&["own", "provider"]),
        "own",
        "provider",
        "provider: its word that there was one spares ours / 是否认可对方的双因素登录",
    ),
    key(
        ("oidc", "acr"),
        Kind::Text,
        "",
        "phr,phrh",
        "values of acr that say so, beside mfa in amr; asked for / 表示双因素的 acr 值",
    ),
    key(
        ("oidc", "tls_ca"),
        Kind::Path,
        "",
        "/etc/xunzhen/id-ca.pem",
        "PEM file of whom alone we believe about its address / 信任的根证书",
    ),
    key(
        ("mqtt", "listen"),
        Kind::Listen,
        "127.0.0.1:1883",
        "0.0.0.0:1883",
        "where devices publish / 设备接入地址",
    ),
    key(
        ("mqtt", "connections_max"),
        Kind::Count(1, 1_000_000),
        "20000",
        "20000",
        "connections at once / 最大连接数",
    ),
    key(
        ("mqtt", "in_flight_max"),
        Kind::Count(1, 65_535),
        "1000",
        "1000",
        "unacknowledged messages of one connection / 单连接未确认消息数",
    ),
    key(
        ("mqtt", "packet_max"),
        Kind::Count(1_024, 16_777_216),
        "262144",
        "262144",
        "largest packet, in bytes / 最大报文字节数",
    ),
    key(
        ("mqtt", "tls_listen"),
        Kind::Listen,
        "",
        "0.0.0.0:8883",
        "where boxes publish by TLS and a certificate; absent: nowhere / 证书接入地址",
    ),
    key(
        ("mqtt", "tls_certificate"),
        Kind::Path,
        "",
        "/etc/xunzhen/mqtt.pem",
        "certificate chain of that listener; absent: of our own authority / 接入证书链",
    ),
    key(("mqtt", "tls_key"), Kind::Path, "", "/etc/xunzhen/mqtt.key", "its key / 证书私钥"),
    key(
        ("mqtt", "box_ca"),
        Kind::Path,
        "",
        "/etc/xunzhen/box-ca.pem",
        "PEM file of who alone vouches for boxes; absent: our own authority / 签发网关证书的机构",
    ),
    key(
        ("mqtt", "tls_min"),
        Kind::Choice(&["1.3", "1.2"]),
        "1.3",
        "1.2",
        "1.2 lets old gear in as well, and shows its certificate to whoever listens / 最低 TLS 版本",
    ),
    key(
        ("mqtt", "client_certificate"),
        Kind::Choice(&["required", "optional"]),
        "required",
        "optional",
        "optional: devices may log in there by a token as well; boxes never / 客户端证书",
    ),
    key(
        ("broker", "url"),
        Kind::Broker,
        "",
        "mqtt://127.0.0.1:1884",
        "an existing broker to read from as well; mqtts:// for TLS; its PUBACK is the broker's / 外部消息服务器",
    ),
    key(
        ("broker", "tls_ca"),
        Kind::Path,
        "",
        "/etc/xunzhen/broker-ca.pem",
        "PEM file of whom alone we believe about the broker; must be said with mqtts:// / 信任的根证书",
    ),
    key(
        ("broker", "tls_certificate"),
        Kind::Path,
        "",
        "/etc/xunzhen/broker.pem",
        "our certificate chain, where the broker asks for one / 本端证书链",
    ),
    key(("broker", "tls_key"), Kind::Path, "", "/etc/xunzhen/broker.key", "its key / 本端证书私钥"),
    key(
        ("broker", "client_id"),
        Kind::Name,
        "xunzhen-1",
        "xunzhen-1",
        "fixed for this instance / 本实例固定名称",
    ),
    key(("broker", "user"), Kind::Text, "", "gateway", "log-in name there / 登录名"),
    Key {
        secret: true,
        ..key(("broker", "password"), Kind::Text, "", "…", "password there / 密码")
    },
    key(
        ("uplink", "to"),
        Kind::Uplink,
        "",
        "https://centre.example",
        "the gateway above, to which everything is handed up: https://, http://, mqtt:// or mqtts:// / 上级网关地址",
    ),
    key(
        ("uplink", "parent_key"),
        Kind::Key,
        "",
        "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "its public key, as roster key prints it there: nobody else is believed / 上级网关公钥",
    ),
    key(
        ("uplink", "token_file"),
        Kind::Path,
        "",
        "/etc/xunzhen/uplink.token",
        "file with the token that the gateway above made for this box / 令牌文件",
    ),
    key(
        ("uplink", "tls_ca"),
        Kind::Path,
        "",
        "/etc/xunzhen/centre-ca.pem",
        "PEM file of whom alone we believe about its address; must be said with mqtts:// / 信任的根证书",
    ),
    key(
        ("uplink", "tls_certificate"),
        Kind::Path,
        "",
        "/etc/xunzhen/box.pem",
        "certificate of this box, of its own gateway-key; shown to whom tls_ca vouches for / 本网关证书",
    ),
    key(
        ("uplink", "silent_after_hours"),
        Kind::Count(1, 8_760),
        "24",
        "72",
        "a gateway below that was not heard for so long is told of once; what it brings later is late / 下级网关失联告警时限（小时）",
    ),
    key(
        ("store", "dir"),
        Kind::Path,
        "/var/lib/xunzhen",
        "/var/lib/xunzhen",
        "where everything is kept / 数据目录",
    ),
    key(
        ("store", "page_cache_mib"),
        Kind::Count(1, 65_536),
        "40",
        "256",
        "memory for database pages, readers included; 8 suits a van / 数据库缓存",
    ),
    key(
        ("store", "people_cached"),
        Kind::Count(100, 10_000_000),
        "200000",
        "200000",
        "people whose state is kept in memory; 2000 suits a van / 内存中人数",
    ),
    key(
        ("store", "identity_key_file"),
        Kind::Path,
        "",
        "/etc/xunzhen/identity-keys",
        "keys that seal who people are; absent: the systemd credential xunzhen-identity-key, else a file beside the data, which a van must not have / 身份密钥文件",
    ),
    key(
        ("audit", "keep_days"),
        Kind::Count(crate::audit::KEEP_DAYS_MIN, 36_500),
        "1096",
        "1096",
        "days that who looked at whom is kept; at least 180 by the Cybersecurity Law / 审计日志保存天数，依《网络安全法》不少于 180 天",
    ),
    key(
        ("pack", "file"),
        Kind::Path,
        "",
        "/etc/xunzhen/pack.json",
        "keys laid over the built-in rule pack, or a norm by name: nbphs-3, guideline-2024, primary-care-2025 / 规则包",
    ),
    key(
        ("pack", "shadow"),
        Kind::Path,
        "",
        "primary-care-2025",
        "a second pack that runs beside and sends nothing; see rules shadow / 并行试用的规则包",
    ),
    key(
        ("pack", "shadow_sites"),
        Kind::Names,
        "",
        "van-1,clinic-2",
        "it judges who is measured at these sites; absent: everybody / 试用站点",
    ),
    key(
        ("clock", "trust"),
        Kind::Choice(&["system", "always"]),
        "system",
        "always",
        "system: doubted while it shows a time that has been; always: believed / 时钟信任方式",
    ),
    key(
        ("notify", "allow_private"),
        Kind::Switch,
        "false",
        "true",
        "webhooks may go to private addresses / 允许内网回调地址",
    ),
    key(
        ("notify", "consent"),
        Kind::Choice(&["unless_withdrawn", "required"]),
        "unless_withdrawn",
        "required",
        "required: webhooks about somebody only after their consent / 须本人同意后才外发消息",
    ),
    key(
        ("influx", "url"),
        Kind::Url,
        "",
        "http://127.0.0.1:8428",
        "InfluxDB 2 or VictoriaMetrics; absent: no export / 时序库地址",
    ),
    key(("influx", "org"), Kind::Text, "xunzhen", "xunzhen", "organisation there / 组织"),
    key(("influx", "bucket"), Kind::Text, "readings", "readings", "bucket there / 存储桶"),
    Key { secret: true, ..key(("influx", "token"), Kind::Text, "", "…", "token there / 令牌") },
];
