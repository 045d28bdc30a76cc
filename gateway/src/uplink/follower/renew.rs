//! Asking for another certificate over the line that is there, again and again: the gateway above
//! decides when it is time. What comes of it never disturbs what goes up.

use std::{io, sync::Arc, time::Duration};

use rustls::pki_types::CertificateDer;
use tokio::{task::spawn_blocking, time::Instant};
use tracing::{debug, info, warn};

use super::{
    answer::Trouble,
    pace::{chance, drawn},
    run::Follower,
};
use crate::{
    enrol::{Enrolled, Enrolment},
    uplink::batch::{Certified, Message, Renew},
};

/// How long after an answer the next question comes, and by chance up to as long again.
const ASK_EVERY: Duration = Duration::from_secs(6 * 3600);

/// The same after a question that came to nothing.
const ASK_AGAIN: Duration = Duration::from_secs(300);

/// The enrolment, and when to ask next.
#[derive(Debug)]
pub(super) struct Renewing {
    enrolled: Arc<Enrolled>,
    at: Instant,
}

impl Renewing {
    /// The first question follows the first greeting.
    pub(super) fn new(enrolled: Arc<Enrolled>) -> Self {
        Self { enrolled, at: Instant::now() }
    }
}

impl Follower {
    /// Asks, if it is time to.
    pub(super) async fn renew_if_due(&mut self) {
        let Some(renewing) = self.renewing.as_ref() else { return };
        if renewing.at > Instant::now() {
            return;
        }
        let enrolled = Arc::clone(&renewing.enrolled);
        let pause = match self.renew(enrolled).await {
            Ok(()) => ASK_EVERY,
            // An older gateway above knows no such question.
            Err(trouble) => {
                debug!(why = %trouble, "no word about this gateway's certificate");
                ASK_AGAIN
            }
        };
        let next = Instant::now() + pause + drawn(pause, chance());
        if let Some(renewing) = self.renewing.as_mut() {
            renewing.at = next;
        }
    }

    async fn renew(&mut self, enrolled: Arc<Enrolled>) -> Result<(), Trouble> {
        let (told, held) = (self.next_told(), enrolled.now());
        let nonce = told.nonce;
        let renew = Message::Renew(Renew { told, serial: held.serial.as_str().into() });
        for answer in self.exchange(&renew, nonce).await? {
            if let Message::Certified(certified) = answer {
                let task = Arc::clone(&enrolled);
                let kept = spawn_blocking(move || keep(&task, held, certified));
                return kept.await.map_err(io::Error::other)?.map_err(Trouble::File);
            }
        }
        Err(Trouble::Stale)
    }
}

/// Keeps another certificate, or what time the gateway above says it is.
fn keep(enrolled: &Enrolled, held: Enrolment, certified: Certified) -> io::Result<()> {
    let Certified { serial, until, said_at, certificate, .. } = certified;
    let said_at = said_at.max(held.said_at);
    if certificate.is_empty() {
        return enrolled.replace(Enrolment { said_at, ..held });
    }
    let (certificate, serial) = (CertificateDer::from(certificate), serial.to_string());
    let next = Enrolment { certificate, serial, until, said_at, ..held };
    match enrolled.replace(next) {
        Ok(()) => {
            info!(%until, "this gateway has another certificate");
            Ok(())
        }
        Err(error) => {
            warn!(%error, "another certificate came and could not be kept");
            Err(error)
        }
    }
}
