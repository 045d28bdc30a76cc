//! How what names somebody lies in the file. Every field of it passes here on its way in and out, by
//! functions of SQL that each connection knows:
//!
//! - `seal(row, field, text)` and `unseal`: a text as bytes, for the table of identities;
//! - `seal_raw` and `unseal_raw`: bytes as bytes, such as what devices sent;
//! - `seal_text` and `unseal_text`: a text as a text, for columns of other tables.
//!
//! `row` is the row's key, a position or a random one, so that what is sealed for one place opens in
//! no other. `reseal(row, field, value)` brings either kind under the newest key, and `stale(value)`
//! tells whether it is not. `card_mark(key, card)` is what a card is found by.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rusqlite::{
    Connection,
    functions::{Context, FunctionFlags},
    types::{Value, ValueRef},
};

use super::{
    fault::failed,
    lookup,
    ring::{Broken, KeyRing},
};
use crate::store::StoreError;

/// What a sealed text begins with. A text that begins so by itself is sealed or wrapped, never left.
const MARK: char = '\u{1}';

type Answer = rusqlite::Result<Value>;

/// Makes the functions known to a connection.
pub(super) fn install(connection: &Connection, keys: &KeyRing) -> Result<(), StoreError> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    type Of = fn(&KeyRing, &Context<'_>) -> Answer;
    let all: [(&str, Of); 7] = [
        ("seal", seal),
        ("unseal", unseal),
        ("seal_raw", seal_raw),
        ("unseal_raw", unseal_raw),
        ("seal_text", seal_text),
        ("unseal_text", unseal_text),
        ("reseal", reseal),
    ];
    for (name, of) in all {
        let keys = keys.clone();
        let made =
            connection.create_scalar_function(name, 3, flags, move |context| of(&keys, context));
        made.map_err(failed("opening the store"))?;
    }
    let known = keys.clone();
    let made = connection.create_scalar_function("stale", 1, flags, move |context| {
        stale(&known, context.get_raw(0))
    });
    made.map_err(failed("opening the store"))?;
    let made = connection.create_scalar_function("card_mark", 2, flags, |context| {
        let text = |at| context.get_raw(at).as_str().map_err(refused);
        lookup::card_mark_of(text(0)?, text(1)?).ok_or_else(|| refused(Broken))
    });
    made.map_err(failed("opening the store"))
}

/// The row and the field that a call names.
struct At<'c> {
    number: [u8; 8],
    bytes: Option<&'c [u8]>,
    field: &'c str,
}

impl<'c> At<'c> {
    fn of(context: &'c Context<'_>) -> rusqlite::Result<Self> {
        let field = context.get_raw(1).as_str().map_err(refused)?;
        match context.get_raw(0) {
            ValueRef::Integer(number) => {
                Ok(Self { number: number.to_be_bytes(), bytes: None, field })
            }
            ValueRef::Blob(bytes) => Ok(Self { number: [0; 8], bytes: Some(bytes), field }),
            ValueRef::Null | ValueRef::Real(_) | ValueRef::Text(_) => Err(refused(Broken)),
        }
    }

    fn place(&self) -> (&[u8], &str) {
        (self.bytes.unwrap_or(&self.number), self.field)
    }
}

/// An empty text is no field.
fn seal(keys: &KeyRing, context: &Context<'_>) -> Answer {
    let text = match context.get_raw(2) {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        ValueRef::Null => &[],
        ValueRef::Integer(_) | ValueRef::Real(_) => return Err(refused(Broken)),
    };
    if text.is_empty() {
        return Ok(Value::Null);
    }
    keys.close(At::of(context)?.place(), text).map(Value::Blob).map_err(refused)
}

fn unseal(keys: &KeyRing, context: &Context<'_>) -> Answer {
    match context.get_raw(2) {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Blob(bytes) => text(opened(keys, context, bytes)?),
        ValueRef::Text(_) | ValueRef::Integer(_) | ValueRef::Real(_) => Err(refused(Broken)),
    }
}

fn seal_raw(keys: &KeyRing, context: &Context<'_>) -> Answer {
    match context.get_raw(2) {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Blob(bytes) => {
            keys.close(At::of(context)?.place(), bytes).map(Value::Blob).map_err(refused)
        }
        ValueRef::Text(_) | ValueRef::Integer(_) | ValueRef::Real(_) => Err(refused(Broken)),
    }
}

fn unseal_raw(keys: &KeyRing, context: &Context<'_>) -> Answer {
    match context.get_raw(2) {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Blob(bytes) => opened(keys, context, bytes).map(Value::Blob),
        ValueRef::Text(_) | ValueRef::Integer(_) | ValueRef::Real(_) => Err(refused(Broken)),
    }
}

fn seal_text(keys: &KeyRing, context: &Context<'_>) -> Answer {
    match context.get_raw(2) {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Text(bytes) if lies_open(keys, bytes) => text(bytes.to_vec()),
        ValueRef::Text(bytes) => {
            let sealed = keys.close(At::of(context)?.place(), bytes).map_err(refused)?;
            Ok(wrapped(&sealed))
        }
        ValueRef::Blob(_) | ValueRef::Integer(_) | ValueRef::Real(_) => Err(refused(Broken)),
    }
}

/// An empty text says nothing, and without a key a text lies as it is.
fn lies_open(keys: &KeyRing, bytes: &[u8]) -> bool {
    bytes.is_empty() || (keys.newest().is_none() && unwrapped(bytes).is_none())
}

fn unseal_text(keys: &KeyRing, context: &Context<'_>) -> Answer {
    match context.get_raw(2) {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Text(bytes) => match unwrapped(bytes) {
            None => text(bytes.to_vec()),
            Some(sealed) => text(opened(keys, context, &sealed.map_err(refused)?)?),
        },
        ValueRef::Blob(_) | ValueRef::Integer(_) | ValueRef::Real(_) => Err(refused(Broken)),
    }
}

fn reseal(keys: &KeyRing, context: &Context<'_>) -> Answer {
    match context.get_raw(2) {
        ValueRef::Blob(bytes) => {
            let open = opened(keys, context, bytes)?;
            keys.close(At::of(context)?.place(), &open).map(Value::Blob).map_err(refused)
        }
        ValueRef::Text(bytes) if !lies_open(keys, bytes) => {
            let open = match unwrapped(bytes) {
                None => bytes.to_vec(),
                Some(sealed) => opened(keys, context, &sealed.map_err(refused)?)?,
            };
            let sealed = keys.close(At::of(context)?.place(), &open).map_err(refused)?;
            Ok(wrapped(&sealed))
        }
        ValueRef::Text(bytes) => text(bytes.to_vec()),
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(_) | ValueRef::Real(_) => Err(refused(Broken)),
    }
}

fn stale(keys: &KeyRing, value: ValueRef<'_>) -> rusqlite::Result<bool> {
    Ok(match value {
        ValueRef::Blob(bytes) => !keys.is_newest(bytes),
        ValueRef::Text(bytes) => match unwrapped(bytes) {
            None => !lies_open(keys, bytes),
            Some(sealed) => !keys.is_newest(&sealed.map_err(refused)?),
        },
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => false,
    })
}

fn opened(keys: &KeyRing, context: &Context<'_>, sealed: &[u8]) -> rusqlite::Result<Vec<u8>> {
    keys.open_sealed(At::of(context)?.place(), sealed).map_err(refused)
}

fn wrapped(sealed: &[u8]) -> Value {
    Value::Text(format!("{MARK}{}", URL_SAFE_NO_PAD.encode(sealed)))
}

/// What a text wraps; `None` where it is one that lies open.
fn unwrapped(bytes: &[u8]) -> Option<Result<Vec<u8>, Broken>> {
    let mut mark = [0; 4];
    let encoded = bytes.strip_prefix(MARK.encode_utf8(&mut mark).as_bytes())?;
    Some(URL_SAFE_NO_PAD.decode(encoded).map_err(|_not_ours| Broken))
}

fn text(bytes: Vec<u8>) -> Answer {
    String::from_utf8(bytes).map(Value::Text).map_err(|_not_text| refused(Broken))
}

fn refused(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql: &str, expected: Result<Option<&str>, ()>) {
        for keys in [KeyRing::plain(), KeyRing::for_tests(1)] {
            let connection = Connection::open_in_memory().unwrap();
            install(&connection, &keys).unwrap();
            let told = connection.query_row(sql, [], |row| row.get::<_, Option<String>>(0));
            let expected = expected.map(|it| it.map(str::to_owned));
            assert_eq!(told.map_err(|_refused| ()), expected, "{sql} with {keys:?}");
        }
    }

    #[test]
    fn a_field_comes_out_as_it_went_in_and_nothing_else_does() {
        check("SELECT unseal(x'01', 'name', seal(x'01', 'name', '张𠮷'))", Ok(Some("张𠮷")));
        check("SELECT unseal(x'01', 'name', seal(x'01', 'name', ''))", Ok(None));
        check("SELECT unseal(x'01', 'name', NULL)", Ok(None));
        check("SELECT unseal(x'01', 'name', x'07aabb')", Err(()));
        check("SELECT unseal(x'01', 'name', 'a text')", Err(()));
        check("SELECT unseal(x'01', 'name', x'')", Err(()));
        check("SELECT hex(unseal_raw(7, 'raw', seal_raw(7, 'raw', x'00FF')))", Ok(Some("00FF")));
        check("SELECT hex(unseal_raw(7, 'raw', seal_raw(7, 'raw', x'')))", Ok(Some("")));
        check("SELECT unseal_text(7, 'note', seal_text(7, 'note', '张𠮷'))", Ok(Some("张𠮷")));
        check("SELECT unseal_text(7, 'note', seal_text(7, 'note', ''))", Ok(Some("")));
        check("SELECT unseal_text(7, 'note', seal_text(7, 'note', NULL))", Ok(None));
        check("SELECT unseal_text(7, 'note', 'of before')", Ok(Some("of before")));
    }

    #[test]
    fn a_text_that_looks_sealed_comes_out_as_it_went_in() {
        let mark = "char(1) || 'AAAA'";
        check(
            &format!("SELECT hex(unseal_text(7, 'note', seal_text(7, 'note', {mark})))"),
            Ok(Some("0141414141")),
        );
        check(&format!("SELECT unseal_text(7, 'note', {mark} || '!')"), Err(()));
    }

    #[test]
    fn sealed_anew_it_is_under_the_newest_key_and_reads_the_same() {
        let anew = "reseal(7, 'note', 'of before')";
        check(&format!("SELECT unseal_text(7, 'note', {anew})"), Ok(Some("of before")));
        check(&format!("SELECT CAST(stale({anew}) AS TEXT)"), Ok(Some("0")));
        check("SELECT CAST(stale(reseal(7, 'raw', x'0041')) AS TEXT)", Ok(Some("0")));
        check(
            "SELECT CAST(unseal_raw(7, 'raw', reseal(7, 'raw', x'0041')) AS TEXT)",
            Ok(Some("A")),
        );
    }

    #[test]
    fn with_a_key_nothing_of_a_text_is_left_and_it_opens_at_its_place_alone() {
        let connection = Connection::open_in_memory().unwrap();
        install(&connection, &KeyRing::for_tests(1)).unwrap();
        let of = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Value>(0));
        let Ok(Value::Text(sealed)) = of("SELECT seal_text(7, 'note', '13800001111')") else {
            panic!("not a text")
        };
        assert!(sealed.starts_with(MARK) && !sealed.contains("13800"), "{sealed}");
        for place in ["8, 'note'", "7, 'reason'", "x'07', 'note'"] {
            let sql = format!("SELECT unseal_text({place}, ?)");
            let opened = connection.query_row(&sql, [&sealed], |row| row.get::<_, String>(0));
            assert!(opened.is_err(), "{place}");
        }
    }
}
