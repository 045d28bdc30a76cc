/** The doctor's inbox: one card a person, worst first, each with one line of reason and one button. */
import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import type { Alert, Level } from '../contract'
import { inLanguage, words } from '../i18n/language'
import { AckButton, Deadline, mayReadPeople, measuredText, nextText, reasonText, Value, Who } from '../parts/alert'
import { LevelName, Shape } from '../parts/shape'
import { ApiError, getAll } from '../state/api'
import { board, byPerson, LEVELS, LIVING, now, openAlerts, putAlerts } from '../state/live'
import { route, toAlert, toInbox, toPerson } from '../state/route'
import { AlertDetail } from './alert'

/** 10 pages of 100: more open alerts than a township has doctors for. */
const PAGES_MAX = 10
const loading = signal<'no' | 'yes' | string>('no')

/** Wide screens show the list and the explanation side by side. */
const wide = signal(false)
const chosen = signal<string | null>(null)

export function watchWidth(): void {
  const query = matchMedia('(min-width: 1100px)')
  wide.value = query.matches
  query.addListener((change) => { wide.value = change.matches })
}

async function loadAll(): Promise<void> {
  loading.value = 'yes'
  try {
    for (const state of LIVING) putAlerts(await getAll<Alert>(`/alerts?state=${state}&limit=100`, PAGES_MAX))
    loading.value = 'no'
  } catch (cause) {
    loading.value = cause instanceof ApiError ? inLanguage(cause) : String(cause)
  }
}

export function InboxScreen(): JSX.Element {
  const w = words.value
  const level = route.value.screen === 'inbox' ? route.value.level : null
  const shown = openAlerts.value.filter((alert) => !level || alert.level === level)
  const cards = byPerson(shown)
  const picked = cards.flat().find((alert) => alert.id === chosen.value) ?? cards[0]?.[0]
  return (
    <div class={wide.value ? 'inbox wide' : 'inbox'}>
      <h1 class="unseen">{w.inbox}</h1>
      <Filter chosen={level} />
      <div class="inbox-columns">
        <div class="inbox-list">
          {cards.length === 0 && <p class="empty card">{level ? w.inbox_empty_level : w.inbox_empty}</p>}
          <ul class="cards" role="list">
            {cards.map((card) => <li key={card[0]!.person}><Card card={card} picked={wide.value && picked?.person === card[0]!.person} /></li>)}
          </ul>
          {!level && <More />}
        </div>
        {wide.value && picked && (
          <aside class="inbox-detail" aria-label={w.reason}><AlertDetail key={picked.id} id={picked.id} heading={2} acting={false} /></aside>
        )}
      </div>
    </div>
  )
}

function More(): JSX.Element | null {
  const w = words.value
  const open = board.value?.open
  const missing = open ? LEVELS.reduce((sum, level) => sum + open[level], 0) - openAlerts.value.length : 0
  if (missing <= 0) return null
  return (
    <p class="center">
      <button type="button" class="button" onClick={() => void loadAll()} disabled={loading.value === 'yes'}>
        {w.more_alerts(missing)}
      </button>
      {loading.value !== 'no' && loading.value !== 'yes' && <span role="alert">{w.failed(loading.value)}</span>}
    </p>
  )
}

function Filter({ chosen: level }: { chosen: string | null }): JSX.Element {
  const w = words.value
  const open = board.value?.open
  return (
    <nav class="filter" aria-label={w.filter}>
      <FilterLink href={toInbox()} here={!level}><span>{w.all}</span></FilterLink>
      {LEVELS.map((entry: Level) => (
        <FilterLink key={entry} href={toInbox(entry)} here={level === entry}>
          <Shape level={entry} /><span class="unseen">{w.level[entry]} </span><b class="number">{open?.[entry] ?? 0}</b>
        </FilterLink>
      ))}
    </nav>
  )
}

interface FilterLinkProps { href: string; here: boolean; children: JSX.Element | (JSX.Element | string)[] }

function FilterLink({ href, here, children }: FilterLinkProps): JSX.Element {
  return <a href={href} {...(here ? { 'aria-current': 'true' as const } : {})}>{children}</a>
}

function Card({ card, picked }: { card: readonly Alert[]; picked: boolean }): JSX.Element {
  const w = words.value
  const alert = card[0]!
  const others = card.slice(1)
  return (
    <article class={`card alert-card l-${alert.level}${picked ? ' picked' : ''}`} aria-label={alert.person_name ?? alert.case}
      onClick={() => { chosen.value = alert.id }}>
      <div class="card-top"><LevelName level={alert.level} /><Deadline alert={alert} /></div>
      <div class="card-who">
        {mayReadPeople() ? <a class="who-link" href={toPerson(alert.person)}><Who alert={alert} /></a> : <Who alert={alert} />}
      </div>
      {alert.reading && (
        <p class="card-value"><Value reading={alert.reading} /><span class="muted">{measuredText(alert, now.value)}</span></p>
      )}
      <p class="card-reason">{reasonText(alert)}</p>
      <p class="muted">{nextText(alert, now.value)}</p>
      {others.length > 0 && (
        <div class="further">
          <span class="muted">{w.further(others.length)}</span>
          {others.map((other) => (
            <a key={other.id} class="further-row" href={toAlert(other.id)}>
              <Shape level={other.level} size={20} /><span>{reasonText(other)}</span><Deadline alert={other} />
            </a>
          ))}
        </div>
      )}
      <div class="actions">
        {alert.phone && <a class="button" href={`tel:${alert.phone}`}>{w.call}</a>}
        <a class="button" href={toAlert(alert.id)}>{w.open_alert}</a>
        <AckButton card={card} />
      </div>
    </article>
  )
}
