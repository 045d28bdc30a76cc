//! What became of rows goes to the writer: only a committed attempt lets go of a row.

use smol_str::SmolStr;
use tokio::sync::oneshot;

use super::pace::Cap;
use crate::{
    commit::{Act, ActRefused, Deed, Work},
    domain::{AlertId, ContentDigest, NotificationKey, Timestamp},
    intake::{Inlet, NotCommitted},
    store::{Attempt, Request, Sending},
};

/// Who acts when the gateway itself moves an alert.
const GATEWAY: &str = "gateway";

/// Commits attempts, and waits until they are on disk.
pub(super) async fn attempts(
    inlet: &Inlet,
    attempts: Vec<(NotificationKey, Sending)>,
    at: Timestamp,
) -> Result<(), NotCommitted> {
    let mut replies = Vec::with_capacity(attempts.len());
    for (key, sending) in attempts {
        let (reply, on_disk) = oneshot::channel();
        let attempt = Attempt { key, sending, at };
        inlet.hand_over(Work::Attempted { attempt, reply }).await?;
        replies.push(on_disk);
    }
    for on_disk in replies {
        on_disk.await.map_err(|_dropped| NotCommitted)?;
    }
    Ok(())
}

/// Moves an alert to its next step, because a cap keeps a message from the present one: once for
/// each message, though a restart may ask again before it is recorded that the message was let go.
pub(super) async fn to_next_step(
    inlet: &Inlet,
    (alert, message): (AlertId, NotificationKey),
    cap: Cap,
) -> Result<Result<(), ActRefused>, NotCommitted> {
    let (reply, done) = oneshot::channel();
    let digest = ContentDigest::from_bytes(*message.as_bytes());
    let request = Request { key: format!("capped {message}"), digest };
    let act = Act {
        alert,
        deed: Deed::Forward(None),
        note: Some(cap.as_str().to_owned()),
        by: SmolStr::new_static(GATEWAY),
        claimed_at: None,
        request: Some(request),
        reply,
    };
    inlet.hand_over(Work::Act(act)).await?;
    let done = done.await.map_err(|_dropped| NotCommitted)?;
    Ok(done.map(|_acted| ()))
}
