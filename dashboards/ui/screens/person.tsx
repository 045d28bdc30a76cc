/** A person: who, their open alerts, their readings drawn against their own lines, and what is known of them. */
import { useSignal, useSignalEffect } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { JSX } from 'preact'
import type { Person, Reading } from '../contract'
import { words } from '../i18n/language'
import { AckButton, Deadline, reasonText } from '../parts/alert'
import { Shape } from '../parts/shape'
import { ReadingsCard } from '../parts/readings'
import { get, getAll } from '../state/api'
import { now, openAlerts, readings as feed, snapshots } from '../state/live'
import { useLoaded } from '../state/loaded'
import { toAlert } from '../state/route'

const HALF_YEAR_MS = 183 * 86_400_000
/** 4 pages of 500: four readings a day for half a year are 730. */
const PAGE = 500
const PAGES_MAX = 4

interface Loading { person: Person; readings: Reading[] }

async function load(id: string, from: number): Promise<Loading> {
  const query = `person=${encodeURIComponent(id)}&from=${encodeURIComponent(new Date(from).toISOString())}&limit=${PAGE}`
  const [person, readings] = await Promise.all([
    get<Person>(`/people/${encodeURIComponent(id)}`), getAll<Reading>(`/readings?${query}`, PAGES_MAX),
  ])
  return { person, readings }
}

export function PersonScreen({ id }: { id: string }): JSX.Element {
  const w = words.value
  const loaded = useLoaded(`${id}:${snapshots.value}`, () => load(id, now.peek() - HALF_YEAR_MS))
  const readings = useSignal<ReadonlyMap<string, Reading>>(new Map())
  const state = loaded.value
  const keep = (found: readonly Reading[]): void => {
    readings.value = new Map([...readings.peek(), ...found.map((reading): [string, Reading] => [reading.id, reading])])
  }
  useEffect(() => {
    if (state.state === 'ready') keep(state.value.readings)
  }, [state])
  // The feed forgets a reading after forty others; this page must not.
  useSignalEffect(() => keep(feed.value.filter((reading) => reading.person === id)))
  if (state.state === 'loading') return <p class="empty" role="status">{w.loading}</p>
  if (state.state === 'failed') {
    return <p class="empty card" role="alert">{state.status === 404 || state.status === 403 ? w.person_missing : w.failed(state.why)}</p>
  }
  const all = [...readings.value.values()]
  const { person } = state.value
  return (
    <div class="person">
      <Head person={person} />
      <OpenAlerts id={id} />
      <ReadingsCard kind="blood_pressure" readings={all} lines={person.lines} />
      <ReadingsCard kind="glucose" readings={all} lines={person.lines} />
      <Known person={person} />
    </div>
  )
}

function Head({ person }: { person: Person }): JSX.Element {
  const w = words.value
  const facts = [person.sex && w.sex[person.sex], person.age !== null && w.age(person.age), person.village].filter(Boolean)
  return (
    <header class="person-head">
      <div>
        <h1>{person.name ?? person.person}</h1>
        <p class="muted">{[person.person, ...facts].join(' · ')}</p>
      </div>
      {person.phone && <a class="button" href={`tel:${person.phone}`}>{w.call}</a>}
    </header>
  )
}

function OpenAlerts({ id }: { id: string }): JSX.Element | null {
  const own = openAlerts.value.filter((alert) => alert.person === id)
  if (own.length === 0) return null
  return (
    <section class="card person-alerts" aria-label={words.value.alerts_now}>
      {own.map((alert) => (
        <a key={alert.id} class={`alert-row l-${alert.level}`} href={toAlert(alert.id)}>
          <Shape level={alert.level} size={26} />
          <span class="alert-row-who"><b>{words.value.level[alert.level]}</b><span class="muted">{reasonText(alert)}</span></span>
          <span class="alert-row-due"><Deadline alert={alert} /></span>
        </a>
      ))}
      <div class="actions"><AckButton card={own} /></div>
    </section>
  )
}

function Known({ person }: { person: Person }): JSX.Element | null {
  const w = words.value
  const named = (codes: readonly string[]): string => codes.map((code) => w.code[code] ?? code).join('、')
  const rows: [string, string][] = [
    [w.cohorts, named(person.cohorts)], [w.diagnoses, named(person.diagnoses)], [w.medicines, named(person.medicines)],
  ]
  const known = rows.filter(([, value]) => value !== '')
  if (known.length === 0 && !person.doctor_name) return null
  return (
    <dl class="card facts">
      {known.flatMap(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name}=`}>{value}</dd>])}
      {person.doctor_name && <dt class="facts-wide">{w.family_doctor(person.doctor_name)}</dt>}
    </dl>
  )
}
