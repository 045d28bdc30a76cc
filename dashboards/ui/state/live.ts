/**
 * What the screens know: one snapshot, then events, in commit order. Every screen reads these signals, so two
 * screens can never show different counts. Applying an event twice changes nothing.
 */
import { batch, computed, signal } from '@preact/signals'
import type { Alert, AlertChange, AlertState, Board, Level, Me, Reading, Site, Snapshot } from '../contract'

/** Newest readings kept for the feed; older ones are on the person's page. */
export const FEED_MAX = 40
/** Readings whose crossing level is remembered, several feeds deep; the oldest go first. */
const CROSSED_MAX = 400

export const LEVELS: readonly Level[] = ['red', 'orange', 'yellow', 'blue']
export const rank = (level: Level): number => LEVELS.indexOf(level)

export const me = signal<Me | null>(null)
export const board = signal<Board | null>(null)
export const alerts = signal<ReadonlyMap<string, Alert>>(new Map())
export const readings = signal<readonly Reading[]>([])
export const crossed = signal<ReadonlyMap<string, Level>>(new Map())
/** The alert that last arrived or rose, and when, for one short highlight. */
export const arrived = signal<{ id: string; level: Level; at: number } | null>(null)
export const build = signal('')
/** Counts the snapshots taken: what a screen fetched for itself before the last one may have a gap. */
export const snapshots = signal(0)

/** The gateway's clock minus this device's: deadlines are counted on the gateway's clock. */
const clockLead = signal(0)
const ticked = signal(Date.now())

export const now = computed(() => ticked.value + clockLead.value)

export function tick(): void {
  ticked.value = Date.now()
}

export function setClock(serverTime: string): void {
  const at = Date.parse(serverTime)
  if (!Number.isFinite(at)) return
  const lead = at - Date.now()
  // Small differences are the way the message took; following them would make minutes jump.
  if (Math.abs(lead - clockLead.value) > 5_000) clockLead.value = lead
  tick()
}

export const LIVING: readonly AlertState[] = ['open', 'acknowledged', 'planned', 'visited']
export const isLiving = (alert: Alert): boolean => LIVING.includes(alert.state)

export function isOverdue(alert: Alert, at: number): boolean {
  if (!isLiving(alert)) return false
  return alert.overdue || (alert.deadline !== null && Date.parse(alert.deadline) < at)
}

/** Level first; within it those nobody has taken; then the earliest deadline. */
export function compareAlerts(a: Alert, b: Alert): number {
  const taken = (alert: Alert): number => (alert.state === 'open' ? 0 : 1)
  const deadline = (alert: Alert): number => (alert.deadline ? Date.parse(alert.deadline) : Number.MAX_SAFE_INTEGER)
  return rank(a.level) - rank(b.level) || taken(a) - taken(b) || deadline(a) - deadline(b)
    || a.opened_at.localeCompare(b.opened_at) || a.id.localeCompare(b.id)
}

export const openAlerts = computed(() => [...alerts.value.values()].filter(isLiving).sort(compareAlerts))

/** One card a person, the worst alert first; people stand in the order of their first alert. */
export function byPerson(sorted: readonly Alert[]): Alert[][] {
  const people = new Map<string, Alert[]>()
  for (const alert of sorted) {
    const card = people.get(alert.person)
    if (card) card.push(alert)
    else people.set(alert.person, [alert])
  }
  return [...people.values()]
}

function withCrossings(known: ReadonlyMap<string, Level>, found: readonly Alert[]): ReadonlyMap<string, Level> {
  const next = new Map(known)
  for (const alert of found) {
    if (!alert.reading) continue
    const before = next.get(alert.reading.id)
    if (before === undefined || rank(alert.level) < rank(before)) next.set(alert.reading.id, alert.level)
  }
  for (const oldest of next.keys()) {
    if (next.size <= CROSSED_MAX) break
    next.delete(oldest)
  }
  return next
}

export function takeSnapshot(snapshot: Snapshot): void {
  batch(() => {
    build.value = snapshot.build
    snapshots.value = snapshots.peek() + 1
    me.value = snapshot.me
    board.value = snapshot.board
    alerts.value = new Map(snapshot.alerts.map((alert) => [alert.id, alert]))
    crossed.value = withCrossings(new Map(), snapshot.alerts)
    readings.value = [...snapshot.readings].sort((a, b) => b.commit - a.commit).slice(0, FEED_MAX)
    setClock(snapshot.board.as_of)
  })
}

/** Keeps the newer of what is known and what came: an answer and an event may overtake one another. */
export function putAlert(alert: Alert, change?: AlertChange): void {
  const known = alerts.value.get(alert.id)
  if (known && known.commit > alert.commit) return
  batch(() => {
    const next = new Map(alerts.value)
    next.set(alert.id, { ...known, ...alert })
    alerts.value = next
    crossed.value = withCrossings(crossed.value, [alert])
    if (change === 'opened' || change === 'raised') arrived.value = { id: alert.id, level: alert.level, at: Date.now() }
  })
}

export function putAlerts(found: readonly Alert[]): void {
  batch(() => found.forEach((alert) => putAlert(alert)))
}

function putReading(reading: Reading): void {
  if (readings.value.some((known) => known.id === reading.id && known.commit >= reading.commit)) return
  const others = readings.value.filter((known) => known.id !== reading.id)
  readings.value = [reading, ...others].sort((a, b) => b.commit - a.commit).slice(0, FEED_MAX)
}

function putPresence(presence: { site: string; state: Site['state']; last_seen: string | null }): void {
  const current = board.value
  if (!current) return
  const sites = current.sites.map((site) =>
    site.site === presence.site ? { ...site, state: presence.state, last_seen: presence.last_seen } : site)
  board.value = { ...current, sites }
}

/** Applies one event of the stream; names that this build does not know are passed over. */
export function applyEvent(name: string, body: unknown): void {
  switch (name) {
    case 'reading':
      putReading((body as { reading: Reading }).reading)
      break
    case 'alert': {
      const { alert, change } = body as { alert: Alert; change: AlertChange }
      putAlert(alert, change)
      break
    }
    case 'presence':
      putPresence(body as { site: string; state: Site['state']; last_seen: string | null })
      break
    case 'quarantine':
      if (board.value) board.value = { ...board.value, quarantined: (body as { count: number }).count }
      break
    case 'board':
      board.value = (body as { board: Board }).board
      setClock(board.value.as_of)
      break
    default:
      break
  }
}
