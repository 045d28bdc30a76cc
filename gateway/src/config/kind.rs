//! What a value of a setting must be.

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An address and a port, `127.0.0.1:8080`; port 0 picks a free one.
    Listen,
    /// A path.
    Path,
    /// Any text.
    Text,
    /// An address with a scheme.
    Url,
    /// A broker's address: `mqtt://` or `mqtts://`, a host, and a port where it is not the usual.
    Broker,
    /// The gateway above: an address of pages, or of a listener.
    Uplink,
    /// A gateway's public key.
    Key,
    /// `true` or `false`.
    Switch,
    /// A whole number between two limits, both included.
    Count(u64, u64),
    /// A name: letters, digits, `_`, `.`, `-`, at most 64.
    Name,
    /// Names with commas between them.
    Names,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// What is expected, in English and Chinese.
    pub(super) fn expected(self) -> (String, String) {
        let (en, zh) = match self {
            Self::Listen => ("an address and a port", "地址和端口"),
            Self::Path => ("a path", "路径"),
            Self::Text => ("a text", "文本"),
            Self::Url => (
                "an address that begins with http:// or https://",
                "以 http:// 或 https:// 开头的网址",
            ),
            Self::Broker => (
                "mqtt://host:port, or mqtts://host:port for TLS",
                "mqtt://主机:端口，加密用 mqtts://",
            ),
            Self::Uplink => (
                "https://host, http://host, mqtts://host:port or mqtt://host:port",
                "https://、http://、mqtts:// 或 mqtt:// 开头的地址",
            ),
            Self::Key => ("ed25519: and 43 letters", "ed25519: 加 43 个字符"),
            Self::Switch => ("true or false", "true 或 false"),
            Self::Names => ("names with commas between them", "以逗号分隔的名称"),
            Self::Name => ("letters, digits, _ . -, at most 64", "字母、数字、_ . -，最多 64 个"),
            Self::Choice(words) => {
                let words = words.join(", ");
                return (format!("one of {words}"), format!("{words} 之一"));
            }
            Self::Count(low, high) => {
                return (
                    format!("a whole number from {low} to {high}"),
                    format!("{low} 到 {high} 的整数"),
                );
            }
        };
        (en.to_owned(), zh.to_owned())
    }
}
