//! One viewer's stream: from its position on, in order, until it hangs up, lags, or loses its right.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Viewer,
    boards::{self, INTERVAL},
    events,
};
use crate::{
    serve::{
        caller::{Caller, Proof},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    store::CommitSeq,
};

/// Version of the shapes of events.
pub(in crate::serve) const SCHEMA: u32 = 1;

/// A heartbeat so often: no heartbeat for 35 s means stale (CONTRACT, Live).
const BEAT: Duration = Duration::from_secs(10);

/// Facts that are replayed. Further behind, a new snapshot is smaller.
const REPLAY_MAX: i64 = 5_000;

/// Events that wait for one viewer's socket. Full: the viewer's task waits, up to [`SLOW_MAX`].
const SOCKET_DEPTH: usize = 64;

/// A socket that takes nothing for so long is closed; its page comes back and resumes.
const SLOW_MAX: Duration = Duration::from_secs(15);

/// Streams open at once. Full: 503, and the page asks again.
const STREAMS_MAX: i64 = 1_000;

#[derive(Serialize)]
struct Hello<'a> {
    build: &'a str,
    schema: u32,
    cursor: i64,
}

#[derive(Serialize)]
struct Beat {
    at: String,
    cursor: i64,
}

#[derive(Serialize)]
struct Reset {
    why: &'static str,
}

#[derive(Serialize)]
struct Quarantine {
    count: u64,
}

#[derive(Serialize)]
struct BoardEvent<'a> {
    board: &'a wire::Board,
}

/// Why a stream ends.
enum End {
    /// The process stops, or the viewer hung up.
    Quiet,
    /// The viewer's socket takes nothing.
    Slow,
    /// The viewer's token ended: nobody waits for them.
    SignedOut,
    /// The viewer should take a new snapshot.
    Reset(&'static str),
}

impl From<Refusal> for End {
    fn from(_: Refusal) -> Self {
        Self::Reset("store")
    }
}

/// Opens a stream after a position, or from now on.
pub(in crate::serve) fn open(
    shared: &Arc<Shared>,
    caller: Caller,
    after: Option<i64>,
) -> Result<Response, Refusal> {
    if shared.counters.streams.get() >= STREAMS_MAX {
        return Err(Refusal::busy());
    }
    let (socket, outgoing) = mpsc::channel(SOCKET_DEPTH);
    let viewer = Viewer::enter(shared);
    let published = shared.live.published.subscribe();
    let task = Arc::clone(shared);
    shared.supervisor.spawn("live stream", async move {
        let mut stream = Stream {
            shared: Arc::clone(&task),
            caller,
            socket,
            published,
            sent: CommitSeq(0),
            board: None,
            board_wanted: true,
            board_next: Instant::now(),
        };
        let (stop, socket) = (task.supervisor.stopping(), stream.socket.clone());
        let proof = stream.caller.proof;
        let end = tokio::select! {
            () = stop.wait() => End::Quiet,
            () = socket.closed() => End::Quiet,
            () = signed_out(&task, proof) => End::SignedOut,
            end = stream.run(after) => end,
        };
        stream.close(&end).await;
        drop(viewer);
    });
    let stream = ReceiverStream::new(outgoing).map(Ok::<Event, Infallible>);
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Sse::new(stream)).into_response())
}

/// Resolves when the viewer's token ends, however far the viewer's socket is behind. What else may end
/// their right is asked for with each beat, and what could not be read again.
async fn signed_out(shared: &Arc<Shared>, proof: Proof) {
    let mut ended = shared.tokens_ended.clone();
    // It may have ended between the request and here.
    loop {
        if Caller::again(shared, proof).await.is_err_and(|refusal| gone(&refusal)) {
            return;
        }
        if ended.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// The caller is nobody any more. Any other refusal says of the store, not of them.
fn gone(refusal: &Refusal) -> bool {
    refusal.status == StatusCode::UNAUTHORIZED
}

struct Stream {
    shared: Arc<Shared>,
    caller: Caller,
    socket: mpsc::Sender<Event>,
    published: watch::Receiver<CommitSeq>,
    sent: CommitSeq,
    board: Option<Arc<wire::Board>>,
    board_wanted: bool,
    board_next: Instant,
}

impl Stream {
    async fn run(&mut self, after: Option<i64>) -> End {
        match self.follow(after).await {
            Err(end) => end,
            Ok(never) => match never {},
        }
    }

    async fn follow(&mut self, after: Option<i64>) -> Result<Infallible, End> {
        let last = self.shared.ask(|shared| shared.reader.last()).await?;
        self.sent = after.map_or(last, CommitSeq);
        if self.sent > last || self.sent < CommitSeq(0) {
            return Err(End::Reset("unknown_position"));
        }
        let build = self.shared.settings.build.clone();
        self.send("hello", &Hello { build: &build, schema: SCHEMA, cursor: self.sent.0 }).await?;
        let mut beat = interval_at(Instant::now() + BEAT, BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.published.borrow_and_update();
            self.catch_up(last).await?;
            if self.board_wanted && Instant::now() >= self.board_next {
                self.board().await?;
            }
            let wanted = self.board_wanted;
            tokio::select! {
                changed = self.published.changed() => {
                    if changed.is_err() { return Err(End::Quiet) }
                }
                () = tokio::time::sleep_until(self.board_next), if wanted => {}
                _ = beat.tick() => self.beat().await?,
            }
        }
    }

    /// Sends everything between the viewer's position and the newest one.
    async fn catch_up(&mut self, last: CommitSeq) -> Result<(), End> {
        loop {
            let newest = last.max(*self.published.borrow());
            if newest.0.saturating_sub(self.sent.0) > REPLAY_MAX {
                return Err(End::Reset("behind"));
            }
            if let Some((events, to)) = self.shared.live.ring(|ring| ring.after(self.sent)) {
                for event in &events {
                    self.event(event).await?;
                }
                self.reached(to);
                return Ok(());
            }
            let (events, to, more) = events::read(&self.shared, self.sent, super::BATCH).await?;
            for event in &events {
                self.event(event).await?;
            }
            self.reached(to);
            if !more {
                return Ok(());
            }
        }
    }

    fn reached(&mut self, to: CommitSeq) {
        self.board_wanted |= to > self.sent;
        self.sent = self.sent.max(to);
    }

    async fn event(&mut self, event: &events::Prepared) -> Result<(), End> {
        if event.seq <= self.sent {
            return Ok(());
        }
        if let Some((name, json)) = events::for_caller(&self.shared, &self.caller, event).await? {
            // A ring shares its position with the alert that follows: whoever is cut off between the
            // two is told both again.
            let id = (name != events::RING).then_some(event.seq);
            self.raw(id, name, &json).await?;
        }
        Ok(())
    }

    /// Sends the board where a counted number changed. While the rollups are behind the log it is
    /// asked for again.
    async fn board(&mut self) -> Result<(), End> {
        self.board_next = Instant::now() + INTERVAL;
        let board = self.shared.live.boards.at(&self.shared, &self.caller, self.sent).await?;
        self.board_wanted = board.cursor < self.sent.0;
        let before = self.board.replace(Arc::clone(&board));
        if before.as_ref().is_some_and(|before| boards::same(before, &board)) {
            return Ok(());
        }
        if before.is_some_and(|before| before.quarantined != board.quarantined) {
            self.send("quarantine", &Quarantine { count: board.quarantined }).await?;
        }
        self.send("board", &BoardEvent { board: &board }).await
    }

    /// A sign of life; and the caller is asked for their right again.
    async fn beat(&mut self) -> Result<(), End> {
        let caller = Caller::again(&self.shared, self.caller.proof).await;
        let caller = caller.map_err(|refusal| {
            if gone(&refusal) { End::Reset("signed_out") } else { End::from(refusal) }
        })?;
        if caller.need(Right::ReadBoard).is_err() || caller.reach != self.caller.reach {
            return Err(End::Reset("assignment"));
        }
        self.board_wanted = true;
        let at = self.shared.clock.now().to_string();
        let cursor = self.sent.0;
        let json = written(&Beat { at, cursor })?;
        self.raw(Some(self.sent), "hb", &json).await
    }

    async fn send(&self, name: &'static str, data: &impl Serialize) -> Result<(), End> {
        self.raw(None, name, &written(data)?).await
    }

    async fn raw(
        &self,
        id: Option<CommitSeq>,
        name: &'static str,
        json: &RawValue,
    ) -> Result<(), End> {
        let event = Event::default().event(name).data(json.get());
        let event = match id {
            Some(seq) => event.id(seq.0.to_string()),
            None => event,
        };
        match tokio::time::timeout(SLOW_MAX, self.socket.send(event)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_closed)) => Err(End::Quiet),
            Err(_elapsed) => Err(End::Slow),
        }
    }

    async fn close(&self, end: &End) {
        match end {
            End::Quiet => {}
            End::Slow => self.shared.counters.streams_cut.inc(),
            End::SignedOut => {
                self.shared.counters.streams_reset.inc();
                if let Ok(json) = written(&Reset { why: "signed_out" }) {
                    // A socket that is full is left as it is.
                    drop(self.socket.try_send(Event::default().event("reset").data(json.get())));
                }
            }
            End::Reset(why) => {
                self.shared.counters.streams_reset.inc();
                // Whether it arrives or not, the stream ends and the page asks again.
                drop(self.send("reset", &Reset { why }).await);
            }
        }
    }
}

fn written(data: &impl Serialize) -> Result<Box<RawValue>, End> {
    serde_json::value::to_raw_value(data).map_err(|error| End::from(Refusal::broken(&error)))
}
