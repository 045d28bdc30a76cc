//! What goes to other gateways and what came from them, asked of both stores.

use crate::{
    store::{
        Came, Cargo, CarryChange, Change, CommitSeq, FactId, Landed, Reader, ToldBy, Toward, Unit,
        Uploaded, WaitingParcel, Watermark,
        fixtures::{after_noon, id, key},
    },
    uplink::parcel,
};

fn fact((a, b): (u8, u8)) -> FactId {
    FactId {
        gateway: id(["van-1", "van-2", "county"][usize::from(a % 3)]),
        epoch: u64::from(b % 2) + 7,
        seq: CommitSeq(i64::from(a)),
    }
}

fn came((a, b, c): (u8, u8, u8)) -> Came {
    Came { id: fact((a, b)), by: id(["van-1", "county"][usize::from(c % 2)]), down: c % 2 == 1 }
}

/// Something that other gateways bring.
pub(super) fn brought((what, a, b, c): (u8, u8, u8, u8)) -> Change {
    let at = after_noon(i64::from(c));
    let change = match what % 9 {
        0 => CarryChange::Stay(CommitSeq(i64::from(a)), CommitSeq(i64::from(a) + i64::from(b % 4))),
        1 => {
            let came = came((a, b, c));
            CarryChange::Wait(WaitingParcel { came, line: vec![b'{', a, b'}'], at })
        }
        2 => CarryChange::Tried(fact((a, b))),
        3 => CarryChange::Unwait(fact((a, b))),
        4 => {
            let (sender, epoch) = (id(["van-1", "van-2"][usize::from(a % 2)]), u64::from(b % 3));
            let mark = Watermark { epoch, upto: CommitSeq(i64::from(c)), hash: [a; 32] };
            CarryChange::Upload(Uploaded { sender, mark, at })
        }
        5 => CarryChange::Heard(id(["van-1", "van-2"][usize::from(a % 2)]), at),
        _ => CarryChange::Landed(Landed::At(CommitSeq(i64::from(c) % 60 + 1)), came((a, b, c))),
    };
    Change::Carry(Box::new(change))
}

pub(super) fn look_within(unit: &mut dyn Unit, seen: &mut Vec<String>) {
    for a in 0..12 {
        let known = unit.landed(&fact((a, a / 3))).unwrap();
        let moved = unit.last_move(&key(u64::from(a))).unwrap();
        seen.push(format!("{known:?} {moved:?}"));
    }
    for whose in [
        ToldBy::Us(CommitSeq(5)),
        ToldBy::Gateway { after: CommitSeq(0), before: fact((9, 1)) },
        ToldBy::Gateway { after: CommitSeq(1), before: fact((9, 2)) },
    ] {
        // The two stores are two gateways: an own name is told by its position.
        let told = unit.told(&whose).unwrap();
        let scans: Vec<_> =
            told.scans.iter().map(|(at, name, scan)| (at, name.seq, scan)).collect();
        seen.push(format!("{:?} {scans:?}", told.told));
    }
    for a in 0..12 {
        let moved = [7, 8].map(|b| unit.clock_moved(&fact((a, b))).unwrap());
        seen.push(format!("{moved:?}"));
    }
    for name in ["van-1", "van-2"] {
        let lives: Vec<_> = (0..4).map(|epoch| unit.followed(&id(name), epoch).unwrap()).collect();
        seen.push(format!("{:?} {lives:?}", unit.uploaded(&id(name)).unwrap()));
    }
    seen.push(format!("{:?} {:?}", unit.heard().unwrap(), unit.boxes().unwrap()));
    seen.push(format!("{:?}", unit.waiting_parcels(3).unwrap()));
}

/// Whatever travels, in pieces; every line says what it said when it is read and written again.
pub(super) fn look(reader: &dyn Reader, seen: &mut Vec<String>) {
    let (name, epoch) = reader.gateway().unwrap();
    let own = format!("[\"{name}\",{epoch},");
    let mut tell = |cargo: &Cargo| {
        let mut told = format!("{:?}", cargo.upto);
        for parcel in &cargo.parcels {
            let read = parcel::decode(&parcel.line).unwrap();
            let again = parcel::encode(&read.id, read.down, &read.body).unwrap();
            let line = String::from_utf8(parcel.line.clone()).unwrap();
            assert_eq!(String::from_utf8(again).unwrap(), line);
            assert!(!line.contains('\n'), "{line}");
            told = format!("{told}\n{} {}", parcel.seq.0, line.replace(&own, "[\"self\",1,"));
        }
        seen.push(told);
    };
    let places = vec!["V1".into(), "T0".into()];
    let back = Toward::Back { to: id("van-2"), epoch: 2 };
    for toward in [Toward::Up, Toward::Down { to: id("van-1"), places }, back] {
        let mut after = CommitSeq(0);
        loop {
            let cargo = reader.cargo(&toward, after, 7, 1 << 30).unwrap();
            if cargo.upto == after {
                break;
            }
            after = cargo.upto;
            tell(&cargo);
        }
        assert_eq!(after, reader.last().unwrap(), "everything was looked at");
        tell(&reader.express(&toward, CommitSeq(0), 40).unwrap());
    }
    let marks = ["van-1", "van-2"].map(|name| reader.watermark(&id(name)).unwrap());
    let (uploads, waiting) = (reader.uploads().unwrap(), reader.waiting_by().unwrap());
    let carried = reader.carried((CommitSeq(3), CommitSeq(40))).unwrap();
    let heard = reader.heard().unwrap();
    seen.push(format!("{marks:?} {uploads:?} {heard:?} {waiting:?} {carried:?}"));
    let (since, silent) = (reader.boxes_since().unwrap(), reader.silent_sites().unwrap());
    seen.push(format!("{since:?} {silent:?}"));
}
