//! Events of people.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{At, Exact, No, word};
use crate::domain::{
    ActOutcome, AlertId, BenchId, ContentDigest, EventId, Happened, Money, MoneyKind, PersonEvent,
    PersonId, ReadingId, SiteAct, SiteDeed, SiteId,
};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum What {
    FollowUp {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pressure: Option<(Exact, Exact)>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fasting: Option<Exact>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        symptoms: Vec<SmolStr>,
    },
    Money {
        profile: SmolStr,
        kind: SmolStr,
        yuan: Exact,
    },
    Act {
        concept: SmolStr,
        outcome: SmolStr,
    },
    SiteAct {
        site: SiteId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bench: Option<BenchId>,
        deed: SmolStr,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        symptoms: Vec<SmolStr>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reading: Option<ReadingId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alert: Option<AlertId>,
    },
    Voided(EventId),
}

impl From<&Happened> for What {
    fn from(what: &Happened) -> Self {
        match what {
            Happened::FollowUp { pressure, fasting, symptoms } => Self::FollowUp {
                pressure: pressure.map(|(systolic, diastolic)| (systolic.into(), diastolic.into())),
                fasting: fasting.map(Exact::from),
                symptoms: symptoms.clone(),
            },
            Happened::Money(money) => Self::Money {
                profile: money.profile.clone(),
                kind: SmolStr::new_static(money.kind.as_str()),
                yuan: money.yuan.into(),
            },
            Happened::Act { concept, outcome } => Self::Act {
                concept: concept.clone(),
                outcome: SmolStr::new_static(outcome.as_str()),
            },
            Happened::SiteAct(act) => Self::SiteAct {
                site: act.site.clone(),
                bench: act.bench.clone(),
                deed: SmolStr::new_static(act.deed.as_str()),
                symptoms: act.symptoms.clone(),
                reading: act.reading,
                alert: act.alert,
            },
            Happened::Voided(event) => Self::Voided(*event),
        }
    }
}

impl TryFrom<What> for Happened {
    type Error = No;

    fn try_from(what: What) -> Result<Self, No> {
        Ok(match what {
            What::FollowUp { pressure, fasting, symptoms } => Self::FollowUp {
                pressure: pressure.map(|(systolic, diastolic)| (systolic.into(), diastolic.into())),
                fasting: fasting.map(Into::into),
                symptoms,
            },
            What::Money { profile, kind, yuan } => {
                let kind = word(&kind, &MoneyKind::ALL, MoneyKind::as_str, "kind of money")?;
                Self::Money(Money { profile, kind, yuan: yuan.into() })
            }
            What::Act { concept, outcome } => {
                let outcome = word(&outcome, &ActOutcome::ALL, ActOutcome::as_str, "outcome")?;
                Self::Act { concept, outcome }
            }
            What::SiteAct { site, bench, deed, symptoms, reading, alert } => {
                let deed = word(&deed, &SiteDeed::ALL, SiteDeed::as_str, "act at a bench")?;
                Self::SiteAct(SiteAct { site, bench, deed, symptoms, reading, alert })
            }
            What::Voided(event) => Self::Voided(event),
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct Event {
    id: EventId,
    content: ContentDigest,
    person: PersonId,
    at: At,
    received_at: At,
    author: SmolStr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<SmolStr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    what: What,
}

impl From<&PersonEvent> for Event {
    fn from(it: &PersonEvent) -> Self {
        Self {
            id: it.id,
            content: it.content,
            person: it.person.clone(),
            at: it.at.into(),
            received_at: it.received_at.into(),
            author: it.author.clone(),
            reference: it.reference.clone(),
            note: it.note.clone(),
            what: (&it.what).into(),
        }
    }
}

impl TryFrom<Event> for PersonEvent {
    type Error = No;

    fn try_from(it: Event) -> Result<Self, No> {
        Ok(Self {
            id: it.id,
            content: it.content,
            person: it.person,
            at: it.at.into(),
            received_at: it.received_at.into(),
            author: it.author,
            reference: it.reference,
            note: it.note,
            what: it.what.try_into()?,
        })
    }
}
