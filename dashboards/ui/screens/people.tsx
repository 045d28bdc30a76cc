/** The people in one's care: found by name, code or village, each leading to their page. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { JSX } from 'preact'
import type { Page, Person } from '../contract'
import { words } from '../i18n/language'
import { Shape } from '../parts/shape'
import { get } from '../state/api'
import { openAlerts } from '../state/live'
import { useLoaded } from '../state/loaded'
import { toPerson } from '../state/route'

const PAGE = 50
/** A name is typed in syllables; asking after each would only queue answers on a slow line. */
const TYPING_MS = 300

type Found = Pick<Person, 'person' | 'name' | 'sex' | 'age' | 'village'>

export function PeopleScreen(): JSX.Element {
  const w = words.value
  const typed = useSignal('')
  const asked = useSignal('')
  useEffect(() => {
    const timer = setTimeout(() => { asked.value = typed.value.trim() }, TYPING_MS)
    return () => clearTimeout(timer)
  }, [typed.value])
  return (
    <div class="people">
      <h1>{w.people}</h1>
      <form role="search" onSubmit={(event) => { event.preventDefault(); asked.value = typed.value.trim() }}>
        <input class="search" type="search" aria-label={w.people_search} placeholder={w.people_search} value={typed.value}
          autocomplete="off" onInput={(event) => { typed.value = event.currentTarget.value }} />
      </form>
      <Results query={asked.value} />
    </div>
  )
}

function Results({ query }: { query: string }): JSX.Element {
  const w = words.value
  const loaded = useLoaded(query, () => get<Page<Found>>(`/people?query=${encodeURIComponent(query)}&limit=${PAGE}`))
  if (loaded.value.state === 'loading') return <p class="empty" role="status">{w.loading}</p>
  if (loaded.value.state === 'failed') return <p class="empty card" role="alert">{w.failed(loaded.value.why)}</p>
  const { items, next } = loaded.value.value
  if (items.length === 0) return <p class="empty card" role="status">{w.people_none}</p>
  return (
    <section class="card">
      <ul role="list" aria-label={w.people}>{items.map((person) => <li key={person.person}><Row person={person} /></li>)}</ul>
      {next && <p class="muted center">{w.people_more(items.length)}</p>}
    </section>
  )
}

function Row({ person }: { person: Found }): JSX.Element {
  const w = words.value
  const worst = openAlerts.value.find((alert) => alert.person === person.person)
  const facts = [person.sex && w.sex[person.sex], typeof person.age === 'number' && w.age(person.age), person.village].filter(Boolean)
  return (
    <a class="alert-row" href={toPerson(person.person)}>
      {worst ? <Shape level={worst.level} size={26} /> : <i class="dot" aria-hidden="true" />}
      <span class="alert-row-who"><b>{person.name ?? person.person}</b><span class="muted">{facts.join(' · ')}</span></span>
      <span class="alert-row-due muted number">{person.person}</span>
    </a>
  )
}
