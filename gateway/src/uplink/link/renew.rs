//! A box asks whether it is time for another certificate. Its own clock is not asked: it says which
//! certificate it holds, and the gateway above knows when that one ends.

use std::sync::Arc;

use tokio::{sync::oneshot, task::spawn_blocking};
use tracing::{info, warn};

use super::upper::{Failed, Upper, refused};
use crate::{
    commit::Work,
    domain::Neighbour,
    enrol::{Office, Serial, due},
    store::{AccessChange, BoxCertificate, BoxChange},
    uplink::{
        PublicKey,
        batch::{Certified, Code, Message, Renew, Told},
    },
};

/// What a box gets: a certificate with what is kept of it, or word that its own is good.
type Made = Option<(Vec<u8>, BoxCertificate)>;

impl Upper {
    /// Answers a box that the registry holds as enabled, and whose key signed the question.
    pub(super) async fn renew(
        self: &Arc<Self>,
        row: Neighbour,
        asked: Renew,
        ours: &Told,
    ) -> Result<Vec<Message>, Failed> {
        let not_enrolled = || refused(Code::NotForHere, "the box was not enrolled by a code");
        let office = self.parts.office.clone().ok_or_else(not_enrolled)?;
        let (of, name) = (row.name.clone(), row.name.clone());
        let newest = self.ask(move |reader| reader.box_certificate(&name)).await?;
        let newest = newest.filter(|newest| newest.key == row.key).ok_or_else(not_enrolled)?;
        let now = office.floor.now();
        let made = if due(&newest, &asked.serial, now) {
            let making = spawn_blocking(move || make(&office, &row, (&newest, now)));
            making.await.map_err(|_cut_off| Failed::NotCommitting)?
        } else {
            return Ok(vec![answer((of, ours), now, (newest, Vec::new()))]);
        };
        let Some((certificate, kept)) = made else { return Err(Failed::NotCommitting) };
        let (reply, done) = oneshot::channel();
        let change = Some(AccessChange::Box(BoxChange::Certificate(Box::new(kept.clone()))));
        let work = Work::Access { change, asked: None, reply };
        self.parts.inlet.hand_over(work).await.map_err(|_closed| Failed::NotCommitting)?;
        let done = done.await.map_err(|_dropped| Failed::NotCommitting)?;
        done.map_err(|_of_no_request| Failed::NotCommitting)?;
        info!(gateway = %of, until = %kept.until, "a box got another certificate");
        Ok(vec![answer((of, ours), now, (kept, certificate))])
    }
}

fn make(
    office: &Office,
    row: &Neighbour,
    (newest, now): (&BoxCertificate, crate::domain::Timestamp),
) -> Made {
    let key: PublicKey = row.key.parse().ok()?;
    let made = Serial::random()
        .map_err(Into::into)
        .and_then(|serial| office.certify((&row.name, &key), serial, (now, newest.token)));
    match made {
        Ok((certificate, kept)) => Some((certificate.to_vec(), kept)),
        Err(error) => {
            warn!(%error, gateway = %row.name, "no certificate could be made");
            None
        }
    }
}

fn answer(
    (of, ours): (crate::domain::BoxId, &Told),
    said_at: crate::domain::Timestamp,
    (kept, certificate): (BoxCertificate, Vec<u8>),
) -> Message {
    let (told, serial, until) = (ours.clone(), kept.serial, kept.until);
    Message::Certified(Certified { told, of, serial, until, said_at, certificate })
}
