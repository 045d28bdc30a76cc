//! A bench without script: who sits there, what was measured, what rings, and a button for each thing
//! that can be done about it. The page comes anew by itself, so that nobody has to touch it to be
//! called; values are typed on a page of their own, which does not.

mod print;
mod search;
mod typed;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};

use self::words::{BenchWords, words};
use super::{
    marks::{Card, Shown, card, shown},
    page::{Guest, Lang, Page, Refused, clock_time},
};
use crate::{
    domain::{BenchId, OpenedBy, PersonEvent, SiteId},
    serve::{
        answers,
        api::happened,
        describe::{self, Describer},
        refusal::Refusal,
        scope::Right,
        secret,
        shared::Shared,
        wire,
    },
};

use self::print::PrinterShown;
pub(in crate::serve) use self::print::print;
pub(in crate::serve) use search::{hold, page as card_page};
pub(in crate::serve) use typed::{keep, page as type_page};

/// A bench is looked at anew so often.
const REFRESH_SECONDS: u32 = 5;

/// Somebody at the bench.
#[derive(Debug)]
struct Sitting {
    person: String,
    who: String,
    reached: bool,
    until: String,
    /// Who of the staff opened the session, where no reader did.
    opened_by: Option<String>,
}

/// A symptom's button.
#[derive(Debug)]
struct Symptom {
    code: String,
    name: String,
}

/// Something that rings.
#[derive(Debug)]
struct Ringing {
    card: Card,
    alert: String,
    reading: String,
    nobodys: bool,
    rest: String,
    again: String,
    symptoms: Vec<Symptom>,
    done: Vec<String>,
}

#[derive(Template)]
#[template(path = "bench.html")]
struct BenchPage {
    page: Page,
    b: &'static BenchWords,
    site: String,
    site_name: String,
    bench: String,
    sitting: Option<Sitting>,
    readings: Vec<Shown>,
    ringing: Vec<Ringing>,
    may_act: bool,
    key: String,
    printer: Option<PrinterShown>,
    /// Nothing that is measured now is kept.
    refusing: bool,
}

/// The names in the address. What is no name is no bench of ours.
fn names(site: &str, bench: &str) -> Result<(SiteId, BenchId), Refusal> {
    let names = (SiteId::new(site), BenchId::new(bench));
    let (Ok(site), Ok(bench)) = names else { return Err(Refusal::not_found()) };
    Ok((site, bench))
}

/// `GET /lite/bench/{site}/{bench}`
pub(in crate::serve) async fn bench(
    State(shared): State<Arc<Shared>>,
    lang: Lang,
    guest: Guest,
    Path((site, bench)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let caller = guest.0;
    caller.need(Right::ReadPeople)?;
    let (site, bench) = names(&site, &bench)?;
    let b = words(lang.english());
    let mut page = Page::new(&shared, lang, Some(&caller), b.bench);
    page.refresh_seconds = Some(REFRESH_SECONDS);
    let may_act = caller.reach.may(Right::SiteAct);
    let asked = (site.clone(), bench.clone());
    let found = shared.ask(move |shared| {
        let names = (&asked.0, &asked.1);
        let Some(found) = Describer::new(shared).bench(caller.scope(), names)? else {
            return Ok(None);
        };
        let printer = print::printer(shared, names, lang.english(), &found.readings)?;
        Ok(Some((found, printer)))
    });
    let (found, printer) = found.await?.ok_or(Refusal::not_found())?;
    let t = lang.words;
    let page = BenchPage {
        b,
        site_name: if found.site.is_empty() { site.to_string() } else { found.site },
        site: site.to_string(),
        bench: bench.to_string(),
        sitting: found.sitting.map(|sitting| sits(sitting, t.years)),
        readings: found.readings.iter().map(|reading| shown(reading, t)).collect(),
        ringing: found.ringing.iter().map(|it| rings(&shared, it, lang)).collect(),
        may_act,
        printer,
        refusing: shared.writable().is_err(),
        key: secret::text().map_err(|error| Refusal::broken(&error))?,
        page,
    };
    page.page.answer(&page)
}

fn sits(sitting: describe::Sitting, years: &str) -> Sitting {
    let reached = sitting.row.is_some();
    let who = sitting.row.map_or_else(
        || sitting.person.to_string(),
        |row| {
            let age = row.age.map(|age| format!("{age} {years}"));
            let parts = [Some(row.name), age, row.village, Some(row.person)];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
        },
    );
    let until = time_of_day(&sitting.until.to_string());
    let opened_by = match sitting.opened_by {
        OpenedBy::Staff(who) => Some(who.to_string()),
        OpenedBy::Reader(_) => None,
    };
    Sitting { person: sitting.person.to_string(), who, reached, until, opened_by }
}

fn rings(shared: &Shared, ringing: &describe::Ringing, lang: Lang) -> Ringing {
    let english = lang.english();
    let again = ringing.again.map(|(from, until)| {
        format!("{}–{}", time_of_day(&from.to_string()), time_of_day(&until.to_string()))
    });
    let named = |it: &wire::SymptomOffered| Symptom {
        code: it.code.clone(),
        name: if english { it.en.clone() } else { it.zh.clone() },
    };
    Ringing {
        card: card(&ringing.alert, lang.words),
        alert: ringing.alert.id.clone(),
        reading: ringing.reading.as_ref().map(|reading| reading.id.clone()).unwrap_or_default(),
        nobodys: ringing.nobodys,
        rest: words(english).rest.replace("{}", &ringing.rest_minutes().to_string()),
        again: again.unwrap_or_default(),
        symptoms: ringing.asked.iter().map(named).collect(),
        done: ringing.done.iter().map(|event| done(shared, event, english)).collect(),
    }
}

/// What was done, in a line.
fn done(shared: &Shared, event: &PersonEvent, english: bool) -> String {
    let what = super::people::site_act(shared, event, english).unwrap_or_default();
    format!("{} {what} · {}", time_of_day(&event.at.to_string()), event.author)
}

/// `09:10` of a time.
fn time_of_day(rfc3339: &str) -> String {
    clock_time(rfc3339).get(11..).unwrap_or_default().to_owned()
}

/// `POST /lite/bench/{site}/{bench}`
pub(in crate::serve) async fn act(
    State(shared): State<Arc<Shared>>,
    guest: Guest,
    Path((site, bench)): Path<(String, String)>,
    form: Result<Form<wire::BenchForm>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    guest.own_csrf(&form.csrf)?;
    let caller = guest.0;
    caller.need(Right::SiteAct)?;
    let (site, bench) = names(&site, &bench)?;
    let (act, symptom) = match form.act.split_once(':') {
        Some((act, symptom)) => (act, Some(symptom.to_owned())),
        None => (form.act.as_str(), None),
    };
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let asked = wire::SiteActAsked {
        site: site.to_string(),
        bench: Some(bench.to_string()),
        act: act.to_owned(),
        symptoms: symptom.into_iter().collect(),
        reading: said(&form.reading),
        alert: said(&form.alert),
        note: said(&form.note),
        ..wire::SiteActAsked::default()
    };
    // A second press of the same button on the same page is the same act.
    let route = format!("form site-act {} {} {}", form.person, form.act, form.reading);
    let key = said(&form.key);
    let principal = caller.principal();
    let request = key.map(|key| answers::request(&key, &principal, &route, b""));
    happened::act_at_site(&shared, &caller, form.person, asked, request).await?;
    Ok(Redirect::to(&format!("/lite/bench/{site}/{bench}")).into_response())
}
