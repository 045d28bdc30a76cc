//! The connections of a day: one a site, and one for every device that has its own.

use std::collections::BTreeMap;

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{Door, VAN, World};
use crate::{
    ledger::{Ledger, Wire},
    mqtt::{self, Access, Letter, Version},
};

/// Starts a carrier for every connection that an actor uses.
pub(super) fn connect(
    world: &World,
    door: &Door,
    halted: &watch::Receiver<bool>,
    carriers: &mut JoinSet<()>,
) -> BTreeMap<&'static str, mpsc::Sender<Letter>> {
    let mut mail = BTreeMap::new();
    let connections = world.actors.iter().filter_map(|actor| Some((actor.connection?, actor.site)));
    for (client, site) in connections {
        mail.entry(client).or_insert_with(|| {
            let (sender, mailbox) = mpsc::channel(mqtt::MAILBOX);
            let is_site = client == site;
            if is_site {
                say_hello(site, &sender, &world.ledger);
            }
            let access = Access {
                address: door.mqtt,
                version: if client == VAN { Version::V311 } else { version_of(client) },
                client: client.to_owned(),
                password: door.password.clone(),
                will: is_site.then(|| (state_topic(site), br#"{"online":false}"#.to_vec())),
                window: mqtt::WINDOW,
            };
            let (ledger, mut halted) = (world.ledger.clone(), halted.clone());
            carriers.spawn(async move {
                // An error means that the world is gone.
                let stop = async { drop(halted.wait_for(|halted| *halted).await) };
                drop(mqtt::carry(access, mailbox, ledger, stop).await);
            });
            sender
        });
    }
    mail
}

/// Both versions are spoken in every world.
fn version_of(client: &str) -> Version {
    if client.len().is_multiple_of(2) || client.ends_with("XP") {
        Version::V311
    } else {
        Version::V5
    }
}

fn state_topic(site: &str) -> String {
    format!("xz/1/{site}/state")
}

fn say_hello(site: &str, mail: &mpsc::Sender<Letter>, ledger: &Ledger) {
    let payload = br#"{"online":true}"#.to_vec();
    let entry = ledger.offer(Wire::Mqtt, site, "state", &payload);
    // The mailbox is new and empty: it takes one letter.
    drop(mail.try_send(Letter { entry, topic: state_topic(site), payload }));
}
