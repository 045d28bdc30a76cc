//! Accounts and broken glass: kept whole, by name, and gone with a unit that is given up.

use super::check;
use crate::{
    domain::{Id, Timestamp},
    store::{
        AccessChange, AccountRow, BrokenGlass, Change, CommitSeq, Role, Store, TokenRow, Vouched,
        fixtures::{NOON, after_noon, commit, id},
        view::Paging,
    },
};

pub(super) fn account(name: &str, number: u8) -> AccountRow {
    AccountRow {
        key: [number; 16],
        name: id(name),
        called: "张𠮷".to_owned(),
        role: Role::ALL[usize::from(number) % Role::ALL.len()],
        place: number.is_multiple_of(2).then(|| "North".to_owned()),
        doctor: number.is_multiple_of(3).then(|| id("D1")),
        password: format!("argon2id m=8 {number}"),
        must_change: number % 2 == 1,
        second: if number.is_multiple_of(4) { String::new() } else { "GEZDGNBV".to_owned() },
        second_step: i64::from(number),
        vouched: match number % 3 {
            0 => Vouched::No,
            1 => Vouched::Open,
            _ => vouched(number),
        },
        disabled: number.is_multiple_of(5),
        generation: u64::from(number),
        created_at: NOON,
        created_by: "operator".into(),
        changed_at: after_noon(i64::from(number)),
        changed_by: "operator".into(),
    }
}

fn vouched(number: u8) -> Vouched {
    Vouched::By { issuer: "https://id.example".to_owned(), subject: format!("subject {number}") }
}

pub(super) fn keep(row: AccountRow) -> Change {
    Change::Access(AccessChange::Account(Box::new(row)))
}

pub(super) fn broke(number: i64) -> Change {
    let (at, until): (Timestamp, _) = (after_noon(number), after_noon(number + 30));
    let reason = format!("collapsed at the market {number}");
    let broken = BrokenGlass { at, until, by: "wang".into(), role: Role::Doctor, reason };
    Change::Access(AccessChange::Glass(broken))
}

fn every<T>(page: impl Fn(&Paging) -> crate::store::view::Page<T>) -> Vec<T> {
    let mut asked = Paging { limit: 2, after: None };
    let mut all = Vec::new();
    loop {
        let page = page(&asked);
        assert!(page.items.len() <= 2);
        all.extend(page.items);
        asked.after = page.next;
        if asked.after.is_none() {
            return all;
        }
    }
}

#[test]
fn an_account_is_kept_whole_replaced_by_its_name_and_listed_by_name() {
    check(|store: &mut dyn Store| {
        let rows: Vec<AccountRow> =
            (0..5).map(|number| account(&format!("u{number}"), number)).collect();
        let changes: Vec<Change> = rows.iter().rev().cloned().map(keep).collect();
        commit(store, &[], &changes);
        let reader = store.reader();
        assert!(every(|page| reader.accounts(page).unwrap()) == rows);
        let changed = account("u2", 9);
        commit(store, &[], &[keep(changed.clone())]);
        assert!(reader.account(&id("u2")).unwrap() == Some(changed));
        assert!(reader.account(&Id::new("nobody").unwrap()).unwrap().is_none());
        let found = reader.account_of(&vouched(2)).unwrap().map(|row| row.name);
        assert_eq!(found, None, "the row of that subject was replaced");
        commit(store, &[], &[keep(account("u8", 8)), keep(account("u11", 11))]);
        for number in [8, 11] {
            let found = reader.account_of(&vouched(number)).unwrap().map(|row| row.name);
            assert_eq!(found, Some(id(&format!("u{number}"))));
        }
        assert!(reader.account_of(&vouched(12)).unwrap().is_none());
        let mut unit = store.begin(NOON).unwrap();
        unit.change(&[keep(account("u7", 7)), broke(1)]).unwrap();
        drop(unit);
        assert!(reader.account(&id("u7")).unwrap().is_none(), "given up with its unit");
        assert!(reader.broken_glass(&Paging::default()).unwrap().items.is_empty());
    });
}

#[test]
fn who_broke_the_glass_is_listed_newest_first() {
    check(|store: &mut dyn Store| {
        commit(store, &[], &[broke(1), broke(2)]);
        commit(store, &[], &[broke(3)]);
        let reader = store.reader();
        let seen = every(|page| reader.broken_glass(page).unwrap());
        let at: Vec<_> = seen.iter().map(|broken| broken.at).collect();
        assert_eq!(at, [after_noon(3), after_noon(2), after_noon(1)]);
        assert_eq!(seen[0].reason, "collapsed at the market 3");
    });
}

#[test]
fn tokens_are_listed_by_hash_whether_they_ended_or_not() {
    check(|store: &mut dyn Store| {
        let token = |number: u8| TokenRow {
            hash: [number; 32],
            role: Role::Doctor,
            place: None,
            doctor: Some(id("D1")),
            device: None,
            created_at: NOON,
            revoked_at: number.is_multiple_of(2).then(|| after_noon(1)),
        };
        let keep = |row: TokenRow| Change::Token(Box::new(row));
        let rows: Vec<TokenRow> = [3, 7, 200, 255].map(token).into();
        let changes: Vec<Change> = rows.iter().rev().cloned().map(keep).collect();
        commit(store, &[], &changes);
        let reader = store.reader();
        assert_eq!(every(|page| reader.tokens(page).unwrap()), rows);
        let ended = TokenRow { revoked_at: Some(after_noon(2)), ..token(7) };
        commit(store, &[], &[keep(ended.clone())]);
        assert_eq!(reader.token(&[7; 32]).unwrap(), Some(ended));
        let strange = Paging { limit: 2, after: Some("7".to_owned()) };
        assert!(reader.tokens(&strange).is_err());
    });
}

#[test]
fn followers_are_found_by_the_beginning_of_their_names() {
    check(|store: &mut dyn Store| {
        let names = ["mqtt/DR1/a%", "mqtt/DR1/b", "mqtt/DR10/a", "mqtt/dr1/a", "mqtt_DR1/a"];
        let at = |name: &str| Change::Cursor { follower: name.to_owned(), to: Some(CommitSeq(0)) };
        commit(store, &[], &names.map(at));
        let reader = store.reader();
        assert_eq!(reader.followers("mqtt/DR1/").unwrap(), ["mqtt/DR1/a%", "mqtt/DR1/b"]);
        assert_eq!(reader.followers("mqtt/").unwrap().len(), 4);
        assert!(reader.followers("mqtt/DR2/").unwrap().is_empty());
    });
}
