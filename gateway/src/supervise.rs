//! Every task has an owner here, and ends when the process should stop.
//!
//! A task that panics or gives up takes the whole process down in order: a gateway that is only
//! half alive must not look alive. The service manager starts it again.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};
use tracing::{debug, error};

/// Longest time between the wish to stop and the end of the process (DESIGN section 9, SIGTERM).
pub const STOP_LIMIT: Duration = Duration::from_secs(9);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wish {
    Run,
    Stop,
    Fail(String),
}

/// Tells tasks when to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Wish>);

impl Stop {
    /// Whether the process should stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        *self.0.borrow() != Wish::Run
    }

    /// Resolves when the process should stop.
    pub async fn wait(&self) {
        let mut wish = self.0.clone();
        // An error means that the supervisor is gone, which is a wish to stop too.
        drop(wish.wait_for(|wish| *wish != Wish::Run).await);
    }
}

/// Owns every task of the process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Supervisor {
    tasks: Arc<Mutex<JoinSet<&'static str>>>,
    wish: Arc<watch::Sender<Wish>>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    /// A supervisor without tasks.
    #[must_use]
    pub fn new() -> Self {
        let (wish, _) = watch::channel(Wish::Run);
        Self { tasks: Arc::default(), wish: Arc::new(wish) }
    }

    /// Starts a task that ends on its own or when [`Stop`] is set.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = tasks.try_join_next() {
            self.note(ended);
        }
        tasks.spawn(async move {
            future.await;
            name
        });
    }

    /// What tells a task when to stop.
    #[must_use]
    pub fn stopping(&self) -> Stop {
        Stop(self.wish.subscribe())
    }

    /// Asks every task to stop; the process then ends well.
    pub fn stop(&self) {
        self.wish.send_if_modified(|wish| {
            let first = *wish == Wish::Run;
            if first {
                *wish = Wish::Stop;
            }
            first
        });
    }

    /// Asks every task to stop; the process then ends with a failure.
    pub fn fail(&self, why: String) {
        error!(%why, "stopping");
        // The first cause is the one to tell; what falls over after it is its consequence.
        self.wish.send_if_modified(|wish| {
            let first = !matches!(wish, Wish::Fail(_));
            if first {
                *wish = Wish::Fail(why);
            }
            first
        });
    }

    /// Waits for the wish to stop, then for every task, at most [`STOP_LIMIT`].
    ///
    /// # Errors
    /// Why the process failed.
    pub async fn wait(&self) -> Result<(), String> {
        let mut beat = tokio::time::interval(Duration::from_secs(1));
        let stop = self.stopping();
        loop {
            tokio::select! {
                () = stop.wait() => break,
                _ = beat.tick() => self.reap(),
            }
        }
        let tasks = self.take();
        if tokio::time::timeout(STOP_LIMIT, self.drain(tasks)).await.is_err() {
            return Err("tasks did not end in time".to_owned());
        }
        match &*self.wish.borrow() {
            Wish::Fail(why) => Err(why.clone()),
            Wish::Run | Wish::Stop => Ok(()),
        }
    }

    fn take(&self) -> JoinSet<&'static str> {
        std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn drain(&self, mut tasks: JoinSet<&'static str>) {
        while !tasks.is_empty() {
            while let Some(ended) = tasks.join_next().await {
                self.note(ended);
            }
            tasks = self.take();
        }
    }

    fn reap(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(ended) = tasks.try_join_next() {
            self.note(ended);
        }
    }

    fn note(&self, ended: Result<&'static str, JoinError>) {
        match ended {
            Ok(name) => debug!(name, "task ended"),
            Err(error) if error.is_panic() => self.fail(format!("a task panicked: {error}")),
            Err(error) => debug!(%error, "task was cancelled"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_panic_in_one_task_stops_the_others_and_fails_the_process() {
        let supervisor = Supervisor::new();
        let stop = supervisor.stopping();
        supervisor.spawn("patient", async move { stop.wait().await });
        supervisor.spawn("clumsy", async { panic!("spilled") });
        let why = supervisor.wait().await.unwrap_err();
        assert!(why.contains("spilled"), "{why}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ignores_the_wish_does_not_hold_the_process_for_ever() {
        let supervisor = Supervisor::new();
        supervisor.spawn("deaf", std::future::pending());
        supervisor.stop();
        assert!(supervisor.wait().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_well_ends_well() {
        let supervisor = Supervisor::new();
        let stop = supervisor.stopping();
        supervisor.spawn("patient", async move { stop.wait().await });
        supervisor.stop();
        assert_eq!(supervisor.wait().await, Ok(()));
    }
}
