/** Why an alert exists: its reasons with line and pack, its reading, who has it, and what happened since. */
import { Fragment, type JSX } from 'preact'
import type { Act, Alert } from '../contract'
import { inLanguage, words } from '../i18n/language'
import { AckButton, Deadline, mayReadPeople, measuredText, nextText, Value, Who } from '../parts/alert'
import { LevelName } from '../parts/shape'
import { get } from '../state/api'
import { alerts, now } from '../state/live'
import { useLoaded } from '../state/loaded'
import { toPerson } from '../state/route'
import { moment } from '../state/time'

interface DetailProps { id: string; heading?: 1 | 2; acting?: boolean }

export function AlertScreen({ id }: { id: string }): JSX.Element {
  return <div class="detail-screen"><AlertDetail id={id} /></div>
}

/** The live alert, if the page knows it, with the history that only the single answer carries. */
export function AlertDetail({ id, heading = 1, acting = true }: DetailProps): JSX.Element {
  const w = words.value
  const live = alerts.value.get(id)
  const loaded = useLoaded(`${id}:${live?.commit ?? 0}`, () => get<Alert>(`/alerts/${encodeURIComponent(id)}`))
  const fetched = loaded.value.state === 'ready' ? loaded.value.value : null
  const alert = live && (!fetched || live.commit > fetched.commit) ? live : fetched
  if (!alert) {
    return <p class="empty" role="status">{loaded.value.state === 'failed' ? w.failed(loaded.value.why) : w.loading}</p>
  }
  const Heading = heading === 1 ? 'h1' : 'h2'
  const Under = heading === 1 ? 'h2' : 'h3'
  return (
    <div class="detail">
      <header class={`card detail-head l-${alert.level}`}>
        <div class="card-top"><LevelName level={alert.level} size={28} /><Deadline alert={alert} /></div>
        <Heading class="detail-title">{inLanguage({ zh: alert.concept_zh, en: alert.concept_en })}</Heading>
        <p>{mayReadPeople() ? <a class="who-link" href={toPerson(alert.person)}><Who alert={alert} /></a> : <Who alert={alert} />}</p>
        {alert.reading && <p class="card-value"><Value reading={alert.reading} /><span class="muted">{measuredText(alert, now.value)}</span></p>}
        <p class="muted">{nextText(alert, now.value)}</p>
        {acting && (
          <div class="actions">
            {alert.phone && <a class="button" href={`tel:${alert.phone}`}>{w.call}</a>}
            {mayReadPeople() && <a class="button" href={toPerson(alert.person)}>{w.open_person}</a>}
            <AckButton card={[alert]} />
          </div>
        )}
      </header>
      <section class="card">
        <Under>{w.reason}</Under>
        <ol class="reasons">
          {alert.reasons.map((reason) => (
            <li key={reason.line + reason.zh}><b>{inLanguage(reason)}</b><span class="muted">{w.rule(reason.line, alert.pack)}</span></li>
          ))}
        </ol>
      </section>
      <section class="card"><Under>{w.history}</Under><History acts={fetched?.history ?? alert.history ?? []} /></section>
      <Facts alert={alert} />
    </div>
  )
}

function Facts({ alert }: { alert: Alert }): JSX.Element {
  const w = words.value
  const when = (iso: string | null): string => (iso ? moment(iso, now.value) : '–')
  const rows: [string, string][] = [
    [w.facts.case, alert.case], [w.facts.state, w.state[alert.state]], [w.facts.opened, when(alert.alert_at)],
    [w.facts.known, when(alert.opened_at)], [w.facts.deadline, when(alert.deadline)],
    [w.facts.owner, alert.owner_name ?? alert.owner ?? w.nobody], [w.facts.step, w.step[alert.step]], [w.facts.pack, alert.pack],
  ]
  return (
    <dl class="card facts">
      {rows.map(([name, value]) => <Fragment key={name}><dt>{name}</dt><dd>{value}</dd></Fragment>)}
    </dl>
  )
}

function History({ acts }: { acts: readonly Act[] }): JSX.Element {
  const w = words.value
  if (acts.length === 0) return <p class="muted">{w.history_empty}</p>
  return (
    <ol class="timeline">
      {acts.map((act, index) => (
        <li key={`${act.at}${act.kind}${index}`}>
          <time dateTime={act.at}>{moment(act.at, now.value)}</time>
          <span>
            <b>{w.history_kind[act.kind] ?? act.kind}</b>
            {act.by && <span> {w.by(act.by)}</span>}
            {act.to && <span> → {act.to}</span>}
            {act.note && <span class="note">{act.note}</span>}
          </span>
        </li>
      ))}
    </ol>
  )
}
