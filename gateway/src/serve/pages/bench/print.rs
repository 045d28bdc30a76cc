//! The printer of a bench: how it is, and a slip once more.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};

use super::{
    super::page::{Guest, Refused},
    names,
};
use crate::{
    domain::{BenchId, PersonId, SiteId},
    serve::{
        caller::Caller,
        describe::{Describer, SlipAsked, slip_since},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        wire,
    },
    slip::PrinterState,
    store::{RegistryKey, StoreError},
};

/// People for whom a slip is offered: those measured last.
const OFFERED: usize = 4;

/// What a page says of a printer.
#[derive(Debug)]
pub(super) struct PrinterShown {
    pub(super) title: &'static str,
    pub(super) word: &'static str,
    /// Somebody has to do something about it.
    pub(super) wrong: bool,
    pub(super) waiting: usize,
    pub(super) button: &'static str,
    /// Their number and their name.
    pub(super) people: Vec<(String, String)>,
}

const fn word(state: PrinterState, english: bool) -> (&'static str, bool) {
    let (zh, en, wrong) = match state {
        PrinterState::Unknown => ("正在检查", "being looked at", false),
        PrinterState::Ready => ("正常", "ready", false),
        PrinterState::Printing => ("正在打印", "printing", false),
        PrinterState::NoPaper => (
            "缺纸：请换纸，排队的会自动打印",
            "no paper: put a new roll in, what waits prints by itself",
            true,
        ),
        PrinterState::CoverOpen => ("机盖未合", "its cover is open", true),
        PrinterState::Fault => ("故障", "it reports a fault", true),
        PrinterState::Unplugged => ("未连接", "not connected", true),
    };
    (if english { en } else { zh }, wrong)
}

/// The printer of a bench, if it has one, with those who may want a slip of it.
pub(super) fn printer(
    shared: &Shared,
    (site, bench): (&SiteId, &BenchId),
    english: bool,
    measured: &[wire::Reading],
) -> Result<Option<PrinterShown>, StoreError> {
    let Some(printer) = shared.printers.get().and_then(|all| all.at(site, bench)) else {
        return Ok(None);
    };
    let mut people: Vec<(String, String)> = Vec::new();
    let mut describer = Describer::new(shared);
    for person in measured.iter().filter_map(|reading| reading.person.as_deref()) {
        let Ok(id) = PersonId::new(person) else { continue };
        if people.len() < OFFERED && !people.iter().any(|(known, _)| known == person) {
            let name = describer.person_row(&id)?.map(|row| row.name).unwrap_or_default();
            people.push((person.to_owned(), name));
        }
    }
    let (word, wrong) = word(printer.state(), english);
    Ok(Some(PrinterShown {
        title: if english { "Printer" } else { "打印机" },
        word,
        wrong,
        waiting: printer.waiting(),
        button: if english { "Print again" } else { "补打" },
        people,
    }))
}

/// `POST /lite/bench/{site}/{bench}/print`
pub(in crate::serve) async fn print(
    State(shared): State<Arc<Shared>>,
    guest: Guest,
    Path((site, bench)): Path<(String, String)>,
    form: Result<Form<wire::PrintForm>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    guest.own_csrf(&form.csrf)?;
    let caller = guest.0;
    caller.need(Right::SiteAct)?;
    let (site, bench) = names(&site, &bench)?;
    let printer = shared.printers.get().and_then(|all| all.at(&site, &bench).cloned());
    let printer = printer.ok_or(Refusal::not_found())?;
    let person = form.person.parse().map_err(|error| Refusal::bad(format!("person: {error}")))?;
    let asked = asked(&shared, &caller, person, site.clone());
    let names = (site.clone(), bench.clone());
    let slip = shared.ask(move |shared| {
        let (scope, mut describer) = (caller.scope(), Describer::new(shared));
        let key = RegistryKey::Person(asked.person.clone());
        let reached = shared.reader.registered(scope, &key)?.is_some()
            && describer.bench(scope, (&names.0, &names.1))?.is_some();
        if reached { describer.slip(&asked) } else { Ok(None) }
    });
    let slip = slip.await?.ok_or(Refusal::not_found())?;
    if printer.print(&slip).is_err() {
        return Err(Refusal::busy().into());
    }
    Ok(Redirect::to(&format!("/lite/bench/{site}/{bench}")).into_response())
}

fn asked(shared: &Shared, caller: &Caller, person: PersonId, site: SiteId) -> SlipAsked {
    let operator = caller.grant.author().to_owned();
    SlipAsked { person, site, since: slip_since(shared), operator, copy: true }
}
