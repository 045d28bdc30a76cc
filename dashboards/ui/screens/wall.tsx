/**
 * The wall: read from five metres by anybody who walks past. It shows levels, case codes, owners and minutes, and
 * never a name of a person, a value or a village. Numbers open nothing here.
 */
import { effect, signal } from '@preact/signals'
import type { JSX } from 'preact'
import type { Alert, Board, Site, Village } from '../contract'
import { words } from '../i18n/language'
import { Guard } from '../parts/guard'
import { HourBars } from '../parts/hours'
import { LinkState, Mark, StaleBanner } from '../parts/frame'
import { Shape } from '../parts/shape'
import { arrived, board, isOverdue, LEVELS, now, openAlerts } from '../state/live'
import { stale } from '../state/stream'
import { clockTime, day, minutesTo } from '../state/time'

const ALERTS_SHOWN = 7
const RINGS_SHOWN = 34
/** Up to these stand large in one row. */
const RINGS_LARGE = 10
const SITES_SHOWN = 12
const HIGHLIGHT_MS = 3_000
/** Moves the picture a few pixels every ten minutes, so that a panel which never sleeps does not burn in. */
const SHIFT_MS = 600_000
const SHIFTS = ['0 0', '3px 2px', '-2px 3px', '2px -3px', '-3px -2px']

const sound = signal<AudioContext | null>(null)
const shift = signal(0)
const lit = signal<string | null>(null)

export function watchWall(): void {
  setInterval(() => { shift.value = (shift.value + 1) % SHIFTS.length }, SHIFT_MS)
  effect(() => {
    const alert = arrived.value
    if (!alert || alert.level !== 'red') return
    lit.value = alert.id
    setTimeout(() => { if (lit.peek() === alert.id) lit.value = null }, HIGHLIGHT_MS)
    ring(sound.peek())
  })
}

/** Two short tones, low then high. */
function ring(audio: AudioContext | null): void {
  if (!audio) return
  ;[660, 880].forEach((frequency, index) => {
    const tone = audio.createOscillator()
    const loudness = audio.createGain()
    loudness.gain.value = 0.15
    tone.frequency.value = frequency
    tone.connect(loudness).connect(audio.destination)
    tone.start(audio.currentTime + index * 0.25)
    tone.stop(audio.currentTime + index * 0.25 + 0.2)
  })
}

/** Text in a drawing follows the size of the wall. */
const rem = (size: number): number => size * parseFloat(getComputedStyle(document.documentElement).fontSize)

export function WallScreen(): JSX.Element {
  const w = words.value
  const current = board.value
  const [x, y] = SHIFTS[shift.value]!.split(' ')
  return (
    <main class={`wall${stale.value ? ' is-stale' : ''}`} style={{ transform: `translate(${x}, ${y})` }}>
      <Head current={current} />
      <StaleBanner />
      {current ? (
        <div class="wall-grid">
          <div class="wall-tiles">{LEVELS.map((level) => <Tile key={level} level={level} count={current.open[level]} />)}</div>
          <Guard of={current}><Figures current={current} /></Guard>
          <section class="card wall-hours" aria-labelledby="wall-hours">
            <header><h2 id="wall-hours">{w.hourly}</h2>
              <span class="key"><i class="swatch" />{w.hourly_readings}<i class="swatch crossing" />{w.hourly_crossings}</span></header>
            <HourBars hourly={current.hourly} text={rem(0.8)} />
          </section>
          <Guard of={current}><Latest /></Guard>
          <Guard of={current}><Progress villages={current.villages} /></Guard>
          <Guard of={current}><Sites sites={current.sites} /></Guard>
        </div>
      ) : <p class="empty">{w.loading}</p>}
    </main>
  )
}

function Head({ current }: { current: Board | null }): JSX.Element {
  const w = words.value
  const time = new Date(now.value).toISOString()
  const isVillage = current?.villages.some((village) => village.village === current.place) ?? true
  return (
    <header class="wall-head">
      <h1><Mark />{w.product}{!isVillage && <span class="place">{current?.place}</span>}</h1>
      {current?.demo && <span class="chip strong">{w.demo}</span>}
      {current && !current.sending.enabled && <span class="chip strong">{w.sending_off}</span>}
      <span class="wall-space" />
      <button type="button" class="button quiet" aria-pressed={sound.value !== null}
        onClick={() => { sound.value = sound.value ? null : new AudioContext() }}>
        {sound.value ? w.wall.sound_off : w.wall.sound_on}
      </button>
      <LinkState />
      <time class="number wall-clock">{day(time)} {clockTime(time)}</time>
    </header>
  )
}

function Tile({ level, count }: { level: Alert['level']; count: number }): JSX.Element {
  return (
    <div class={`tile l-${level}${count === 0 ? ' none' : ''}`}>
      <Shape level={level} size={58} />
      <b class="number tile-count">{count}</b>
      <span class="tile-name">{words.value.level[level]}</span>
    </div>
  )
}

function Figures({ current }: { current: Board }): JSX.Element {
  const w = words.value
  const online = current.sites.filter((site) => site.state === 'online').length
  const oldest = current.unacknowledged_oldest_minutes
  const figures: [string, string | number, boolean][] = [
    [w.wall.screened, current.people_today, false],
    [w.tiles.sites, w.out_of(online, current.sites.length), false],
    [w.tiles.overdue, current.overdue, current.overdue > 0],
    [w.tiles.oldest, oldest === null ? w.none_waiting : w.wall_oldest(oldest), false],
  ]
  return (
    <dl class="card wall-figures">
      {figures.map(([name, value, alarm]) => (
        <div key={name} class={alarm ? 'figure alarm' : 'figure'}><dt>{name}</dt><dd class="number">{value}</dd></div>
      ))}
    </dl>
  )
}

function minutesText(alert: Alert): string {
  const w = words.value
  if (alert.state !== 'open' && !isOverdue(alert, now.value)) return w.wall_taken
  if (!alert.deadline) return w.state[alert.state]
  const minutes = minutesTo(alert.deadline, now.value)
  return minutes > 0 && !alert.overdue ? w.wall_left(Math.max(1, minutes)) : w.wall_over(Math.max(0, -minutes))
}

function Latest(): JSX.Element {
  const w = words.value
  const shown = openAlerts.value.slice(0, ALERTS_SHOWN)
  return (
    <section class="card wall-latest" aria-labelledby="wall-latest">
      <h2 id="wall-latest">{w.wall.latest}</h2>
      {shown.length === 0 && <div class="wall-quiet"><b>{w.wall.quiet}</b><span class="muted">{w.wall.quiet_why}</span></div>}
      <ol role="list">
        {shown.map((alert) => (
          <li key={alert.id} class={`wall-alert l-${alert.level}${lit.value === alert.id ? ' lit' : ''}`}>
            <Shape level={alert.level} size={46} />
            <b class="number wall-case">{alert.case}</b>
            <span class="wall-owner">{alert.owner_name ?? alert.owner ?? w.nobody}</span>
            <span class={`wall-minutes${isOverdue(alert, now.value) ? ' overdue' : ''}`}>{minutesText(alert)}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}

function Progress({ villages }: { villages: readonly Village[] }): JSX.Element {
  const w = words.value
  const parts = villages.map((village) => Math.min(1, village.people_today / (village.people || 1))).sort((a, b) => b - a)
  return (
    <section class="card wall-progress" aria-labelledby="wall-progress">
      <header><h2 id="wall-progress">{w.wall.progress}</h2><span class="muted">{w.wall.progress_why}</span></header>
      <div class={parts.length > RINGS_LARGE ? 'rings small' : 'rings'}>{parts.slice(0, RINGS_SHOWN).map((part, index) => <Ring key={index} part={part} />)}</div>
    </section>
  )
}

const ROUND = 2 * Math.PI * 25

function Ring({ part }: { part: number }): JSX.Element {
  return (
    <svg class="ring" viewBox="0 0 60 60" role="img" aria-label={`${Math.round(part * 100)}%`}>
      <circle class="ring-ground" cx="30" cy="30" r="25" />
      <circle class="ring-part" cx="30" cy="30" r="25" stroke-dasharray={`${part * ROUND} ${ROUND}`} transform="rotate(-90 30 30)" />
      <text x="30" y="36" text-anchor="middle">{Math.round(part * 100)}</text>
    </svg>
  )
}

/** Sites by code and kind only: the name of a village clinic is the name of its village. */
function Sites({ sites }: { sites: readonly Site[] }): JSX.Element {
  const w = words.value
  return (
    <section class="card wall-sites" aria-labelledby="wall-sites">
      <h2 id="wall-sites">{w.sites}</h2>
      <ul role="list">
        {sites.filter((site) => site.kind !== 'home').slice(0, SITES_SHOWN).map((site) => (
          <li key={site.site} class={`wall-site site-${site.state}`}>
            <b class="number">{site.site}</b><span>{w.site_kind[site.kind]}</span><span>{w.site_state[site.state]}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
