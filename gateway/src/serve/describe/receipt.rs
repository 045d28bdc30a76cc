//! Receipts of sites' days, with what others say of them.

use std::collections::BTreeSet;

use crate::{
    domain::SiteId,
    receipt::{Day, Receipt, VillageReceipt, standing, standing_of},
    serve::{scope::View, wire},
    store::{Reader, ReceiptDiffers, ReceiptSaid, StoreError},
};

/// The receipts of a site from one day to another, both included, latest day first. What neither we nor
/// another holds anything of is left out, except where one day alone is asked for.
pub(in crate::serve) fn receipts(
    reader: &dyn Reader,
    view: View,
    site: &SiteId,
    (from, to): (Day, Day),
) -> Result<Vec<wire::Receipt>, StoreError> {
    let said = reader.receipts_said(site, (from, to))?;
    let differ = reader.receipts_differ()?;
    let days = (0..=to.since(from)).rev().map(|ago| from.plus(ago));
    let mut told = Vec::new();
    for day in days {
        let ours = reader.day_log(site, day)?.receipt();
        let theirs: Vec<_> = said.iter().filter(|said| said.receipt.day == day).collect();
        let nothing = |receipt: &Receipt| receipt.villages.is_empty();
        if from == to || !nothing(&ours) || !theirs.iter().all(|said| nothing(&said.receipt)) {
            let mut receipt = receipt(&ours, &theirs, view);
            for said in receipt.said.iter_mut().filter(|said| !said.equal) {
                let of = |it: &&ReceiptDiffers| {
                    it.site == *site && it.day == day && it.by == said.by.as_str()
                };
                said.first = differ.iter().find(of).and_then(first);
            }
            told.push(receipt);
        }
    }
    Ok(told)
}

/// One receipt. How many alerts a village's few people gave is for those who may see alerts.
fn receipt(ours: &Receipt, said: &[&ReceiptSaid], view: View) -> wire::Receipt {
    let theirs: Vec<&Receipt> = said.iter().map(|said| &said.receipt).collect();
    let clinical = matches!(view, View::Full | View::Households);
    let alerts = |of: &VillageReceipt| clinical.then_some(of.alerts);
    let names: BTreeSet<&str> = theirs
        .iter()
        .copied()
        .chain([ours])
        .flat_map(|receipt| receipt.villages.iter().map(|of| of.village.as_str()))
        .collect();
    let nothing = |village: &str| VillageReceipt {
        village: village.to_owned(),
        people: 0,
        readings: 0,
        alerts: 0,
        quarantined: 0,
        hash: crate::receipt::DayLog::new(ours.site.clone(), ours.day, Vec::new()).receipt().hash,
    };
    let village = |name: &str| {
        let held = ours.village(name);
        let others: Vec<_> = theirs.iter().map(|receipt| receipt.village(name)).collect();
        let state = standing_of(held, &others).as_str();
        let of = held.cloned().unwrap_or_else(|| nothing(name));
        wire::ReceiptOfVillage {
            state,
            people: of.people,
            readings: of.readings,
            alerts: alerts(&of),
            quarantined: of.quarantined,
            hash: of.hash.to_string(),
            village: of.village,
        }
    };
    let whole = ours.whole();
    wire::Receipt {
        site: ours.site.to_string(),
        day: ours.day.to_string(),
        state: standing(ours, &theirs).as_str(),
        people: whole.people,
        readings: whole.readings,
        alerts: alerts(&whole),
        quarantined: whole.quarantined,
        hash: whole.hash.to_string(),
        villages: names.into_iter().map(village).collect(),
        said: said.iter().map(|said| told(said, ours, clinical)).collect(),
    }
}

fn told(said: &ReceiptSaid, ours: &Receipt, clinical: bool) -> wire::ReceiptTold {
    let whole = said.receipt.whole();
    wire::ReceiptTold {
        by: said.by.to_string(),
        key: said.key.clone(),
        said_at: said.said_at.to_string(),
        at: said.at.to_string(),
        people: whole.people,
        readings: whole.readings,
        alerts: clinical.then_some(whole.alerts),
        quarantined: whole.quarantined,
        hash: whole.hash.to_string(),
        equal: said.receipt.hash == ours.hash,
        first: None,
    }
}

/// The first record that differs. Ids and hashes, no value.
pub(in crate::serve) fn first(found: &ReceiptDiffers) -> Option<wire::ReceiptFirst> {
    let first = found.first.as_ref()?;
    Some(wire::ReceiptFirst {
        village: first.village.clone(),
        kind: first.kind.as_str(),
        record: first.key.to_string(),
        lacks: match (&first.ours, &first.theirs) {
            (None, _) => "here",
            (Some(_), None) => "there",
            (Some(_), Some(_)) => "neither",
        },
        found_at: found.at.to_string(),
    })
}
