//! Two files of one person on its page: what counts as what, with the buttons to say so and to take
//! it back.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State, rejection::FormRejection},
    response::{IntoResponse, Redirect, Response},
};

use super::page::{Guest, Refused};
use crate::serve::{
    answers,
    api::{decide::hand_over, merge},
    refusal::Refusal,
    scope::Right,
    secret,
    shared::Shared,
    wire,
};

/// One thing that is said of the person's files, and what can be done about it.
#[derive(Debug)]
pub(super) struct File {
    pub(super) says: String,
    /// The file that this one may be merged into.
    pub(super) other: Option<String>,
    /// The merge that may be taken back.
    pub(super) merge: Option<String>,
    /// Makes a second press of the same button the same act.
    pub(super) key: String,
}

/// What is said of the person's files.
pub(super) fn files(person: &wire::Person, english: bool) -> Result<Vec<File>, Refusal> {
    let stands: Vec<_> = person.merges.iter().filter(|merge| merge.undone.is_none()).collect();
    let mut said = Vec::new();
    if let Some(into) = &person.merged_into {
        let words = if english {
            format!("This file counts as {into}: look there")
        } else {
            format!("本档案已并入{into}，请看保留的档案")
        };
        let merge = stands.iter().find(|merge| merge.person == person.person);
        said.push((words, None, merge.map(|merge| merge.id.clone())));
    }
    for merge in stands.iter().filter(|merge| merge.into == person.person) {
        let file = &merge.person;
        let words = if english {
            format!("{file} counts as this file")
        } else {
            format!("{file}已并入本档案")
        };
        said.push((words, None, Some(merge.id.clone())));
    }
    for other in &person.same_as {
        let why = other.evidence.iter().map(|it| if english { it.en.as_str() } else { &it.zh });
        let (who, why) = (&other.person, why.collect::<String>());
        let words = if english {
            format!("Perhaps the same as {who}: {why}")
        } else {
            format!("可能与{who}是同一人：{why}")
        };
        said.push((words, Some(who.clone()), None));
    }
    let with_key = |(says, other, merge)| Ok(File { says, other, merge, key: key()? });
    said.into_iter().map(with_key).collect()
}

/// A key for one form.
pub(super) fn key() -> Result<String, Refusal> {
    secret::text().map_err(|error| Refusal::broken(&error))
}

/// `POST /lite/people/{id}`
pub(in crate::serve) async fn decide(
    State(shared): State<Arc<Shared>>,
    guest: Guest,
    Path(id): Path<String>,
    form: Result<Form<wire::FormSent>, FormRejection>,
) -> Result<Response, Refused> {
    let Form(form) = form.map_err(|error| Refusal::bad(error.body_text()))?;
    guest.own_form(&form)?;
    let caller = guest.0;
    caller.need(Right::Decide)?;
    let person = merge::own_file(&shared, &caller, &id).await?;
    let other = form.other.trim();
    let wish = match form.act.as_str() {
        "merge" => merge::merging(&shared, &caller, (person, other)).await?,
        "unmerge" => merge::unmerging(&shared, &caller, other).await?.1,
        act => return Err(Refusal::bad(format!("act: {act:?} is none")).into()),
    };
    let route = format!("form {} {id} {other}", form.act);
    let key = Some(form.key.as_str()).filter(|key| !key.is_empty());
    let principal = caller.principal();
    let request = key.map(|key| answers::request(key, &principal, &route, form.note.as_bytes()));
    hand_over(&shared, &caller, (wish, form.note), request).await?;
    Ok(Redirect::to(&format!("/lite/people/{id}")).into_response())
}
