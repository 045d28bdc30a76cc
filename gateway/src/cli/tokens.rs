//! Tokens that ended, at the listener: whoever came by one has to leave, and what a doctor's clients left
//! here for their return goes with that doctor's last token.
//!
//! It looks at how things stand, not at what changed: nothing is missed, whatever was missed before.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::spawn_blocking, time::sleep};
use tracing::{info, warn};

use super::pieces::Core;
use crate::{
    commit::Work,
    domain::DoctorId,
    intake::mqtt::{self, SUBSCRIPTIONS},
    store::{Reader, Role, StoreError, TokenRow, view::Paging},
    supervise::{Stop, Supervisor},
};

/// Pause before what could not be read or kept is tried again; a token must end within 5 s (issue 5,
/// part 6).
const AGAIN: Duration = Duration::from_millis(500);

/// Follows the tokens.
pub(super) fn follow(core: &Arc<Core>, listener: Arc<mqtt::Shared>, supervisor: &Supervisor) {
    supervisor.spawn("tokens", run(Arc::clone(core), listener, supervisor.stopping()));
}

async fn run(core: Arc<Core>, listener: Arc<mqtt::Shared>, stop: Stop) {
    let mut ended = core.writer.tokens_ended.clone();
    loop {
        while !look(&core, &listener).await {
            tokio::select! {
                () = stop.wait() => return,
                () = sleep(AGAIN) => {}
            }
        }
        tokio::select! {
            () = stop.wait() => return,
            changed = ended.changed() => if changed.is_err() { return },
        }
    }
}

/// What has to end.
#[derive(Debug, Default)]
struct Ended {
    /// Tokens by which somebody is here, and whether what they left goes too.
    tokens: Vec<([u8; 32], bool)>,
    /// Followers of doctors without a token.
    left: Vec<String>,
}

/// Ends what has to; `false`: it could not be read or kept.
async fn look(core: &Arc<Core>, listener: &mqtt::Shared) -> bool {
    let (reader, here) = (Arc::clone(&core.reader), listener.tokens());
    let found = spawn_blocking(move || found(reader.as_ref(), &here)).await;
    let ended = match found.map_err(|error| error.to_string()) {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => {
            warn!(%error, "tokens could not be read");
            return false;
        }
        Err(error) => {
            warn!(%error, "tokens could not be read");
            return false;
        }
    };
    for (token, forget) in ended.tokens {
        let closed = listener.expel_by(&token, forget);
        info!(token = %TokenRow::id_of(&token), closed, "a token ended");
    }
    for follower in ended.left {
        let (reply, done) = oneshot::channel();
        let work = Work::Advance { follower, to: None, reply };
        if core.writer.inlet.hand_over(work).await.is_err() || done.await.is_err() {
            return false;
        }
    }
    true
}

/// Of the tokens by which somebody is here, those that ended; and what is left of doctors without one.
fn found(reader: &dyn Reader, here: &[[u8; 32]]) -> Result<Ended, StoreError> {
    let left = reader.followers(SUBSCRIPTIONS)?;
    if here.is_empty() && left.is_empty() {
        return Ok(Ended::default());
    }
    let Doctors { doctors, former } = doctors(reader)?;
    let mut ended = Ended::default();
    for token in here {
        let row = reader.token(token)?;
        if row.as_ref().is_some_and(|row| row.revoked_at.is_none()) {
            continue;
        }
        let doctor = row.and_then(|row| row.doctor);
        ended.tokens.push((*token, doctor.is_none_or(|doctor| !doctors.contains(&doctor))));
    }
    let gone = |name: &String| {
        let of = name.strip_prefix(SUBSCRIPTIONS).and_then(|rest| rest.split('/').next());
        of.and_then(|of| DoctorId::new(of).ok()).is_some_and(|of| former.contains(&of))
    };
    ended.left = left.into_iter().filter(gone).collect();
    Ok(ended)
}

/// Doctors by their tokens. One who never had any is in neither: somebody else reads their alerts, as
/// everybody may in `--dev`.
struct Doctors {
    /// Who may log in.
    doctors: BTreeSet<DoctorId>,
    /// Whose last token ended.
    former: BTreeSet<DoctorId>,
}

fn doctors(reader: &dyn Reader) -> Result<Doctors, StoreError> {
    let (mut doctors, mut former) = (BTreeSet::new(), BTreeSet::new());
    let mut paging = Paging { limit: Paging::LIMIT_MAX, after: None };
    loop {
        let page = reader.tokens(&paging)?;
        for row in page.items.into_iter().filter(|row| row.role == Role::Doctor) {
            let good = row.revoked_at.is_none();
            if good { &mut doctors } else { &mut former }.extend(row.doctor);
        }
        paging.after = page.next;
        if paging.after.is_none() {
            former.retain(|doctor| !doctors.contains(doctor));
            return Ok(Doctors { doctors, former });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        Change, CommitSeq, ModelStore, Store,
        fixtures::{NOON, commit, id},
    };

    /// What has to end where the tokens of `here` are used, of which `ended` have; each is of the doctor
    /// of its number's tens, and each doctor has left a subscription.
    #[track_caller]
    fn check(here: &[u8], all: &[(u8, bool)], expected: (&[(u8, bool)], &[&str])) {
        let mut store = ModelStore::new();
        let token = |(number, ended): &(u8, bool)| {
            Change::Token(Box::new(TokenRow {
                hash: [*number; 32],
                role: Role::Doctor,
                place: None,
                doctor: Some(id(&format!("DR{}", number / 10))),
                device: None,
                created_at: NOON,
                revoked_at: ended.then_some(NOON),
            }))
        };
        let left = |doctor: &str| Change::Cursor {
            follower: format!("mqtt/{doctor}/phone"),
            to: Some(CommitSeq(1)),
        };
        let mut changes: Vec<Change> = all.iter().map(token).collect();
        changes.extend(["DR1", "DR2"].map(left));
        commit(&mut store, &[], &changes);
        let here: Vec<[u8; 32]> = here.iter().map(|number| [*number; 32]).collect();
        let found = found(store.reader().as_ref(), &here).unwrap();
        let tokens: Vec<(u8, bool)> =
            found.tokens.iter().map(|(hash, forget)| (hash[0], *forget)).collect();
        let left: Vec<&str> = found.left.iter().map(String::as_str).collect();
        assert_eq!((tokens.as_slice(), left.as_slice()), expected);
    }

    #[test]
    fn what_a_doctors_clients_left_goes_with_the_doctors_last_token() {
        let (one, two) = ("mqtt/DR1/phone", "mqtt/DR2/phone");
        check(&[10, 20], &[(10, false), (20, false)], (&[], &[]));
        check(&[10, 20], &[(10, true), (20, false)], (&[(10, true)], &[one]));
        check(&[10, 20], &[(10, true), (11, false), (20, false)], (&[(10, false)], &[]));
        check(&[], &[(10, true), (20, true)], (&[], &[one, two]));
        // Whoever may come without a token keeps what waits for them.
        check(&[], &[], (&[], &[]));
        check(&[], &[(20, true)], (&[], &[two]));
        // A row that is gone is no token.
        check(&[99], &[(10, false), (20, false)], (&[(99, true)], &[]));
    }
}
