//! The keys of sections that may stand several times: `[[serial]]` and `[[printer]]`.

use super::keys::{Key, Kind, key};

/// The keys of one `[[serial]]` line.
pub(super) const SERIAL_KEYS: &[Key] = &[
    key(
        ("serial", "port"),
        Kind::Path,
        "",
        "/dev/serial/by-id/usb-FTDI-if00",
        "the line, by-id / 串口",
    ),
    key(
        ("serial", "format"),
        Kind::Text,
        "",
        "raycome-rbp",
        "the wire format, see decode --list / 协议",
    ),
    key(("serial", "model"), Kind::Text, "", "bp", "where the format needs it / 型号"),
    key(("serial", "device"), Kind::Name, "", "cuff-3", "the device's name / 设备名"),
    key(("serial", "site"), Kind::Name, "", "V03", "where it stands / 站点"),
    key(("serial", "bench"), Kind::Name, "", "B1", "the bench it stands at / 工位"),
    key(
        ("serial", "baud"),
        Kind::Count(50, 4_000_000),
        "9600",
        "19200",
        "speed of the line / 波特率",
    ),
];

/// Keys of a serial line that must be said.
pub(super) const SERIAL_REQUIRED: [&str; 4] = ["port", "format", "device", "site"];

/// The keys of one `[[printer]]`.
pub(super) const PRINTER_KEYS: &[Key] = &[
    key(
        ("printer", "port"),
        Kind::Path,
        "",
        "/dev/serial/by-id/usb-Printer-if00",
        "the line of an ESC/POS printer, by-id / 小票打印机串口",
    ),
    key(
        ("printer", "baud"),
        Kind::Count(1_200, 921_600),
        "9600",
        "115200",
        "speed of the line / 波特率",
    ),
    key(("printer", "site"), Kind::Name, "", "V03", "where it stands / 站点"),
    key(("printer", "bench"), Kind::Name, "", "B1", "whose results it prints / 工位"),
    key(
        ("printer", "columns"),
        Kind::Count(16, 48),
        "32",
        "32",
        "half-width columns: 32 on 58 mm of paper, 48 on 80 mm / 每行半角字符数",
    ),
];

/// Keys of a printer that must be said.
pub(super) const PRINTER_REQUIRED: [&str; 3] = ["port", "site", "bench"];

/// Sections that may stand several times: their name, their keys, and which of these must be said.
pub(super) const LISTS: [(&str, &[Key], &[&str]); 2] =
    [("serial", SERIAL_KEYS, &SERIAL_REQUIRED), ("printer", PRINTER_KEYS, &PRINTER_REQUIRED)];
