/** An alert in words: who, what, why, until when, who is next. Used by the card, the board and the explanation. */
import type { JSX } from 'preact'
import type { Alert, Reading, Step } from '../contract'
import { inLanguage, words } from '../i18n/language'
import { acks, retry, take, undo } from '../state/acks'
import { isOverdue, me, now } from '../state/live'
import { minutesTo, moment } from '../state/time'
import { valueText } from '../state/units'

const STEPS: readonly Step[] = ['village', 'township', 'county', 'city']

export const mayAck = (): boolean => me.value?.rights.includes('ack') ?? false
export const mayReadPeople = (): boolean => me.value?.rights.includes('read_people') ?? false

/** The deadline in words; an overdue one is red and says so. */
export function Deadline({ alert }: { alert: Alert }): JSX.Element | null {
  const w = words.value
  if (!alert.deadline) return <span class="due">{w.state[alert.state]}</span>
  const minutes = minutesTo(alert.deadline, now.value)
  if (isOverdue(alert, now.value)) return <b class="due overdue">{w.over(w.span(Math.max(0, -minutes)))}</b>
  if (alert.state === 'open') return <b class="due">{w.left(w.span(Math.max(1, minutes)))}</b>
  return <span class="due">{w.visit_by(moment(alert.deadline, now.value))}</span>
}

export function Value({ reading, unit = true }: { reading: Reading; unit?: boolean }): JSX.Element {
  const rejected = reading.status === 'rejected'
  const text = <span class="number">{valueText(reading)}</span>
  return (
    <span class="value">
      {rejected ? <del>{text}</del> : text}
      {unit && <small> {reading.unit}</small>}
    </span>
  )
}

export function Who({ alert }: { alert: Alert }): JSX.Element {
  const w = words.value
  const facts = [
    alert.sex && w.sex[alert.sex], alert.age !== null && w.age(alert.age), alert.village,
  ].filter(Boolean)
  return (
    <span class="who-line">
      <b>{alert.person_name ?? alert.case}</b>
      {facts.length > 0 && <span> · {facts.join(' · ')}</span>}
    </span>
  )
}

/** When and where the reading was taken; one that came late says how late. */
export function measuredText(alert: Alert, at: number): string {
  const w = words.value
  const reading = alert.reading
  if (!reading) return ''
  const when = alert.late ? w.late(w.span(-minutesTo(reading.measured_at, at))) : w.measured(moment(reading.measured_at, at))
  return [when, reading.site, reading.setting && reading.setting !== 'any' ? w.setting[reading.setting] : null]
    .filter(Boolean).join(' · ')
}

/** Who has it, and who gets it next and when. */
export function nextText(alert: Alert, at: number): string {
  const w = words.value
  if (alert.state !== 'open') {
    return alert.acknowledged_by && alert.acknowledged_at
      ? w.taken_by(alert.owner_name ?? alert.acknowledged_by, moment(alert.acknowledged_at, at))
      : w.state[alert.state]
  }
  const owner = alert.owner_name ?? alert.owner
  const next = STEPS[STEPS.indexOf(alert.step) + 1]
  const who = owner ? w.owner(owner) : w.nobody
  if (!alert.next_step_at || !next) return who
  const minutes = minutesTo(alert.next_step_at, at)
  return `${who} · ${minutes > 0 ? w.next_step(w.span(Math.max(1, minutes)), w.step[next]) : w.next_step_now(w.step[next])}`
}

export const reasonText = (alert: Alert): string =>
  alert.reasons[0] ? inLanguage(alert.reasons[0]) : inLanguage({ zh: alert.concept_zh, en: alert.concept_en })

/** One tap, five seconds to undo, then the state of the sending until the gateway has it. */
export function AckButton({ card }: { card: readonly Alert[] }): JSX.Element | null {
  const w = words.value
  const ids = card.filter((alert) => alert.state === 'open' || acks.value.has(alert.id)).map((alert) => alert.id)
  const known = ids.map((id) => acks.value.get(id)).filter((ack) => ack !== undefined)
  if (!mayAck() || ids.length === 0) return null
  const ack = known.find((entry) => entry.phase === 'refused') ?? known.find((entry) => entry.phase === 'waiting') ?? known[0]
  if (!ack) {
    return (
      <button type="button" class="button primary" onClick={() => take(ids)}>
        {ids.length > 1 ? w.take_many(ids.length) : w.take}
      </button>
    )
  }
  if (ack.phase === 'undo') {
    return (
      <span class="ack ack-undo" role="status">
        <span>{w.undo_hint}</span>
        <button type="button" class="button" onClick={() => undo(ids)}>{w.undo}</button>
        <i class="fuse" aria-hidden="true" />
      </span>
    )
  }
  if (ack.phase === 'sending') return <span class="ack" role="status">{w.sending}</span>
  return (
    <span class="ack ack-waiting" role="status">
      <span><b>{ack.phase === 'refused' ? w.refused_ack(ack.why ? inLanguage(ack.why) : '') : w.waiting_upload}</b></span>
      <button type="button" class="button" onClick={() => retry(ids)}>{w.retry}</button>
    </span>
  )
}
