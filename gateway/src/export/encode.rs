//! Facts of the log to lines: readings alone, each with the township of its site.
//!
//! The township is what the registry says when the site is first met, and then what the log says of
//! it. A site that moves to another township begins new series.

use std::collections::BTreeMap;

use super::line;
use crate::{
    domain::{Registered, SiteId},
    store::{
        CommitSeq, Fact, Reader, RegistryKey, StoreError, StoredReading,
        view::{FeedEntry, Scope},
    },
};

/// A reading's line and its position.
pub(super) struct Line {
    pub(super) seq: CommitSeq,
    pub(super) text: String,
}

/// Townships by site, as the registry last said.
pub(super) type Townships = BTreeMap<SiteId, String>;

/// Lines of the readings among facts, and the positions of those that have none. Blocks.
pub(super) fn encode(
    reader: &dyn Reader,
    facts: Vec<FeedEntry>,
    townships: &mut Townships,
) -> Result<(Vec<Line>, Vec<CommitSeq>), StoreError> {
    let (mut lines, mut unwritable) = (Vec::new(), Vec::new());
    for FeedEntry { seq, fact } in facts {
        match fact {
            Fact::Reading(stored) => match written(reader, &stored, townships)? {
                Some(text) => lines.push(Line { seq, text }),
                None => unwritable.push(seq),
            },
            // What a context tells is part of its reading's point, which is then written again.
            Fact::Context(context) => {
                if let Some(id) = context.reading
                    && let Some((_, stored)) = reader.reading(&Scope::Everything, &id)?
                {
                    let text = written(reader, &stored, townships)?;
                    lines.extend(text.map(|text| Line { seq, text }));
                }
            }
            // A corrected time is another point; the one before says that it moved.
            Fact::Retimed(retimed) => {
                let found = reader.reading(&Scope::Everything, &retimed.reading)?;
                let Some((_, stored)) = found else { continue };
                let township = township_of(reader, &stored.reading.site, townships)?;
                let mut before = stored.clone();
                before.retime(&retimed.before);
                if before.reading.measured.at != stored.reading.measured.at {
                    let text = line::corrected(&before, township.as_deref(), true);
                    lines.extend(text.map(|text| Line { seq, text }));
                }
                let text = line::corrected(&stored, township.as_deref(), false);
                lines.extend(text.map(|text| Line { seq, text }));
            }
            Fact::Registration(registration) => {
                if let Registered::Site(site) = registration.row {
                    townships.insert(site.site, site.township);
                }
            }
            Fact::Refused(_)
            | Fact::Quarantined(_)
            | Fact::CardScan(_)
            | Fact::Presence(_)
            | Fact::Pack(_)
            | Fact::Decided(_)
            | Fact::Attributed(_)
            | Fact::Merged(_)
            | Fact::Clock(_)
            | Fact::Event(_)
            | Fact::Crossing(_)
            | Fact::Alert(_)
            | Fact::Attempt(_) => {}
        }
    }
    Ok((lines, unwritable))
}

fn written(
    reader: &dyn Reader,
    stored: &StoredReading,
    townships: &mut Townships,
) -> Result<Option<String>, StoreError> {
    let township = township_of(reader, &stored.reading.site, townships)?;
    Ok(line(stored, township.as_deref()))
}

fn township_of(
    reader: &dyn Reader,
    site: &SiteId,
    townships: &mut Townships,
) -> Result<Option<String>, StoreError> {
    if !townships.contains_key(site) {
        townships.insert(site.clone(), township(reader, site)?);
    }
    Ok(townships.get(site).cloned())
}

fn township(reader: &dyn Reader, site: &SiteId) -> Result<String, StoreError> {
    let found = reader.registered(&Scope::Everything, &RegistryKey::Site(site.clone()))?;
    Ok(match found {
        Some(Registered::Site(site)) => site.township,
        _ => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use firmware_protocols::{Decimal, Glucose, GlucoseUnit, GlucoseValue, Meal, Measurement};

    use super::*;
    use crate::{
        domain::{ContentDigest, DeviceId, Road, Timestamp},
        export::script::Scripted,
        store::{Context, Retimed, Timing, Told},
    };

    #[test]
    fn a_corrected_time_is_written_again_and_the_point_before_says_that_it_moved() {
        let value = GlucoseValue::Number(Decimal::new(72, -1));
        let glucose = Measurement::Glucose(Glucose::new(value, GlucoseUnit::MmolPerL));
        let before = line::tests::stored(1, "G1", 1_772_406_600_000, glucose);
        let mut after = before.clone();
        let hour = crate::domain::Millis::hours(1);
        let mut timing = before.timing();
        timing.measured.at = timing.measured.at.plus(hour);
        after.retime(&timing);
        let retimed = |after: Timing| Retimed {
            reading: before.reading.id,
            before: before.timing(),
            after,
            at: Timestamp::from_millis(0),
        };
        let store = Scripted::new();
        let entry = |seq, fact| FeedEntry { seq: CommitSeq(seq), fact };
        store.script().feed.push(entry(1, Fact::Reading(Box::new(after.clone()))));
        let facts = vec![
            entry(1, Fact::Reading(Box::new(before.clone()))),
            entry(2, Fact::Retimed(Box::new(retimed(timing)))),
        ];
        let mut townships = Townships::from([(after.reading.site, String::new())]);
        let (lines, unwritable) = encode(store.as_ref(), facts, &mut townships).unwrap();
        assert_eq!(unwritable, vec![]);
        let points: Vec<_> =
            lines.iter().map(|line| line::tests::parse(&line.text).unwrap()).collect();
        let moved: Vec<_> = points.iter().map(|point| point.fields.get("moved").copied()).collect();
        assert_eq!(moved, [None, Some(1.0), Some(0.0)]);
        assert_eq!(points[0].series(), points[1].series(), "one point, which says that it moved");
        assert_eq!(points[2].time - points[1].time, hour.0 * 1_000_000);
    }

    #[test]
    fn a_context_writes_the_point_of_its_reading_again_with_the_meal() {
        let value = GlucoseValue::Number(Decimal::new(72, -1));
        let glucose = Measurement::Glucose(Glucose::new(value, GlucoseUnit::MmolPerL));
        let before = line::tests::stored(1, "G1", 1_772_406_600_000, glucose);
        let told = Told { meal: Meal::Fasting, attributes: None };
        let after = StoredReading { context: Some(told.clone()), ..before.clone() };
        let context = |reading| {
            Fact::Context(Box::new(Context {
                device: DeviceId::new("G1").unwrap(),
                site: SiteId::new("V1").unwrap(),
                road: Road::Mqtt,
                number: 7,
                told: told.clone(),
                raw: vec![2, 7, 0, 3],
                content: ContentDigest::from_bytes([1; 16]),
                received_at: Timestamp::from_millis(0),
                reading,
            }))
        };
        let store = Scripted::new();
        let entry = |seq, fact| FeedEntry { seq: CommitSeq(seq), fact };
        store.script().feed.push(entry(1, Fact::Reading(Box::new(after.clone()))));
        let facts = vec![
            entry(1, Fact::Reading(Box::new(before))),
            entry(2, context(Some(after.reading.id))),
            entry(3, context(None)),
        ];
        // The registry has no such site: a reading without a township.
        let mut townships = Townships::from([(after.reading.site, String::new())]);
        let (lines, unwritable) = encode(store.as_ref(), facts, &mut townships).unwrap();
        let points: Vec<_> =
            lines.iter().map(|line| line::tests::parse(&line.text).unwrap()).collect();
        let meals: Vec<_> = points.iter().map(|point| point.fields["meal"]).collect();
        assert_eq!((meals, unwritable), (vec![0.0, 1.0], vec![]));
        assert_eq!(points[0].series(), points[1].series(), "one point");
    }
}
