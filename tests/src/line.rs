//! A bad line made by the kernel: in a network of its own, whatever goes to or comes from one address of
//! loopback is slow, and a share of its packets is lost, each way and at random.
//!
//! Loss is a classic BPF program at the way out (`tc … clsact`), which needs no module; the rate is a token
//! bucket of HTB for each direction. Segments are single packets of 1,500 bytes, so that a lost one is one.

use std::{
    net::{Ipv4Addr, UdpSocket},
    process::Command,
    time::Duration,
};

use crate::{patience::wait_at_most, places::tool};

/// The address whose line is bad.
pub const BAD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The programs that it takes.
pub const PROGRAMS: [&str; 2] = ["tc", "ip"];

/// Datagrams by which the loss is measured, each way.
const PROBES: u32 = 1000;

/// Makes the line bad in this process's network, which must be its own: so many of a hundred packets lost
/// and so many kbit/s, each way. Says how many of a thousand were found lost, there and back.
///
/// # Errors
/// What the kernel does not know, in its words, or that it loses others than it was told.
pub fn spoil(lost_percent: u32, kbit: u32) -> Result<[u32; 2], String> {
    run("ip", "link set lo mtu 1500 gso_max_segs 1 up")?;
    run("tc", "qdisc add dev lo clsact")?;
    let lossy = program(lost_percent);
    run_all("tc", &["filter", "add", "dev", "lo", "egress", "bpf", "da", "bytecode", &lossy])?;
    let lost = [measure(Ipv4Addr::LOCALHOST, BAD)?, measure(BAD, Ipv4Addr::LOCALHOST)?];
    let expected = lost_percent * 10;
    if lost.iter().any(|lost| lost.abs_diff(expected) > 80) {
        return Err(format!("of {PROBES} datagrams {lost:?} were lost, not {expected}"));
    }
    run("tc", "qdisc add dev lo root handle 1: htb default 10")?;
    run("tc", "class add dev lo parent 1: classid 1:10 htb rate 10gbit quantum 60000")?;
    for (class, side) in [("1:20", "dst"), ("1:30", "src")] {
        let rate = format!("htb rate {kbit}kbit burst 1600 quantum 1600");
        run("tc", &format!("class add dev lo parent 1: classid {class} {rate}"))?;
        let address = format!("u32 match ip {side} {BAD}/32 flowid {class}");
        run("tc", &format!("filter add dev lo parent 1: protocol ip prio 1 {address}"))?;
    }
    Ok(lost)
}

/// Puts the line back to what it was: nothing is lost, nothing waits.
pub fn mend() {
    tool("tc", &["qdisc", "del", "dev", "lo", "root"]);
    tool("tc", &["qdisc", "del", "dev", "lo", "clsact"]);
}

fn run(program: &str, arguments: &str) -> Result<(), String> {
    run_all(program, &arguments.split(' ').collect::<Vec<_>>())
}

fn run_all(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}", arguments.join(" "), why.trim()))
}

/// Classic BPF: a packet of the address is dropped where a random number says so. Offsets into the network
/// header (`SKF_NET_OFF`) and the random number (`SKF_AD_RANDOM`) are from linux/filter.h.
fn program(lost_percent: u32) -> String {
    const SOURCE: u32 = 0xFFF0_0000 + 12;
    const TARGET: u32 = 0xFFF0_0000 + 16;
    const RANDOM: u32 = 0xFFFF_F000 + 56;
    let (address, kept) = (BAD.to_bits(), u32::MAX / 100 * (100 - lost_percent));
    let lines = [
        format!("32 0 0 {SOURCE}"),
        format!("21 2 0 {address}"),
        format!("32 0 0 {TARGET}"),
        format!("21 0 2 {address}"),
        format!("32 0 0 {RANDOM}"),
        format!("37 1 0 {kept}"),
        // On with the next filter, of which there is none; or TC_ACT_SHOT.
        format!("6 0 0 {}", u32::MAX),
        "6 0 0 2".to_owned(),
    ];
    format!("{},{}", lines.len(), lines.join(","))
}

/// How many of a thousand datagrams from one address to the other are lost.
fn measure(from: Ipv4Addr, to: Ipv4Addr) -> Result<u32, String> {
    let words = |error: std::io::Error| error.to_string();
    let (sender, receiver) =
        (UdpSocket::bind((from, 0)).map_err(words)?, UdpSocket::bind((to, 0)).map_err(words)?);
    receiver.set_nonblocking(true).map_err(words)?;
    let target = receiver.local_addr().map_err(words)?;
    let mut came = 0;
    let mut take = || {
        let mut byte = [0; 1];
        while receiver.recv(&mut byte).is_ok() {
            came += 1;
        }
        came
    };
    for _ in 0..PROBES {
        // What the filter drops may come back as an error; it is lost all the same.
        drop(sender.send_to(&[0], target));
        take();
    }
    wait_at_most(Duration::from_millis(100), || (take() == PROBES).then_some(()));
    Ok(PROBES - take())
}
