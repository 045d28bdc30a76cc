//! Two packs over everybody's stored past, in one pass over each person's readings and events.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use super::{
    compare::Tally,
    past::{Homes, Past, judged},
};
use crate::{
    assess::Pack,
    domain::{Person, PersonId, Registered, Timestamp},
    store::{Reader, StoreError, view::Paging},
};

/// People of one page of the registry: what one thread takes at a time.
const PAGE: usize = 500;
/// People whose readings are in memory at once, for each thread.
const AT_ONCE: usize = 25;

/// What is asked of the past.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The two packs.
    pub packs: [&'q Pack; 2],
    /// Time runs to here.
    pub until: Timestamp,
    /// Threads that read and judge.
    pub threads: usize,
}

/// How far it is, for whoever watches.
#[derive(Debug, Default)]
pub struct Counted {
    /// People judged.
    pub people: AtomicU64,
    /// Readings judged.
    pub readings: AtomicU64,
}

/// The registry's people, handed out page by page.
#[derive(Debug, Default)]
struct Pages {
    after: Option<String>,
    done: bool,
}

/// Judges everybody of the registry by both packs.
///
/// # Errors
/// Any error of the store.
pub fn sweep(
    reader: &dyn Reader,
    question: Question<'_>,
    counted: &Counted,
) -> Result<Tally, StoreError> {
    let homes = Homes::of(reader)?;
    let pages = Mutex::new(Pages::default());
    let work = || -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        while let Some(people) = next(reader, &pages)? {
            for some in people.chunks(AT_ONCE) {
                judge(reader, (&homes, some), question, &mut tally, counted)?;
            }
        }
        Ok(tally)
    };
    let parts: Vec<Result<Tally, StoreError>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..question.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|one| one.join().unwrap_or(Err(StoreError::Busy))).collect()
    });
    let mut whole = Tally::default();
    for part in parts {
        whole.merge(part?);
    }
    whole.finish();
    Ok(whole)
}

fn next(reader: &dyn Reader, pages: &Mutex<Pages>) -> Result<Option<Vec<Person>>, StoreError> {
    let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
    if pages.done {
        return Ok(None);
    }
    let paging = Paging { limit: PAGE, after: pages.after.take() };
    let page = reader.registry("person", &paging)?;
    pages.done = page.next.is_none();
    pages.after = page.next;
    let mut people = Vec::new();
    for row in page.items {
        // Whoever counts as another is judged there.
        if let Registered::Person(person) = row
            && reader.survivor(&person.person)?.is_none()
        {
            people.push(person);
        }
    }
    Ok(Some(people))
}

fn judge(
    reader: &dyn Reader,
    (homes, people): (&Homes, &[Person]),
    question: Question<'_>,
    tally: &mut Tally,
    counted: &Counted,
) -> Result<(), StoreError> {
    let names: Vec<PersonId> = people.iter().map(|person| person.person.clone()).collect();
    let pasts = Past::of(reader, &names)?;
    for (person, past) in people.iter().zip(pasts) {
        let home = homes.of_person(person);
        let [a, b] = question.packs.map(|pack| judged(pack, (person, home), &past, question.until));
        let doctor = home.and_then(|home| home.doctor_at(question.until));
        let measured = past.readings.iter().map(|stored| stored.reading.measured.at);
        tally.add((&person.person, doctor), measured, [&a, &b]);
        counted.people.fetch_add(1, Ordering::Relaxed);
        let readings = u64::try_from(past.readings.len()).unwrap_or(0);
        counted.readings.fetch_add(readings, Ordering::Relaxed);
    }
    Ok(())
}
