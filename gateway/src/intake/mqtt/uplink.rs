//! A gateway below asks on its `up`, and is answered on its `down`: in turn, and acknowledged like any
//! publish once the answer is made, which is after the commit of what was taken.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rmqtt_codec::types::Publish;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::warn;

use super::{
    batch::Slot,
    session::{Done, End, Session},
    shared::Exchange,
};
use crate::{domain::BoxId, intake::Topic};

/// A question of a gateway below that is to be answered before anything else is taken from it.
pub(super) struct Asking {
    exchange: Exchange,
    slot: Option<Slot>,
    by: BoxId,
    question: Bytes,
}

/// Its answer.
#[derive(Debug)]
pub(super) struct Answered {
    slot: Option<Slot>,
    by: BoxId,
    answer: Vec<u8>,
}

impl Asking {
    pub(super) fn ask(self) -> BoxFuture<'static, Done> {
        let Self { exchange, slot, by, question } = self;
        Box::pin(async move {
            let answer = exchange(by.clone(), question).await;
            Done::Answered(Answered { slot, by, answer })
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Whether a publish is a question of the gateway that logged in; then it is asked in its turn.
    pub(super) fn asks(&mut self, topic: &Topic, publish: &Publish, slot: Option<Slot>) -> bool {
        let Some(exchange) = self.shared.wiring.uplink.clone() else { return false };
        let Topic::Up { gateway } = topic else { return false };
        let Ok(by) = BoxId::new(gateway.as_str()) else { return false };
        // Who may publish everything is still nobody but who it says it is.
        if self.client.identity.name != by.as_str() {
            return false;
        }
        let question = publish.payload.clone();
        self.asking = Some(Box::new(Asking { exchange, slot, by, question }));
        true
    }

    pub(super) fn on_answered(&mut self, answered: Answered) -> Result<(), End> {
        let Answered { slot, by, answer } = answered;
        if answer.is_empty() {
            // It keeps its question and asks again.
            return Err(End::NotCommitted);
        }
        let down = format!("xz/1/{by}/down");
        if self.reads_down && self.wire.publish(&down, answer.into(), None).is_err() {
            warn!(gateway = %by, "an answer exceeds the packet limit of a gateway below");
        }
        match slot {
            Some(slot) => self.owe(slot),
            None => Ok(()),
        }
    }
}
