//! Answering one envelope.

use std::sync::Arc;

use bytes::Bytes;
use tokio::{
    sync::{oneshot, watch},
    task::spawn_blocking,
};
use tracing::{info, warn};

use super::{
    ALARM_WAIT_SECONDS, BUSY_WAIT_SECONDS, down, evidence::Evidence, lanes::Lanes, roster::Rosters,
    statement::Statements,
};
use crate::{
    commit::{CarryRefused, Carrying, Link, Work},
    domain::{BoxId, BoxState, Clock, Neighbour, Registered, Road},
    enrol::Office,
    intake::Inlet,
    store::{CommitSeq, Reader, RegistryKey, StoreError, Watermark, view::Scope},
    uplink::{
        GatewayKey, PublicKey, Status,
        batch::{
            Batch, Code, EnvelopeError, Hello, Holds, Message, Nonce, Refusal, Sealed, Stated, Told,
        },
        red,
        status::raise,
    },
};

/// What the upper end needs of the rest of the gateway.
#[derive(Clone)]
pub struct Parts {
    /// The reading side of the store.
    pub reader: Arc<dyn Reader>,
    /// The writer's door.
    pub inlet: Inlet,
    /// What it signs with.
    pub key: Arc<GatewayKey>,
    /// The time, for what is shown and for what is kept; nothing is decided by it.
    pub clock: Clock,
    /// Where the log ended when rows last entered the registry.
    pub registered: watch::Receiver<CommitSeq>,
    /// How things stand, for pages and metrics.
    pub status: Arc<Status>,
    /// Who certifies boxes that were enrolled by a code.
    pub office: Option<Arc<Office>>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The upper end of every link to a gateway below.
#[derive(Debug)]
pub struct Upper {
    pub(super) parts: Parts,
    evidence: Evidence,
    pub(super) rosters: Rosters,
    pub(super) statements: Statements,
    lanes: Lanes,
}

/// Why an envelope was not taken: what its sender is told, or that the store failed.
pub(super) enum Failed {
    Refused(EnvelopeError),
    Store(StoreError),
    NotCommitting,
}

impl From<EnvelopeError> for Failed {
    fn from(error: EnvelopeError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

pub(super) fn refused(code: Code, why: impl Into<String>) -> Failed {
    Failed::Refused(EnvelopeError { code, why: why.into() })
}

/// An envelope that is its box's.
struct Believed {
    row: Neighbour,
    message: Message,
}

impl Upper {
    /// The upper end.
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        parts.status.recall(parts.reader.as_ref());
        Arc::new(Self {
            evidence: Evidence::new(parts.inlet.clone()),
            rosters: Rosters::default(),
            lanes: Lanes::new(),
            statements: Statements::default(),
            parts,
        })
    }

    /// How things stand with the neighbours.
    #[must_use]
    pub const fn status(&self) -> &Arc<Status> {
        &self.parts.status
    }

    /// Answers what somebody sent who logged in as this box: envelopes, one after the other. They are
    /// made after the commit of what they answer.
    pub async fn answer(self: &Arc<Self>, by: &BoxId, road: Road, bytes: Bytes) -> Vec<u8> {
        let question = Sealed::read(&bytes).and_then(|sealed| Message::named(&sealed));
        let nonce = question.map_or(Nonce(0), |told| told.nonce);
        let ours = match self.ours(nonce).await {
            Ok(ours) => ours,
            Err(error) => {
                warn!(%error, "the store does not say who this gateway is");
                return Vec::new();
            }
        };
        let answers = match self.lanes.turn(by).await {
            Some(_turn) => self.take(by, &bytes, &ours).await,
            None => Err(refused(Code::Busy, "no turn in time")),
        };
        let answers = match answers {
            Ok(answers) => answers,
            Err(failed) => vec![self.refuse((by, road), &bytes, (failed, &ours)).await],
        };
        self.seal(&answers)
    }

    async fn ours(self: &Arc<Self>, nonce: Nonce) -> Result<Told, StoreError> {
        let (name, epoch) = self.ask(|reader| reader.gateway()).await?;
        let by = BoxId::new(&name).map_err(|_unnamed| StoreError::Asked {
            what: "this gateway's name is none that others can call it by",
        })?;
        Ok(Told { by, epoch, nonce })
    }

    pub(super) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = Arc::clone(&self.parts.reader);
        match spawn_blocking(move || question(reader.as_ref())).await {
            Ok(answer) => answer,
            Err(_cut_off) => Err(StoreError::Busy),
        }
    }

    async fn take(
        self: &Arc<Self>,
        by: &BoxId,
        bytes: &Bytes,
        ours: &Told,
    ) -> Result<Vec<Message>, Failed> {
        let (upper, name, sent) = (Arc::clone(self), by.clone(), bytes.clone());
        let believed = spawn_blocking(move || upper.believe(&name, &sent)).await;
        let Believed { row, message } = believed.map_err(|_cut_off| Failed::NotCommitting)??;
        match message {
            Message::Hello(hello) => self.greet(row, hello, ours).await,
            Message::Batch(batch) => {
                let link = Some(Link {
                    after: batch.after,
                    upto: batch.upto,
                    previous: batch.previous.0,
                    hash: batch.hash().0,
                });
                self.carry(batch, link, ours).await
            }
            Message::Express(batch) => self.carry(batch, None, ours).await,
            Message::Receipts(asked) => self.receipts(row, asked, ours).await,
            Message::Renew(asked) => self.renew(row, asked, ours).await,
            Message::Watermark(_)
            | Message::Refused(_)
            | Message::Roster(_)
            | Message::Receipted(_)
            | Message::Certified(_) => {
                Err(refused(Code::NotForHere, "only a gateway above says that"))
            }
        }
    }

    /// Believes an envelope, or says why not. Nothing of it was unpacked before its signature was
    /// found good. Blocks.
    fn believe(&self, by: &BoxId, bytes: &[u8]) -> Result<Believed, Failed> {
        let reader = self.parts.reader.as_ref();
        let row = reader.registered(&Scope::Everything, &RegistryKey::neighbour(by))?;
        if matches!(&row, Some(Registered::Box(row)) if row.state == BoxState::Revoked) {
            return Err(refused(Code::Revoked, "the registry holds it as revoked"));
        }
        let sealed = Sealed::read(bytes)?;
        let told = Message::named(&sealed)?;
        if told.by != *by {
            return Err(refused(Code::AnotherBox, format!("it names {}", told.by)));
        }
        let Some(Registered::Box(row)) = row else {
            return Err(refused(Code::UnknownBox, "the registry holds no such box"));
        };
        let key: PublicKey =
            row.key.parse().map_err(|_no_key| refused(Code::UnknownBox, "its row holds no key"))?;
        sealed.verify(&key)?;
        self.clear_if_mended(by)?;
        let message = Message::open(&sealed)?;
        let followed = reader.watermark(by)?.map(|mark| mark.epoch);
        let told = message.told().epoch;
        if followed.is_some_and(|epoch| epoch != told) && row.epoch != Some(told) {
            let why = format!("epoch {told}, where {} is followed", followed.unwrap_or_default());
            return Err(refused(Code::OtherEpoch, why));
        }
        Ok(Believed { row, message })
    }

    /// An alarm stands until an operator has entered a row for the box since: whoever sent what was
    /// refused may not be the box that is heard again. Blocks.
    fn clear_if_mended(&self, by: &BoxId) -> Result<(), StoreError> {
        let Some(alarm) = self.parts.status.alarm_of(by) else { return Ok(()) };
        let rows = self.parts.reader.history(&RegistryKey::neighbour(by))?;
        if rows.last().is_some_and(|(_, row)| row.at > alarm.since) {
            self.parts.status.change_below(by, |below| below.alarm = None);
            self.keep_ended(by);
        }
        Ok(())
    }

    /// A greeting is answered with what is held of the box, and with what it lacks.
    async fn greet(
        self: &Arc<Self>,
        row: Neighbour,
        hello: Hello,
        ours: &Told,
    ) -> Result<Vec<Message>, Failed> {
        let (of, last) = (hello.told.by.clone(), CommitSeq(hello.last));
        let name = of.clone();
        let held = self.ask(move |reader| reader.watermark(&name)).await?;
        let disputed = hello
            .dispute
            .filter(|it| held.is_some_and(|held| held.upto.0 == it.upto && held.hash == it.hash.0));
        if let Some(dispute) = disputed {
            let why = format!("the box never made the batch that is held up to {}", dispute.upto);
            return Err(refused(Code::Chain, why));
        }
        self.heard(&of, held, last);
        self.says(&hello, held).await;
        let mut answers = vec![self.stated(of, held, ours)];
        if let Some(wants) = hello.wants {
            let (upper, told) = (Arc::clone(self), ours.clone());
            let down = spawn_blocking(move || {
                let facts = down::batch(upper.parts.reader.as_ref(), &row, wants.holds, &told);
                (facts, upper.piece(&row, &wants.roster, &told))
            });
            let (facts, piece) = down.await.map_err(|_cut_off| Failed::NotCommitting)?;
            match facts {
                Ok(facts) => answers.extend(facts.map(Message::Batch)),
                // What goes up does not wait for what cannot go down.
                Err(error) => warn!(%error, "nothing goes down"),
            }
            answers.extend(piece);
        }
        Ok(answers)
    }

    /// Enters facts, and answers with the watermark that their commit moved.
    async fn carry(
        &self,
        batch: Batch,
        link: Option<Link>,
        ours: &Told,
    ) -> Result<Vec<Message>, Failed> {
        let (reply, done) = oneshot::channel();
        let (sender, epoch, last) = (batch.told.by, batch.told.epoch, batch.last);
        let of = sender.clone();
        let (above, parcels) = (false, batch.parcels);
        let work = Work::Carry(Carrying { sender, epoch, link, above, parcels, reply });
        self.parts.inlet.hand_over(work).await.map_err(|_closed| Failed::NotCommitting)?;
        let mark = match done.await.map_err(|_dropped| Failed::NotCommitting)? {
            Ok(mark) => mark,
            // The sender is told where to go on from, and does.
            Err(CarryRefused::Gap { have }) => {
                return Ok(vec![self.stated(of, Some(have), ours)]);
            }
            Err(why @ CarryRefused::OtherEpoch { .. }) => {
                return Err(refused(Code::OtherEpoch, why.to_string()));
            }
            Err(why @ CarryRefused::Chain) => return Err(refused(Code::Chain, why.to_string())),
            Err(why @ CarryRefused::Malformed { .. }) => {
                return Err(refused(Code::Malformed, why.to_string()));
            }
        };
        self.heard(&of, Some(mark), last);
        self.holds(&of, mark).await;
        self.parts
            .status
            .change_below(&of, |below| below.batches = below.batches.saturating_add(1));
        Ok(vec![self.stated(of, Some(mark), ours)])
    }

    /// What is held of a box, and the time, which its next greeting repeats.
    fn stated(&self, of: BoxId, held: Option<Watermark>, ours: &Told) -> Message {
        // Zeros before the first batch are nothing held.
        let holds = held.filter(|held| *held != Watermark::default()).map(Holds::from);
        let at = Some(self.parts.clock.now().as_millis());
        Message::Watermark(Stated { told: ours.clone(), of, holds, at })
    }

    /// The box was heard and believed.
    fn heard(&self, of: &BoxId, held: Option<Watermark>, last: CommitSeq) {
        let now = self.parts.clock.now();
        self.parts.status.change_below(of, |below| {
            below.contact = Some(now);
            below.upto = held.unwrap_or_default().upto;
            below.last = last;
        });
    }

    /// Says why not, keeps what somebody must look at, and alarms.
    async fn refuse(
        &self,
        (by, road): (&BoxId, Road),
        bytes: &[u8],
        (failed, ours): (Failed, &Told),
    ) -> Message {
        let error = match failed {
            Failed::Refused(error) => error,
            Failed::Store(error) => {
                warn!(%error, gateway = %by, "an envelope could not be looked at");
                EnvelopeError { code: Code::NotCommitting, why: String::new() }
            }
            Failed::NotCommitting => {
                EnvelopeError { code: Code::NotCommitting, why: String::new() }
            }
        };
        let (code, now) = (error.code, self.parts.clock.now());
        let (mut times, mut keep) = (0, None);
        self.parts.status.change_below(by, |below| {
            below.refused = below.refused.saturating_add(1);
            if code.alarms() {
                raise(&mut below.alarm, code, now);
                times = below.alarm.as_ref().map_or(0, |alarm| alarm.times);
                keep = red::to_keep(by.as_str(), below.alarm.as_ref());
            }
        });
        if code.alarms() {
            self.keep_alarm(keep).await;
            if times == 1 {
                warn!(gateway = %by, %code, why = %error.why, "refused what a gateway below sent");
            }
            match self.evidence.keep((by, road), bytes, (&error, now)).await {
                Ok(kept) => info!(gateway = %by, %code, kept, "refused"),
                Err(lost) => warn!(gateway = %by, %code, %lost, "what was refused was not kept"),
            }
        }
        let wait = match code {
            Code::Busy | Code::NotCommitting => BUSY_WAIT_SECONDS,
            Code::TooNew | Code::Gap | Code::NotForHere => 0,
            Code::NotAnEnvelope
            | Code::TooLarge
            | Code::Forged
            | Code::UnknownBox
            | Code::Revoked
            | Code::AnotherBox
            | Code::OtherEpoch
            | Code::Malformed
            | Code::Chain
            | Code::CodeTwice => ALARM_WAIT_SECONDS,
        };
        let (zh, en) = (code.zh().into(), code.en().into());
        let (told, of) = (ours.clone(), Some(by.clone()));
        Message::Refused(Refusal { told, of, code, zh, en, wait })
    }

    fn seal(&self, answers: &[Message]) -> Vec<u8> {
        let mut train = Vec::new();
        for answer in answers {
            match answer.seal(&self.parts.key) {
                Ok(sealed) => train.extend_from_slice(&sealed),
                // The watermark stands first and is small; what was too large comes in less another time.
                Err(error) => warn!(%error, "an answer did not fit an envelope"),
            }
        }
        train
    }
}
