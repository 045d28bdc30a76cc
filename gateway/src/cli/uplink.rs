//! The line to the gateway above: what it is made of, and what is said where it cannot be.

use std::sync::Arc;

use super::{Failure, configure, pieces::Core};
use crate::{
    config::{Config, Uplink},
    supervise::Supervisor,
    uplink::follower::{self, Follower},
};

/// Hands everything to the gateway above, where one is configured or this box was enrolled.
pub(super) fn start(
    config: &Config,
    core: &Arc<Core>,
    supervisor: &Supervisor,
) -> Result<(), Failure> {
    let (folder, said) = (&config.store.dir, config.uplink.as_ref());
    let by_hand = said.is_some_and(|uplink| uplink.by_hand.is_some());
    let enrolled = if by_hand {
        None
    } else {
        match configure::enrolled(folder, (core.reader.as_ref(), &core.key)) {
            Ok(enrolled) => enrolled,
            Err(why) => {
                cannot_hand_up(core, said.map_or("?", |uplink| &uplink.to), &why);
                return Ok(());
            }
        }
    };
    let by_code = || enrolled.as_ref().map(|enrolled| Uplink::enrolled(&enrolled.now().to));
    let Some(uplink) = said.cloned().or_else(by_code) else { return Ok(()) };
    let line = configure::line_up(&uplink, enrolled.as_ref(), (core.reader.as_ref(), &core.key));
    let (line, above) = match line {
        Ok(made) => made,
        Err(why) if said.is_none() => {
            cannot_hand_up(core, &uplink.to, &why);
            return Ok(());
        }
        Err(why) => return Err(Failure::Configuration(why)),
    };
    let log = follower::Log {
        reader: Arc::clone(&core.reader),
        inlet: core.writer.inlet.clone(),
        commits: core.writer.committed.clone(),
        key: Arc::clone(&core.key),
        clock: core.clock.clone(),
        status: Arc::clone(core.upper.status()),
    };
    let settings =
        follower::Settings { to: uplink.to, above, folder: config.store.dir.clone(), enrolled };
    let follower = Follower::new(log, settings, line)?;
    supervisor.spawn("uplink", follower.run(supervisor.stopping()));
    Ok(())
}

/// What this box was enrolled with is damaged: it must still measure, judge and warn.
fn cannot_hand_up(core: &Core, to: &str, why: &str) {
    tracing::error!("{}", configure::damaged(why));
    core.upper.status().damaged(to, core.clock.now());
}
