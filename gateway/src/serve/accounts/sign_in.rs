//! Signing in: a password, then a code. Whether an account exists cannot be told from the answer nor
//! from how long it takes. What passed the password is a ticket in memory; only a code makes it a
//! session, and only then was the attempt no failure.

use std::{net::IpAddr, sync::Arc, time::Duration};

use tracing::{info, warn};

use super::{
    Shared, altered, commit, find, passing, password,
    throttle::{Attempt, Trace},
    totp, trace,
};
use crate::{
    audit::Kind,
    domain::{Millis, Timestamp},
    serve::{caller::Grant, refusal::Refusal, secret, sessions::OfAccount, trail},
    store::{AccessChange, AccountName, AccountRow},
};

/// A ticket works so long.
const TICKET_LIFETIME: Millis = Millis::minutes(5);

/// Codes that may be tried with one ticket (ATTACKS A19).
const TRIES: u32 = 5;

/// Tickets held at once. Full: the oldest makes room.
const TICKETS_MAX: usize = 1_000;

/// Longest wait for writing down which code was used.
const WRITE_MAX: Duration = Duration::from_secs(2);

/// Between the password and the code.
#[derive(Debug)]
pub(in crate::serve) struct Ticket {
    name: AccountName,
    key: [u8; 16],
    generation: u64,
    attempt: Attempt,
    /// The secret that is being set up, where the account has none.
    fresh: Option<String>,
    tries: u32,
    until: Timestamp,
}

/// From where somebody signs in.
#[derive(Debug, Clone)]
pub(in crate::serve) struct From {
    /// The address, where the connection has one.
    pub(in crate::serve) address: Option<IpAddr>,
    /// What an earlier sign-in left in the browser.
    pub(in crate::serve) mark: Option<String>,
}

/// What somebody typed.
pub(in crate::serve) struct Typed {
    pub(in crate::serve) name: String,
    pub(in crate::serve) password: String,
}

/// What comes after a password or a code that was right.
pub(in crate::serve) enum Passed {
    /// The session is open: its id, and a mark for the browser.
    In { session: String, mark: String },
    /// A code is asked for; `fresh`: the account's name and the secret to set up first.
    /// `wrong`: the last one was.
    Code { ticket: String, fresh: Option<(AccountName, String)>, wrong: bool },
}

/// The first step.
pub(in crate::serve) async fn check_password(
    shared: &Arc<Shared>,
    typed: Typed,
    from: &From,
) -> Result<Passed, Refusal> {
    let Typed { name, password } = typed;
    let row = match AccountName::new(&name) {
        Ok(name) => find(shared, name).await?,
        Err(_no_name) => None,
    };
    let attempt = attempt(&name, row.as_ref(), from);
    begun(shared, attempt)?;
    let kept = match &row {
        Some(row) if !row.password.is_empty() => row.password.clone(),
        Some(_) | None => {
            password::nobodys(password::COST).map_err(|error| Refusal::broken(&error))?
        }
    };
    let fits = password.len() <= password::BYTES_MAX;
    let matching = move || password::matches(&kept, if fits { &password } else { "" });
    let right = shared.accounts.hashing(matching).await? && fits;
    let row = row.filter(|row| right && !row.disabled);
    let Some(row) = row else {
        warn!(target: "audit", "a sign-in was refused");
        return Err(Refusal::wrong_credentials());
    };
    if row.second.is_empty() && !shared.settings.accounts.second_factor {
        return open(shared, &row, attempt);
    }
    ticket(shared, &row, attempt)
}

/// Counts an attempt, or says how long to wait with it.
pub(super) fn begun(shared: &Shared, attempt: Attempt) -> Result<(), Refusal> {
    let begun = shared.accounts.throttle().begin(attempt, passing(shared));
    begun.map_err(|wait| {
        warn!(target: "audit", seconds = wait.0 / 1000, "a sign-in was put off");
        put_off(wait)
    })
}

/// An attempt is told by the browser's mark where it is the account's, else by the address.
fn attempt(name: &str, row: Option<&AccountRow>, from: &From) -> Attempt {
    let mark = from.mark.as_deref().filter(|mark| row.is_some_and(|row| is_marked(row, mark)));
    let source = mark.map_or_else(|| of_address(from.address), secret::hash);
    Attempt { source, account: trace(name), marked: mark.is_some() }
}

/// Of the sixth version, whoever has one address has as many as they like of its network.
pub(in crate::serve) fn of_address(address: Option<IpAddr>) -> Trace {
    let text = match address {
        None => "nowhere".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}")
            }
        },
    };
    secret::hash(&text)
}

/// What a browser is left with: it says that it signed in to this account, under this password.
fn mark(row: &AccountRow) -> Result<String, Refusal> {
    let nonce = secret::text().map_err(|error| Refusal::broken(&error))?;
    let proof = proof(row, &nonce);
    Ok(format!("{nonce}.{proof}"))
}

fn is_marked(row: &AccountRow, mark: &str) -> bool {
    let Some((nonce, sent)) = mark.split_once('.') else { return false };
    secret::hash(&proof(row, nonce)) == secret::hash(sent)
}

fn proof(row: &AccountRow, nonce: &str) -> String {
    let key = blake3::derive_key("xunzhen 2026-11-22 a browser's mark", row.password.as_bytes());
    let text = [row.key.as_slice(), nonce.as_bytes()].concat();
    blake3::keyed_hash(&key, &text).to_hex().to_string()
}

/// Asks for a code.
pub(super) fn ticket(
    shared: &Shared,
    row: &AccountRow,
    attempt: Attempt,
) -> Result<Passed, Refusal> {
    let broken = |error| Refusal::broken(&error);
    let fresh = row.second.is_empty().then(totp::new_secret).transpose().map_err(broken)?;
    let text = secret::text().map_err(broken)?;
    let now = passing(shared);
    let mut tickets = shared.accounts.tickets();
    tickets.retain(|_, ticket| ticket.until > now);
    if tickets.len() >= TICKETS_MAX {
        let oldest = tickets.iter().min_by_key(|(_, ticket)| ticket.until).map(|(id, _)| *id);
        oldest.into_iter().for_each(|id| drop(tickets.remove(&id)));
    }
    let ticket = Ticket {
        name: row.name.clone(),
        key: row.key,
        generation: row.generation,
        attempt,
        fresh: fresh.clone(),
        tries: 0,
        until: now.plus(TICKET_LIFETIME),
    };
    tickets.insert(secret::hash(&text), ticket);
    Ok(Passed::Code {
        ticket: text,
        fresh: fresh.map(|fresh| (row.name.clone(), fresh)),
        wrong: false,
    })
}

/// The second step. A ticket is used up by a right code, by five wrong ones, and by time.
pub(in crate::serve) async fn check_code(
    shared: &Arc<Shared>,
    ticket: &str,
    code: &str,
) -> Result<Passed, Refusal> {
    let id = secret::hash(ticket);
    let (name, fresh, attempt) = tried(shared, &id).ok_or(Refusal::ticket_ended())?;
    let row = find(shared, name).await?.ok_or(Refusal::ticket_ended())?;
    let secret = fresh.as_deref().unwrap_or(&row.second);
    let Some(step) = spent(shared, &id, (&row, secret), code)? else {
        warn!(target: "audit", account = %row.name, "a wrong code was typed");
        let ticket = ticket.to_owned();
        let fresh = fresh.map(|fresh| (row.name.clone(), fresh));
        return Ok(Passed::Code { ticket, fresh, wrong: true });
    };
    let row = used_up(shared, &row, step, fresh).await?;
    open(shared, &row, attempt)
}

/// The step of a right code, which is thereby used, as its ticket is; `None`: it is wrong.
fn spent(
    shared: &Shared,
    id: &[u8; 32],
    (row, secret): (&AccountRow, &str),
    code: &str,
) -> Result<Option<i64>, Refusal> {
    let mut tickets = shared.accounts.tickets();
    let ticket = tickets.get(id).ok_or(Refusal::ticket_ended())?;
    if ticket.key != row.key || ticket.generation != row.generation || row.disabled {
        tickets.remove(id);
        return Err(Refusal::ticket_ended());
    }
    let mut steps = shared.accounts.steps();
    let last = steps.get(&row.key).copied().unwrap_or_default().max(row.second_step);
    let step = totp::accepted(secret, code, shared.clock.now(), last);
    if let Some(step) = step {
        tickets.remove(id);
        steps.insert(row.key, step);
    }
    Ok(step)
}

/// What the ticket is for, one try more; `None`: there is none, or its tries are used up.
fn tried(shared: &Shared, id: &[u8; 32]) -> Option<(AccountName, Option<String>, Attempt)> {
    let now = passing(shared);
    let mut tickets = shared.accounts.tickets();
    let ticket = tickets.get_mut(id)?;
    ticket.tries = ticket.tries.saturating_add(1);
    if ticket.until <= now || ticket.tries > TRIES {
        tickets.remove(id);
        return None;
    }
    Some((ticket.name.clone(), ticket.fresh.clone(), ticket.attempt))
}

/// Writes down which code was used, so that none opens twice, and a secret that was set up.
async fn used_up(
    shared: &Arc<Shared>,
    was: &AccountRow,
    step: i64,
    fresh: Option<String>,
) -> Result<AccountRow, Refusal> {
    let turn = shared.accounts.turn.acquire().await;
    turn.as_ref().map_err(|_closed| Refusal::busy())?;
    let row = find(shared, was.name.clone()).await?;
    let same = |row: &AccountRow| {
        row.key == was.key && row.generation == was.generation && row.second == was.second
    };
    let row = row.filter(|row| same(row) && !row.disabled);
    let mut row = row.ok_or(Refusal::ticket_ended())?;
    row.second_step = step;
    let set_up = fresh.is_some();
    if let Some(fresh) = fresh {
        row.second = fresh;
        row.changed_at = shared.clock.now();
        row.changed_by = row.name.as_str().into();
    }
    let writing = commit(shared, AccessChange::Account(Box::new(row.clone())));
    let written = tokio::time::timeout(WRITE_MAX, writing).await;
    if matches!(written, Ok(Ok(()))) {
        return Ok(row);
    }
    if set_up {
        return Err(Refusal::not_committing("the second factor is not written"));
    }
    // A full disk must not keep a doctor from looking. Memory knows the code as used; only a restart
    // within its 90 s would forget that.
    warn!(account = %row.name, "a used code could not be written down");
    Ok(row)
}

/// Opens a session of an account.
pub(super) fn open(shared: &Shared, row: &AccountRow, attempt: Attempt) -> Result<Passed, Refusal> {
    shared.accounts.throttle().succeeded(attempt, passing(shared));
    let account = OfAccount { name: row.name.clone(), key: row.key, generation: row.generation };
    trail::by(&Grant::from(row), "sign-in");
    trail::is(Kind::LogIn);
    let session = shared.sessions.open_of(Grant::from(row), account);
    let session = session.ok_or(Refusal::unknown_caller())?;
    info!(target: "audit", role = row.role.as_str(), account = %row.name, "signed in");
    Ok(Passed::In { session, mark: mark(row)? })
}

/// Somebody chooses their own password; every session of theirs ends.
pub(in crate::serve) async fn change_own(
    shared: &Arc<Shared>,
    name: &AccountName,
    (old, new): (String, String),
    from: &From,
) -> Result<(), Refusal> {
    let row = find(shared, name.clone()).await?.ok_or(Refusal::unknown_caller())?;
    password::weigh(&new, name.as_str()).map_err(|weak| Refusal::weak_password(&weak))?;
    let attempt = attempt(name.as_str(), Some(&row), from);
    shared.accounts.throttle().begin(attempt, passing(shared)).map_err(put_off)?;
    let kept = row.password.clone();
    let hashed = shared.accounts.hashing(move || {
        let same = old == new;
        let right = password::matches(&kept, &old) && !same;
        right.then(|| password::kept(&new, password::COST)).transpose()
    });
    let hashed = hashed.await?.map_err(|error| Refusal::broken(&error))?;
    let Some(hashed) = hashed else { return Err(Refusal::wrong_credentials()) };
    shared.accounts.throttle().succeeded(attempt, passing(shared));
    let (key, generation) = (row.key, row.generation);
    let changed = altered(shared, name.clone(), name.as_str(), |row| {
        if row.key != key || row.generation != generation {
            return Err(Refusal::unknown_caller());
        }
        row.password = hashed;
        row.must_change = false;
        row.generation = row.generation.saturating_add(1);
        Ok(())
    });
    changed.await?.ok_or(Refusal::unknown_caller())?;
    info!(target: "audit", account = %name, "chose another password");
    Ok(())
}

fn put_off(wait: Millis) -> Refusal {
    Refusal::too_many(Duration::from_millis(u64::try_from(wait.0).unwrap_or_default()))
}
