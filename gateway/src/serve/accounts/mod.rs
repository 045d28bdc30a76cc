//! People who sign in with a password: their accounts, the two steps of signing in, and what of it is
//! kept. An account is a row of the store; every request of its sessions reads it again, so that one
//! that was disabled or changed ends within one request. Signing in at an identity
//! provider ([`by_provider`]) ends where [`sign_in`] ends: in a session opened for a row.

mod act;
mod admin;
mod by_provider;
pub(super) mod password;
mod sign_in;
pub(super) mod throttle;
pub(super) mod totp;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, oneshot};

pub(super) use self::{
    act::{Act, By, act},
    admin::{add, change, list, sessions},
    by_provider::{begin, check_back},
    sign_in::{From, Passed, Typed, change_own, check_code, check_password, of_address},
};
use self::{sign_in::Ticket, throttle::Throttle};
use super::{refusal::Refusal, secret, shared::Shared};
use crate::{
    commit::{AccessAsked, AccessDone, Work},
    domain::Timestamp,
    intake::NotCommitted,
    store::{AccessChange, AccountName, AccountRow, Request, Role},
};

/// Hashes of passwords at once (DESIGN P10; ATTACKS A18): their memory is bounded.
const HASHES_AT_ONCE: usize = 2;

/// Sign-ins that wait for their turn. Full: the next is told to come again.
const HASHES_WAITING: usize = 16;

/// Longest wait for a turn.
const HASH_WAIT_MAX: Duration = Duration::from_secs(10);

/// What the deployment decides about accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountRules {
    /// The operator is split into an administrator of the system and one of security.
    pub separate_powers: bool,
    /// Nobody signs in by a password alone.
    pub second_factor: bool,
    /// A proxy before us says in `X-Forwarded-For` who asks.
    pub forwarded: bool,
}

impl Default for AccountRules {
    fn default() -> Self {
        Self { separate_powers: false, second_factor: true, forwarded: false }
    }
}

/// What signing in keeps in memory.
#[derive(Debug)]
pub(super) struct Accounts {
    hashes: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// An account is read and changed by one request at a time, so that no change is lost.
    turn: Semaphore,
    throttle: Mutex<Throttle>,
    tickets: Mutex<HashMap<[u8; 32], Ticket>>,
    /// The newest step used of each account's codes, by its key.
    steps: Mutex<HashMap<[u8; 16], i64>>,
}

impl Accounts {
    pub(super) fn new() -> Self {
        Self {
            hashes: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            places: Arc::new(Semaphore::new(HASHES_AT_ONCE.saturating_add(HASHES_WAITING))),
            turn: Semaphore::new(1),
            throttle: Mutex::default(),
            tickets: Mutex::default(),
            steps: Mutex::default(),
        }
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tickets(&self) -> MutexGuard<'_, HashMap<[u8; 32], Ticket>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn steps(&self) -> MutexGuard<'_, HashMap<[u8; 16], i64>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs something that hashes, on a thread of its own and in its turn. The turn ends with the
    /// hash, not with whoever asked for it.
    async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let Ok(place) = place else { return Err(Refusal::too_many(HASH_WAIT_MAX)) };
        let turn = Arc::clone(&self.hashes).acquire_owned();
        let Ok(Ok(turn)) = tokio::time::timeout(HASH_WAIT_MAX, turn).await else {
            return Err(Refusal::too_many(HASH_WAIT_MAX));
        };
        let done = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop((turn, place));
            answer
        });
        done.await.map_err(|error| Refusal::broken(&error))
    }
}

/// Roles of people: devices and walls have tokens.
pub(super) const fn is_a_persons(role: Role) -> bool {
    !matches!(role, Role::Device | Role::Wall)
}

/// Puts what changed on disk.
pub(super) async fn commit(shared: &Arc<Shared>, change: AccessChange) -> Result<(), Refusal> {
    enter(shared, Some(change), None).await.map(drop)
}

/// Puts what changed on disk, once for a request that may come again: what that was told before, if it
/// was. `told` is a JSON object without a secret.
pub(super) async fn commit_once(
    shared: &Arc<Shared>,
    change: Option<AccessChange>,
    (request, told): (Option<Request>, &impl serde::Serialize),
) -> Result<Option<String>, Refusal> {
    let told = serde_json::to_string(told).map_err(|error| Refusal::broken(&error))?;
    let asked = request.map(|request| AccessAsked { request, told: Some(told) });
    enter(shared, change, asked).await
}

/// What a request was told before, if it was made.
pub(super) async fn told_before(
    shared: &Arc<Shared>,
    request: Option<&Request>,
) -> Result<Option<String>, Refusal> {
    let Some(request) = request.cloned() else { return Ok(None) };
    enter(shared, None, Some(AccessAsked { request, told: None })).await
}

async fn enter(
    shared: &Arc<Shared>,
    change: Option<AccessChange>,
    asked: Option<AccessAsked>,
) -> Result<Option<String>, Refusal> {
    let (reply, done) = oneshot::channel();
    shared.inlet.hand_over(Work::Access { change, asked, reply }).await?;
    match done.await.map_err(|_dropped| Refusal::from(NotCommitted))?? {
        AccessDone::Now => Ok(None),
        AccessDone::Before(told) => Ok(Some(told)),
    }
}

/// The account of a name.
async fn find(shared: &Arc<Shared>, name: AccountName) -> Result<Option<AccountRow>, Refusal> {
    shared.ask(move |shared| shared.reader.account(&name)).await
}

/// Changes an account while nobody else does. `None`: there is none of that name.
async fn altered(
    shared: &Arc<Shared>,
    name: AccountName,
    by: &str,
    alter: impl FnOnce(&mut AccountRow) -> Result<(), Refusal>,
) -> Result<Option<AccountRow>, Refusal> {
    let turn = shared.accounts.turn.acquire().await;
    turn.as_ref().map_err(|_closed| Refusal::busy())?;
    let Some(mut row) = find(shared, name).await? else { return Ok(None) };
    alter(&mut row)?;
    row.changed_at = shared.clock.now();
    row.changed_by = by.into();
    commit(shared, AccessChange::Account(Box::new(row.clone()))).await?;
    Ok(Some(row))
}

/// What is kept in memory of an account's name.
fn trace(account: &str) -> [u8; 32] {
    secret::hash(&format!("account {account}"))
}

fn passing(shared: &Shared) -> Timestamp {
    Timestamp::from_millis(shared.clock.elapsed().0)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    };

    use super::*;

    /// Forty ask at once. Two hash, sixteen wait, the others are told to come again at once; and who
    /// hangs up frees no place while their hash goes on.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_hash_at_once_some_wait_and_a_flood_is_told_to_come_again() {
        let accounts = Arc::new(Accounts::new());
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (go, hold) = mpsc::channel::<()>();
        let hold = Arc::new(Mutex::new(hold));
        let asked = (0..40).map(|_| {
            let (running, most, hold) =
                (Arc::clone(&running), Arc::clone(&most), Arc::clone(&hold));
            let accounts = Arc::clone(&accounts);
            Box::pin(async move {
                let work = move || {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    hold.lock().unwrap().recv().unwrap();
                    running.fetch_sub(1, Ordering::SeqCst);
                };
                accounts.hashing(work).await.is_ok()
            })
        });
        let mut asked: Vec<_> = asked.collect();
        let mut turned_away = 0;
        asked.retain_mut(|one| {
            let told = futures_util::FutureExt::now_or_never(one.as_mut());
            turned_away += usize::from(told == Some(false));
            told.is_none()
        });
        assert_eq!((asked.len(), turned_away), (HASHES_AT_ONCE + HASHES_WAITING, 22));
        // The first two hang up: their hashes go on and keep their turns.
        asked.drain(..2);
        for one in &mut asked {
            assert!(futures_util::FutureExt::now_or_never(one.as_mut()).is_none());
        }
        (0..18).for_each(|_| go.send(()).unwrap());
        for one in asked {
            assert!(one.await);
        }
        assert!(most.load(Ordering::SeqCst) <= HASHES_AT_ONCE);
    }
}
