//! Who looked at whom: for auditors.

use std::sync::Arc;

use axum::{Json, extract::State};

use crate::{
    audit,
    domain::Timestamp,
    serve::{
        caller::Caller,
        extract::{Asked, instant, paging},
        refusal::Refusal,
        scope::Right,
        shared::Shared,
        trail, wire,
    },
};

/// The log of who looked at whom, newest first. What it says of a person is an export of its own.
#[utoipa::path(get, path = "/api/v1/audit", tag = "operation", params(wire::AuditAsked),
    responses((status = 200, body = wire::List<wire::AuditLine>)),
    extensions(("x-right" = json!("read_audit"))))]
pub(in crate::serve) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Asked(asked): Asked<wire::AuditAsked>,
) -> Result<Json<wire::List<wire::AuditLine>>, Refusal> {
    caller.need(Right::ReadAudit)?;
    lines(&shared, asked).await
}

/// `GET /admin/audit`
pub(in crate::serve) async fn list_at_door(
    State(shared): State<Arc<Shared>>,
    Asked(asked): Asked<wire::AuditAsked>,
) -> Result<Json<wire::List<wire::AuditLine>>, Refusal> {
    lines(&shared, asked).await
}

async fn lines(
    shared: &Arc<Shared>,
    asked: wire::AuditAsked,
) -> Result<Json<wire::List<wire::AuditLine>>, Refusal> {
    trail::is(audit::Kind::Export);
    let paging = paging(asked.limit, asked.after)?;
    let before = paging.after.map(|after| after.parse::<u64>()).transpose();
    let before = before.map_err(|_not_ours| Refusal::bad("after: not a cursor of ours"))?;
    let day = |name, text: Option<String>| instant(name, text.map(of_day).as_deref());
    let asked = audit::Asked {
        person: asked.person.map(Into::into),
        who: asked.who.map(Into::into),
        kind: asked.kind,
        from: day("from", asked.from)?,
        until: day("until", asked.until)?,
        before,
        limit: paging.limit,
    };
    let dir = shared.audit.dir().to_owned();
    let read = tokio::task::spawn_blocking(move || audit::read(&dir, &asked)).await;
    let found = read.map_err(|error| Refusal::broken(&error))?;
    let found = found.map_err(|error| Refusal::broken(&error))?;
    let items = found.lines.into_iter().map(line).collect();
    Ok(Json(wire::List { items, next: found.next.map(|next| next.to_string()) }))
}

/// A day stands for its first instant on the clocks of China.
fn of_day(text: String) -> String {
    if text.len() == "2026-03-02".len() { format!("{text}T00:00:00+08:00") } else { text }
}

fn line(line: audit::Line) -> wire::AuditLine {
    let filled = |text: smol_str::SmolStr| (!text.is_empty()).then(|| text.to_string());
    let at: Timestamp = line.at;
    wire::AuditLine {
        record: line.n,
        at: at.to_string(),
        kind: line.kind,
        role: filled(line.role),
        who: filled(line.who),
        via: filled(line.via),
        act: filled(line.act),
        object: filled(line.object),
        people: line.whom.iter().map(ToString::to_string).collect(),
        outcome: line.outcome,
    }
}
