//! What happened to a person and no device measured: a formal follow-up, a sum of money, a doctor's
//! act about an alert, what was done at the bench.
//!
//! An event is immutable. What it says makes its id, or the sender's own reference for it does; who
//! entered it, and when, does not.

use std::collections::BTreeSet;

use firmware_protocols::Decimal;
use smol_str::SmolStr;

use super::{
    AlertId, BenchId, ContentDigest, EventId, PersonId, ReadingId, SiteId, Timestamp,
    event_content, event_id,
};

/// Something that happened to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonEvent {
    /// What makes two of them the same.
    pub id: EventId,
    /// What it says, its note too: same id and other content is a conflict.
    pub content: ContentDigest,
    /// To whom.
    pub person: PersonId,
    /// When it happened. A doctor's act: when it counts from, its receipt by the server.
    pub at: Timestamp,
    /// When the first gateway had it; where its clock cannot have been right, when it can have had it.
    pub received_at: Timestamp,
    /// Who entered it.
    pub author: SmolStr,
    /// The sender's own name for it, where it has one.
    pub reference: Option<SmolStr>,
    /// What was written beside it; no line reads it.
    pub note: Option<String>,
    /// What happened.
    pub what: Happened,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A formal follow-up: the values that the doctor wrote down.
    FollowUp {
        /// Systolic and diastolic, in mmHg.
        pressure: Option<(Decimal, Decimal)>,
        /// Fasting glucose, in mmol/L.
        fasting: Option<Decimal>,
        /// Codes of symptoms.
        symptoms: Vec<SmolStr>,
    },
    /// Money paid out of the person's own pocket.
    Money(Money),
    /// A doctor's act about the open alerts of a concept.
    Act {
        /// Which alerts.
        concept: SmolStr,
        /// What became of them.
        outcome: ActOutcome,
    },
    /// Somebody did something at the bench.
    SiteAct(SiteAct),
    /// An earlier event of the person was entered by mistake: it is kept, and counts no more. The note
    /// says why.
    Voided(EventId),
}

/// The events that count: without those that were voided, and without the voidings.
#[must_use]
pub fn standing<'e>(events: impl IntoIterator<Item = &'e PersonEvent>) -> Vec<&'e PersonEvent> {
    let (voidings, events): (Vec<_>, Vec<_>) =
        events.into_iter().partition(|event| event.what.voids().is_some());
    let void: BTreeSet<&EventId> =
        voidings.into_iter().filter_map(|event| event.what.voids()).collect();
    events.into_iter().filter(|event| !void.contains(&event.id)).collect()
}

/// What was done, or asked, where a person was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteAct {
    /// Where.
    pub site: SiteId,
    /// At which bench.
    pub bench: Option<BenchId>,
    /// What.
    pub deed: SiteDeed,
    /// Codes of the symptoms that the person told of: of the reading, as if it had come with them.
    pub symptoms: Vec<SmolStr>,
    /// After which reading.
    pub reading: Option<ReadingId>,
    /// About which alert.
    pub alert: Option<AlertId>,
}

/// What somebody did at the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteDeed {
    /// The value was taken again; it comes as a reading of its own.
    ReMeasured,
    /// The danger symptoms were asked for, and there are none.
    NoSymptoms,
    /// The danger symptoms were asked for, and there are some.
    HasSymptoms,
    /// The person went home.
    SentHome,
    /// The person was sent to a doctor.
    Referred,
    /// An ambulance was called.
    Called120,
}

impl SiteDeed {
    /// Every deed, for decoding and for help texts.
    pub const ALL: [Self; 6] = [
        Self::ReMeasured,
        Self::NoSymptoms,
        Self::HasSymptoms,
        Self::SentHome,
        Self::Referred,
        Self::Called120,
    ];

    /// The deed's code on the wire and on disk.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReMeasured => "re_measured",
            Self::NoSymptoms => "no_symptoms",
            Self::HasSymptoms => "has_symptoms",
            Self::SentHome => "sent_home",
            Self::Referred => "referred",
            Self::Called120 => "called_120",
        }
    }
}

/// Out-of-pocket money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// The local profile whose line is asked.
    pub profile: SmolStr,
    /// Which sum.
    pub kind: MoneyKind,
    /// The sum, in yuan.
    pub yuan: Decimal,
}

/// Over which time a sum of money was paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyKind {
    /// Since the first of January.
    YearToDate,
    /// Out-patient care in one month.
    OutpatientMonth,
}

/// What a doctor's act says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActOutcome {
    /// The doctor has taken it.
    Seen,
    /// The emergency was real, and the patient was referred.
    ConfirmedReferred,
    /// It is over.
    Closed,
}

impl MoneyKind {
    /// Every kind, for decoding and for help texts.
    pub const ALL: [Self; 2] = [Self::YearToDate, Self::OutpatientMonth];

    /// The kind's code on the wire and on disk.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::YearToDate => "year_to_date",
            Self::OutpatientMonth => "outpatient_month",
        }
    }
}

impl ActOutcome {
    /// Every outcome, for decoding.
    pub const ALL: [Self; 3] = [Self::Seen, Self::ConfirmedReferred, Self::Closed];

    /// The outcome's code on the wire and on disk.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::ConfirmedReferred => "confirmed_referred",
            Self::Closed => "closed",
        }
    }
}

impl Happened {
    /// The kind's code on the wire and on disk.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::FollowUp { .. } => "follow_up",
            Self::Money(_) => "money",
            Self::Act { .. } => "act",
            Self::SiteAct(_) => "site_act",
            Self::Voided(_) => "voided",
        }
    }

    /// The event that was entered by mistake.
    #[must_use]
    pub const fn voids(&self) -> Option<&EventId> {
        match self {
            Self::Voided(event) => Some(event),
            Self::FollowUp { .. } | Self::Money(_) | Self::Act { .. } | Self::SiteAct(_) => None,
        }
    }

    /// Symptoms told at the bench, and the reading whose symptoms they are.
    #[must_use]
    pub fn told(&self) -> Option<(&ReadingId, &[SmolStr])> {
        match self {
            Self::SiteAct(SiteAct { reading: Some(reading), symptoms, .. })
                if !symptoms.is_empty() =>
            {
                Some((reading, symptoms))
            }
            Self::SiteAct(_)
            | Self::FollowUp { .. }
            | Self::Money(_)
            | Self::Act { .. }
            | Self::Voided(_) => None,
        }
    }
}

impl PersonEvent {
    /// An event that nobody has referred to or written beside yet.
    #[must_use]
    pub fn new(
        person: PersonId,
        what: Happened,
        (at, received_at): (Timestamp, Timestamp),
        author: SmolStr,
    ) -> Self {
        let (id, content) = (EventId::from_bytes([0; 16]), ContentDigest::from_bytes([0; 16]));
        let (reference, note) = (None, None);
        Self { id, content, person, at, received_at, author, reference, note, what }.named()
    }

    /// The same under the sender's own reference, and with what was written beside it.
    #[must_use]
    pub fn with(mut self, reference: Option<SmolStr>, note: Option<String>) -> Self {
        (self.reference, self.note) = (reference, note);
        self.named()
    }

    fn named(mut self) -> Self {
        self.id = event_id(&self);
        self.content = event_content(&self);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(what: Happened) -> PersonEvent {
        let at = Timestamp::parse("2026-03-02T07:10:00+08:00").unwrap();
        PersonEvent::new("P000123".parse().unwrap(), what, (at, at), "DR1".into())
    }

    fn follow_up(fasting: &str) -> Happened {
        let pressure = Some((Decimal::from(152_u16), Decimal::from(94_u16)));
        let symptoms = vec!["palpitation".into()];
        Happened::FollowUp { pressure, fasting: Some(fasting.parse().unwrap()), symptoms }
    }

    fn money(yuan: i64) -> Happened {
        let (profile, kind) = ("xian-2025".into(), MoneyKind::YearToDate);
        Happened::Money(Money { profile, kind, yuan: Decimal::from(yuan) })
    }

    #[track_caller]
    fn check(event: &PersonEvent, id: &str, content: &str) {
        let found = (event.id.to_string(), event.content.to_string());
        assert_eq!(found, (id.to_owned(), content.to_owned()));
    }

    #[test]
    fn sample_ids_stay_as_they_are() {
        check(
            &event(follow_up("7.0")),
            "fb0844f69d058cbbb469928ce5bca73f",
            "db9dccb44d7ff1787f4040a1ba616382",
        );
        check(
            &event(money(10_000)),
            "2631f0b0c65359128fcf96df485d9e89",
            "d362037a88b071e46ca24c44a9898278",
        );
        let act = Happened::Act { concept: "bp_emergency".into(), outcome: ActOutcome::Seen };
        check(&event(act), "509252a374aa9ad9662aee9fcae0aa1d", "d516899e88db32c8db7765cca99e2763");
        let named = event(money(10_000)).with(Some("HIS-1".into()), Some("note".to_owned()));
        check(&named, "2530911d54ecb4b536016d25629e82c9", "33161f17aa7f5b5d9e412aa502c79622");
    }

    #[test]
    fn what_was_entered_by_mistake_counts_no_more_and_neither_does_saying_so() {
        let (one, other) = (event(money(1)), event(money(2)));
        let void = event(Happened::Voided(one.id));
        assert_eq!(standing([&one, &void, &other]), [&other]);
        assert_eq!(standing([&void, &one]), Vec::<&PersonEvent>::new());
        assert_eq!(standing([&one, &other]), [&one, &other]);
    }

    #[test]
    fn what_is_said_makes_the_id_and_neither_who_enters_it_nor_how_it_is_written() {
        let one = event(follow_up("7.0"));
        let mut other = event(follow_up("7"));
        assert_eq!((one.id, one.content), (other.id, other.content));
        other.received_at = Timestamp::from_millis(5);
        other.author = "import".into();
        other = other.with(None, Some("a note".to_owned()));
        assert_eq!(one.id, other.id);
        assert_ne!(one.content, other.content, "its note is part of what it says");
        assert_ne!(one.id, event(follow_up("7.1")).id);
        assert_ne!(event(money(10)).id, event(money(100)).id);
        let named = |what| event(what).with(Some("HIS-1".into()), None);
        assert_eq!(named(money(1)).id, named(money(2)).id);
        assert_ne!(named(money(1)).content, named(money(2)).content);
        assert_ne!(named(money(1)).id, named(follow_up("7")).id);
    }
}
