/**
 * The one live connection of a visible tab. It promises that a screen which shows old numbers says so: after
 * 35 s without a heartbeat the page is marked stale, whatever the socket claims. A hidden tab holds no connection.
 */
import { signal } from '@preact/signals'
import type { Snapshot } from '../contract'
import { ApiError, get } from './api'
import { applyEvent, build, setClock, takeSnapshot } from './live'

/** The gateway beats every 10 s; three may be lost on a bad line. */
export const SILENCE_MAX_MS = 35_000
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 30_000
/** After a longer absence a new snapshot is smaller than the replay. */
const ABSENCE_MAX_MS = 300_000
/** Failed attempts after which the page asks whether it is still signed in. */
const PROBE_EVERY = 3
const EVENTS = ['reading', 'alert', 'presence', 'quarantine', 'board'] as const

export type Link = 'connecting' | 'live' | 'lost' | 'signed_out'

export const link = signal<Link>('connecting')
export const stale = signal(false)
/** The gateway's time of the last sign of life. */
export const heardOf = signal<string | null>(null)
export const reloadWanted = signal(false)

let source: EventSource | null = null
let retry: ReturnType<typeof setTimeout> | undefined
let attempt = 0
/** Counts what ended a connection or an attempt at one: an answer that was asked for before decides nothing any more. */
let ended = 0
let complete = 0
let heardAt = 0
let openedAt = 0
let hiddenAt = 0
let wantsSnapshot = false

/** Where to resume: events of one commit share its number, so the newest commit is asked for again until a later
 * one, or a heartbeat, proves that it came whole. */
export function resumeFrom(known: number, eventId: string): number {
  const commit = Number(eventId)
  return Number.isSafeInteger(commit) && commit - 1 > known ? commit - 1 : known
}

/** Doubles from 1 to 30 s; between half and all of it, so that a township of screens does not return at once. */
export function retryDelay(attempts: number, random: number): number {
  const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** attempts)
  return Math.max(RETRY_MIN_MS, Math.round(ceiling * (0.5 + random / 2)))
}

function heard(at?: string, cursor?: number): void {
  heardAt = Date.now()
  stale.value = false
  if (at) {
    heardOf.value = at
    setClock(at)
  }
  if (cursor !== undefined) complete = Math.max(complete, cursor)
}

function close(): void {
  ended += 1
  source?.close()
  source = null
  clearTimeout(retry)
  retry = undefined
}

function later(): void {
  close()
  if (document.hidden) return
  link.value = 'lost'
  retry = setTimeout(() => void connect(), retryDelay(attempt, Math.random()))
  attempt += 1
}

async function refresh(): Promise<boolean> {
  const before = ended
  try {
    const snapshot = await get<Snapshot>('/snapshot')
    if (ended !== before) return false
    takeSnapshot(snapshot)
    complete = snapshot.cursor
    wantsSnapshot = false
    return true
  } catch (cause) {
    if (ended !== before) return false
    if (cause instanceof ApiError && (cause.status === 401 || cause.status === 403)) signedOut()
    else later()
    return false
  }
}

function signedOut(): void {
  close()
  link.value = 'signed_out'
}

async function connect(): Promise<void> {
  if (document.hidden || source) return
  const probe = attempt > 0 && attempt % PROBE_EVERY === 0
  if ((wantsSnapshot || probe) && !(await refresh())) return
  if (!document.hidden && !source) open()
}

function open(): void {
  const opened = new EventSource(`/api/v1/stream?after=${complete}`)
  source = opened
  openedAt = Date.now()
  const on = (name: string, take: (body: never, id: string) => void): void => {
    opened.addEventListener(name, (event) => {
      if (source !== opened) return
      const message = event as MessageEvent<string>
      const body = parsed(message.data)
      if (body !== undefined) take(body as never, message.lastEventId)
    })
  }
  on('hello', (hello: { build: string; schema: number }) => {
    attempt = 0
    link.value = 'live'
    heard()
    if (hello.build !== build.value || hello.schema !== 1) reloadWanted.value = true
  })
  on('hb', (beat: { at: string; cursor: number }) => heard(beat.at, beat.cursor))
  on('reset', () => {
    close()
    wantsSnapshot = true
    void connect()
  })
  for (const name of EVENTS) {
    on(name, (body: unknown, id) => {
      heard()
      complete = resumeFrom(complete, id)
      applyEvent(name, body)
    })
  }
  opened.addEventListener('error', () => {
    if (source === opened) later()
  })
}

/** One event that cannot be read must not stop the ones behind it. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    console.error('an event of the stream is not JSON', text.length)
    return undefined
  }
}

/** Called every second: notices a connection that is open and dead. */
function watch(): void {
  if (document.hidden || link.value === 'signed_out' || Date.now() - heardAt <= SILENCE_MAX_MS) return
  stale.value = true
  if (source && Date.now() - openedAt > SILENCE_MAX_MS) later()
}

/** The line is back: what it failed at before is no measure of how long to wait now. */
function online(): void {
  if (link.value !== 'lost') return
  attempt = 0
  close()
  void connect()
}

function visibilityChanged(): void {
  if (document.hidden) {
    hiddenAt = Date.now()
    close()
    return
  }
  if (link.value === 'signed_out') return
  wantsSnapshot = wantsSnapshot || Date.now() - hiddenAt > ABSENCE_MAX_MS
  attempt = 0
  link.value = 'connecting'
  watch()
  close()
  void connect()
}

/** Takes the snapshot that came with the page, if it did, and stays connected from there. */
export async function goLive(boot: Snapshot | null): Promise<void> {
  document.addEventListener('visibilitychange', visibilityChanged)
  window.addEventListener('online', online)
  setInterval(watch, 1_000)
  heardAt = Date.now()
  if (boot) {
    takeSnapshot(boot)
    complete = boot.cursor
    heardOf.value = boot.board.as_of
  } else {
    wantsSnapshot = true
  }
  await connect()
}
