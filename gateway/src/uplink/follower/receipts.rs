//! Receipts with the gateway above (promise P8): it is told ours, says its own, and where they differ is
//! asked for the first record that does. What it says is on disk before anything is shown of it.
//!
//! What goes up comes first: days are asked about when nothing waits. One question alone goes before, to a
//! gateway above that was brought back from a copy, so that the days that it lost are red until they are
//! filled again.

use tokio::time::{Duration, sleep};
use tracing::{debug, info};

use super::{
    answer::Trouble,
    days::{self, SiteDay},
    run::Follower,
};
use crate::{
    receipt::{Day, Part, Receipt, Statement, Verdict, compare},
    store::{CommitSeq, NeighbourSaid, ReceiptDiffers, ReceiptSaid},
    uplink::{
        batch::{
            Code, EnvelopeError, Found, Message, PAGE, PartAsked, ReceiptsAsked, ReceiptsSaid, Told,
        },
        red,
    },
};

/// A gateway above that knows no receipts is asked again after so long: it may have been upgraded.
const WITHOUT: Duration = Duration::from_secs(3600);

/// After whatever else keeps receipts from being compared. Nothing else waits for it.
const REST: Duration = Duration::from_secs(600);

/// Between two counts of days: they are counted beside what is measured.
const BREATH: Duration = Duration::from_millis(50);

impl Follower {
    /// What must be looked at before more goes up.
    pub(super) async fn look_back(&mut self) -> Result<(), Trouble> {
        let Some(above) = self.above.clone() else { return Ok(()) };
        if !self.days.is_mute() {
            let begun = self.begin(&above).await;
            self.rested(begun)?;
        }
        self.give_back().await
    }

    async fn begin(&mut self, above: &Told) -> Result<(), Trouble> {
        let now = self.log.clock.now();
        if !self.days.begins(above, now) {
            return Ok(());
        }
        let told = above.clone();
        let (listed, held) = self
            .ask(move |reader| {
                Ok((days::list(reader, &told, Day::of(now))?, reader.watermark(&told.by)?))
            })
            .await?;
        self.again.must_wait(held, above.epoch);
        // Also those that are by now what the gateway above said: it may not know that.
        let red = self.log.status.days(|days| days.red_with(&above.by));
        self.days.open.extend(red);
        if self.days.begin(above, listed) {
            info!("the gateway above began anew; asking what it holds");
            self.ask_page(above).await?;
        }
        info!(days = self.days.left(), "comparing receipts with the gateway above");
        self.show();
        Ok(())
    }

    /// Looks at receipts, when nothing waits to go up. Whether there is more to look at.
    pub(super) async fn receipts(&mut self, last: CommitSeq) -> Result<bool, Trouble> {
        let Some(above) = self.above.clone() else { return Ok(false) };
        if self.days.is_mute() {
            return Ok(false);
        }
        let more = self.next_step(&above, last).await;
        self.show();
        self.rested(more).map(|more| more.unwrap_or(false))
    }

    /// Receipts are left alone for a while after trouble that is not the line's.
    fn rested<T>(&mut self, done: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
        match done {
            Ok(done) => Ok(Some(done)),
            Err(Trouble::Refused { code: Code::TooNew, .. }) => {
                info!("the gateway above is of a version that says no receipts");
                self.days.mute(WITHOUT);
                self.log.status.change_up(|up| up.without_receipts = true);
                Ok(None)
            }
            Err(Trouble::Line(line)) => Err(Trouble::Line(line)),
            Err(other) => {
                self.days.mute(REST);
                Err(other)
            }
        }
    }

    fn show(&self) {
        let left = self.days.left();
        self.log.status.change_up(|up| up.unchecked = left);
    }

    async fn next_step(&mut self, above: &Told, last: CommitSeq) -> Result<bool, Trouble> {
        if let Some(after) = self.days.next_to_follow(last) {
            self.follow(above, after).await?;
        }
        self.days.open_red();
        let days = self.days.next_to_check();
        if !days.is_empty() {
            let told = above.clone();
            let open = self.ask(move |reader| days::not_equal(reader, &told, days)).await?;
            self.days.open.extend(open);
            sleep(BREATH).await;
        }
        let asks = !self.days.open.is_empty()
            || !self.days.questions.is_empty()
            || !self.days.found.is_empty();
        if asks {
            self.ask_page(above).await?;
        }
        let more = self.days.left() > 0 || !self.days.found.is_empty();
        if !more && std::mem::take(&mut self.days.comparing) {
            let (red, differ) = self.log.status.days(|days| (days.red(), days.differs().len()));
            info!(red, differ, "receipts were compared with the gateway above");
        }
        Ok(more)
    }

    /// Looks which days changed since.
    async fn follow(&mut self, above: &Told, after: CommitSeq) -> Result<(), Trouble> {
        let (told, today) = (above.clone(), Day::of(self.log.clock.now()));
        let looked = self.ask(move |reader| {
            let (changed, upto, more) = days::changed(reader, after, today)?;
            let open = days::not_equal(reader, &told, changed.iter().cloned())?;
            Ok((changed, open, upto, more))
        });
        let (changed, open, upto, more) = looked.await?;
        self.days.changed(&changed);
        self.days.open.extend(open);
        self.days.followed(upto, more);
        Ok(())
    }

    /// One question and its answer: a page of days, and of questions about days that differ.
    async fn ask_page(&mut self, above: &Told) -> Result<(), Trouble> {
        let (page, parts) = (self.days.page(), self.days.parts());
        let found: Vec<Found> = self.days.found.iter().take(PAGE).cloned().collect();
        let told_of = found.len();
        let names = page.clone();
        let counted = self.ask(move |reader| {
            let upto = reader.last()?;
            let log = |(day, site): &SiteDay| reader.day_log(site, *day);
            let ours: Result<Vec<Receipt>, _> =
                names.iter().map(|name| log(name).map(|log| log.receipt())).collect();
            Ok((upto, ours?))
        });
        let (upto, ours) = counted.await?;
        let told = self.next_told();
        let nonce = told.nonce;
        let days = ours.clone();
        let asked = ReceiptsAsked { told, upto: upto.0, days, parts: parts.clone(), found };
        let answers = self.exchange(&Message::Receipts(asked), nonce).await?;
        let said = answers.into_iter().find_map(|answer| {
            if let Message::Receipted(said) = answer { Some(said) } else { None }
        });
        let said = said.ok_or(Trouble::Stale)?;
        self.days.found.drain(..told_of);
        self.log.status.change_up(|up| up.without_receipts = false);
        for day in &page {
            self.days.open.remove(day);
        }
        for asked in &parts {
            self.days.questions.remove(&(asked.day, asked.site.clone()));
        }
        self.enter_said(above, &ours, &said).await?;
        let statements =
            said.parts.into_iter().filter(|it| parts.iter().any(|asked| answers_to(asked, it)));
        self.compare(above, statements.collect()).await
    }

    /// Keeps what the gateway above says of days that it was asked about.
    async fn enter_said(
        &mut self,
        above: &Told,
        ours: &[Receipt],
        said: &ReceiptsSaid,
    ) -> Result<(), Trouble> {
        let now = self.log.clock.now();
        let mut keep = Vec::new();
        for day in &said.days {
            let own = ours.iter().find(|own| own.site == day.site && own.day == day.day);
            let own = own.ok_or(Trouble::Stale)?;
            let receipt = day.receipt(own).ok_or_else(two_things)?;
            let said = ReceiptSaid {
                receipt,
                by: above.by.as_str().into(),
                key: self.settings.above.to_string(),
                epoch: said.told.epoch,
                upto: CommitSeq(said.upto),
                said_at: now,
                at: now,
            };
            let name = (own.day, own.site.clone());
            self.days.told(&name, said.receipt.hash == own.hash);
            let agreed = self.log.status.days(|days| days.said(&said, own));
            if self.days.comparing && said.receipt.hash != own.hash {
                self.days.questions.insert(name, Part::Day);
            }
            keep.push(NeighbourSaid::Receipt(said));
            keep.extend(agreed.map(NeighbourSaid::Differs));
        }
        Ok(red::keep(&self.log.inlet, keep).await?)
    }

    /// Compares what the gateway above holds of parts of days with what is held here.
    async fn compare(&mut self, above: &Told, all: Vec<Statement>) -> Result<(), Trouble> {
        if all.is_empty() {
            return Ok(());
        }
        let compared = self.ask(move |reader| {
            let log = |it: &Statement| reader.day_log(&it.site, it.day);
            let one = |it: Statement| log(&it).map(|log| (compare(&log, &it), it));
            all.into_iter().map(one).collect::<Result<Vec<_>, _>>()
        });
        let compared = compared.await?;
        let now = self.log.clock.now();
        let mut keep = Vec::new();
        for (verdict, Statement { site, day, .. }) in compared {
            match verdict {
                Verdict::Ask(next) => drop(self.days.questions.insert((day, site), next)),
                Verdict::Differs(first) => {
                    let (found, by) = (first.clone(), above.by.as_str().into());
                    let differs =
                        ReceiptDiffers { site: site.clone(), day, by, first: Some(found), at: now };
                    self.log.status.days(|days| days.found(&differs));
                    keep.push(NeighbourSaid::Differs(differs));
                    self.days.found.push(Found { site, day, first });
                }
                // Something came meanwhile; the day is asked about again.
                Verdict::Equal | Verdict::Senseless => {
                    debug!(%site, %day, "a day changed while it was compared");
                }
            }
        }
        Ok(red::keep(&self.log.inlet, keep).await?)
    }
}

fn answers_to(asked: &PartAsked, it: &Statement) -> bool {
    asked.site == it.site && asked.day == it.day && asked.part == it.part
}

fn two_things() -> Trouble {
    let why = "a day is said to be equal under another hash".to_owned();
    Trouble::Unbelieved(EnvelopeError { code: Code::Malformed, why })
}
