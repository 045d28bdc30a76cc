//! Sessions of browsers: in memory, gone with a restart, opened by one-time links.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{caller::Grant, secret};
use crate::{
    domain::{Clock, Millis, Timestamp},
    store::{AccountName, AccountRow, Role},
};

/// A person's session ends after so long without a request (ATTACKS 2.3, Web).
pub const IDLE_MAX: Millis = Millis::minutes(15);

/// A person's session ends so long after log-in (ATTACKS 2.3, Web).
pub const SESSION_MAX: Millis = Millis::hours(12);

/// Sessions and unused links held at once. Full: the one idle for longest makes room.
const HELD_MAX: usize = 10_000;

#[derive(Debug, Clone)]
struct Session {
    grant: Grant,
    /// The token it was opened with: it ends with it.
    token: Option<[u8; 32]>,
    /// The account that signed in: it ends with that too.
    account: Option<OfAccount>,
    csrf: String,
    opened_at: Timestamp,
    used_at: Timestamp,
}

/// The account of a session, as it stood when it signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfAccount {
    pub(super) name: AccountName,
    pub(super) key: [u8; 16],
    pub(super) generation: u64,
}

impl OfAccount {
    /// Whether the account still is what it was when it signed in.
    pub(super) fn is_of(&self, row: &AccountRow) -> bool {
        row.key == self.key && row.generation == self.generation && !row.disabled
    }
}

/// Somebody looks beyond their own people for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glass {
    /// Until then, by the gateway's clock.
    pub(super) until: Timestamp,
    /// Why, in their words.
    pub(super) reason: String,
}

/// An open session of an account.
#[derive(Debug, Clone)]
pub(super) struct OpenSession {
    pub(super) account: AccountName,
    pub(super) open_for: Millis,
    pub(super) idle_for: Millis,
}

#[derive(Debug)]
struct Link {
    grant: Grant,
    until: Timestamp,
}

/// A session as a request finds it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) grant: Grant,
    pub(super) token: Option<[u8; 32]>,
    pub(super) account: Option<OfAccount>,
    pub(super) csrf: String,
}

/// Every open session, by the hash of its id.
#[derive(Debug)]
pub(super) struct Sessions {
    clock: Clock,
    idle_out: bool,
    open: Mutex<HashMap<[u8; 32], Session>>,
    links: Mutex<HashMap<[u8; 32], Link>>,
    /// Until when in passing time, by the hash of the session's id or of the token.
    glass: Mutex<HashMap<[u8; 32], (Timestamp, Glass)>>,
}

impl Sessions {
    pub(super) fn new(clock: Clock, idle_out: bool) -> Self {
        Self {
            clock,
            idle_out,
            open: Mutex::default(),
            links: Mutex::default(),
            glass: Mutex::default(),
        }
    }

    /// Time as it passes: setting the machine's clock ends nobody's session.
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.elapsed().0)
    }

    /// A code that opens one session. Without randomness it is a code that opens none.
    pub(super) fn make_link(&self, grant: Grant, lifetime: Millis) -> String {
        let Ok(code) = secret::text() else { return "unavailable".to_owned() };
        let now = self.now();
        let mut links = lock(&self.links);
        links.retain(|_, link| link.until > now);
        if links.len() < HELD_MAX {
            links.insert(secret::hash(&code), Link { grant, until: now.plus(lifetime) });
        }
        code
    }

    /// Opens a session by a code, which thereby ends. `None`: no such code, or it was used.
    pub(super) fn log_in(&self, code: &str) -> Option<(String, Grant)> {
        let now = self.now();
        let link = lock(&self.links).remove(&secret::hash(code))?;
        if link.until <= now {
            return None;
        }
        let id = self.open(link.grant.clone(), None)?;
        Some((id, link.grant))
    }

    /// Opens a session, which ends with the token it was opened with. `None`: no randomness.
    pub(super) fn open(&self, grant: Grant, token: Option<[u8; 32]>) -> Option<String> {
        self.insert(grant, token, None)
    }

    /// Opens a session of an account, which ends when that is changed. `None`: no randomness.
    pub(super) fn open_of(&self, grant: Grant, account: OfAccount) -> Option<String> {
        self.insert(grant, None, Some(account))
    }

    /// Every open session of an account.
    pub(super) fn of_accounts(&self) -> Vec<OpenSession> {
        let (now, open) = (self.now(), lock(&self.open));
        let living = open.values().filter(|session| self.lives(session, now));
        let shown = living.filter_map(|session| {
            let (open_for, idle_for) = (now.since(session.opened_at), now.since(session.used_at));
            let account = session.account.as_ref()?.name.clone();
            Some(OpenSession { account, open_for, idle_for })
        });
        let mut shown: Vec<_> = shown.collect();
        shown.sort_by(|one, other| one.account.as_str().cmp(other.account.as_str()));
        shown
    }

    /// Ends every session of an account.
    pub(super) fn end_all(&self, account: &AccountName) {
        let is_of =
            |session: &Session| session.account.as_ref().map(|of| &of.name) == Some(account);
        lock(&self.open).retain(|_, session| !is_of(session));
    }

    /// Somebody breaks the glass.
    pub(super) fn break_glass(&self, of: [u8; 32], glass: Glass, lifetime: Millis) {
        let now = self.now();
        let mut broken = lock(&self.glass);
        broken.retain(|_, (until, _)| *until > now);
        broken.insert(of, (now.plus(lifetime), glass));
    }

    /// Somebody looks at their own people again.
    pub(super) fn mend_glass(&self, of: &[u8; 32]) {
        lock(&self.glass).remove(of);
    }

    /// Whether somebody broke the glass.
    pub(super) fn glass(&self, of: &[u8; 32]) -> Option<Glass> {
        let now = self.now();
        let broken = lock(&self.glass);
        broken.get(of).filter(|(until, _)| *until > now).map(|(_, glass)| glass.clone())
    }

    fn insert(
        &self,
        grant: Grant,
        token: Option<[u8; 32]>,
        account: Option<OfAccount>,
    ) -> Option<String> {
        let now = self.now();
        let (id, csrf) = (secret::text().ok()?, secret::text().ok()?);
        let session = Session { grant, token, account, csrf, opened_at: now, used_at: now };
        let mut open = lock(&self.open);
        open.retain(|_, session| self.lives(session, now));
        if open.len() >= HELD_MAX {
            let idle = open.iter().min_by_key(|(_, session)| session.used_at);
            if let Some(idle) = idle.map(|(id, _)| *id) {
                open.remove(&idle);
            }
        }
        open.insert(secret::hash(&id), session);
        Some(id)
    }

    /// The session of an id. `touch`: a person did something, which keeps it open.
    pub(super) fn find(&self, id: &[u8; 32], touch: bool) -> Option<Found> {
        let now = self.now();
        let mut open = lock(&self.open);
        let session = open.get_mut(id)?;
        if !self.lives(session, now) {
            open.remove(id);
            return None;
        }
        if touch {
            session.used_at = now;
        }
        Some(Found {
            grant: session.grant.clone(),
            token: session.token,
            account: session.account.clone(),
            csrf: session.csrf.clone(),
        })
    }

    pub(super) fn log_out(&self, id: &[u8; 32]) {
        lock(&self.open).remove(id);
        self.mend_glass(id);
    }

    fn lives(&self, session: &Session, now: Timestamp) -> bool {
        if session.grant.role == Role::Wall {
            return true;
        }
        let idle = now.since(session.used_at).0 > IDLE_MAX.0;
        now.since(session.opened_at).0 <= SESSION_MAX.0 && !(self.idle_out && idle)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    static NOW: AtomicI64 = AtomicI64::new(0);

    fn grant(role: Role) -> Grant {
        Grant::of_role(role)
    }

    #[test]
    fn a_session_ends_by_idling_by_age_by_log_out_and_its_link_works_once() {
        let clock = Clock::scripted(|| Timestamp::from_millis(NOW.load(Ordering::Relaxed)));
        let sessions = Sessions::new(clock, true);
        let open = |role| {
            let code = sessions.make_link(grant(role), Millis::hours(100));
            let (id, _) = sessions.log_in(&code).unwrap();
            assert!(sessions.log_in(&code).is_none(), "a link works once");
            secret::hash(&id)
        };
        let (idle, busy, wall) = (open(Role::Nurse), open(Role::Doctor), open(Role::Wall));
        for minute in 1..=12 * 60 + 1 {
            NOW.store(Millis::minutes(minute).0, Ordering::Relaxed);
            assert_eq!(sessions.find(&busy, true).is_some(), minute <= 12 * 60, "{minute}");
            assert!(sessions.find(&wall, false).is_some());
            assert_eq!(sessions.find(&idle, false).is_some(), minute <= 15, "{minute}");
        }
        sessions.log_out(&wall);
        assert!(sessions.find(&wall, true).is_none());
        let late = sessions.make_link(grant(Role::Doctor), Millis::minutes(-1));
        assert!(sessions.log_in(&late).is_none(), "an expired link opens nothing");
        assert!(sessions.log_in("guessed").is_none());
    }
}
