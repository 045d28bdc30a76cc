//! Indicators within a scope.

use crate::{
    assess,
    serve::{indicators::Counted, wire},
    store::view::Scope,
};

/// The months from one through another that are kept; without them the newest one.
pub(in crate::serve) fn indicators(
    counted: Option<&Counted>,
    scope: &Scope,
    place: Option<&str>,
    (from, to): (Option<&str>, Option<&str>),
) -> wire::Indicators {
    let own = if let Scope::Place(own) = scope { own.as_str() } else { "" };
    let mut told = wire::Indicators {
        as_of: counted.map(|counted| counted.as_of.to_string()),
        place: place.unwrap_or(own).to_owned(),
        months: Vec::new(),
    };
    let Some(counted) = counted else { return told };
    let newest = counted.months.last().map(|month| month.month.as_str());
    let to = to.or(newest).unwrap_or_default();
    let from = from.unwrap_or(to);
    let asked = counted.months.iter().filter(|it| (from..=to).contains(&it.month.as_str()));
    told.months = asked
        .map(|month| {
            let sum = counted.of(month, scope, place);
            let [controlled, uncontrolled, no_visit, lost_to_follow_up, newly_registered, dead] =
                sum.categories;
            wire::IndicatorMonth {
                month: month.month.clone(),
                end: month.end.to_string(),
                contracted: share(sum.contracted),
                hypertension_managed: share(sum.managed_pressure),
                diabetes_managed: share(sum.managed_glucose),
                blood_pressure_controlled: share(sum.pressure_controlled),
                glucose_controlled: share(sum.glucose_controlled),
                hearts_controlled: share(sum.hearts_controlled()),
                hearts: wire::Categories {
                    controlled,
                    uncontrolled,
                    no_visit,
                    lost_to_follow_up,
                    newly_registered,
                    dead,
                    unknown: sum.unregistered,
                },
            }
        })
        .collect();
    told
}

fn share(share: assess::Share) -> wire::Share {
    let assess::Share { numerator, denominator, excluded } = share;
    let per_mille = numerator.saturating_mul(1000).checked_div(denominator);
    wire::Share { numerator, denominator, excluded, per_mille }
}
