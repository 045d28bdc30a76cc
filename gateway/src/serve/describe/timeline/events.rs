//! What happened to the person and no device measured. A doctor's act about an alert is told as the
//! alert's step, and not twice.

use super::{Items, Part, files::Files};
use crate::{
    domain::{Happened, PersonEvent, PersonId},
    serve::{
        describe::Describer,
        wire::{self, Number},
    },
    store::StoreError,
};

impl Describer<'_> {
    /// The events of the person's files, each where it happened.
    pub(super) fn timeline_events(&self, files: &Files, part: &Part) -> Result<Items, StoreError> {
        let related: Vec<PersonId> = files.related().into_iter().cloned().collect();
        let events = self.reader().events_of(&related)?;
        let mut events: Vec<_> = events.into_iter().flatten().collect();
        events
            .retain(|event| files.own.contains(&event.person) && part.is_known(event.received_at));
        events.sort_by_key(|event| (event.at, event.id));
        let void: Vec<_> =
            events.iter().filter_map(|event| Some((event.what.voids()?, event))).collect();
        let told = events.iter().filter(|event| part.is_before(event.at));
        let item = |event: &PersonEvent| {
            let mut item = of_event(event)?;
            let voided = void.iter().find(|(id, _)| **id == event.id);
            if let (Some(told), Some((_, by))) = (&mut item.event, voided) {
                told.voided_by = Some(by.id.to_string());
            }
            Some((event.at, item))
        };
        Ok(told.filter_map(item).collect())
    }
}

fn of_event(event: &PersonEvent) -> Option<wire::TimelineItem> {
    let plain = wire::Event {
        id: event.id.to_string(),
        what: event.what.kind(),
        received_at: event.received_at.to_string(),
        by: event.author.to_string(),
        reference: event.reference.as_ref().map(ToString::to_string),
        note: event.note.clone(),
        ..wire::Event::default()
    };
    let told = match &event.what {
        Happened::FollowUp { pressure, fasting, symptoms } => wire::Event {
            systolic: pressure.map(|(systolic, _)| Number(systolic)),
            diastolic: pressure.map(|(_, diastolic)| Number(diastolic)),
            fasting: fasting.map(Number),
            symptoms: symptoms.iter().map(ToString::to_string).collect(),
            ..plain
        },
        Happened::Money(money) => wire::Event {
            profile: Some(money.profile.to_string()),
            span: Some(money.kind.as_str()),
            yuan: Some(Number(money.yuan)),
            ..plain
        },
        Happened::SiteAct(done) => wire::Event {
            symptoms: done.symptoms.iter().map(ToString::to_string).collect(),
            site: Some(done.site.to_string()),
            bench: done.bench.as_ref().map(ToString::to_string),
            act: Some(done.deed.as_str()),
            reading: done.reading.map(|reading| reading.to_string()),
            alert: done.alert.map(|alert| alert.to_string()),
            ..plain
        },
        Happened::Voided(mistake) => wire::Event { voids: Some(mistake.to_string()), ..plain },
        Happened::Act { .. } => return None,
    };
    Some(wire::TimelineItem {
        at: event.at.to_string(),
        kind: "event",
        event: Some(told),
        ..wire::TimelineItem::default()
    })
}
