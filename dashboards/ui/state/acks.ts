/**
 * Taking an alert: one tap, five seconds to think again, then one request under one idempotency key until the
 * gateway answers. A request that did not get through stays in sight as waiting to upload and is never forgotten
 * by a reload. Only ids are kept on the device.
 */
import { effect, signal } from '@preact/signals'
import type { Alert } from '../contract'
import { recall, remember } from '../i18n/language'
import { ApiError, idempotencyKey, post } from './api'
import { alerts, isLiving, me, putAlert } from './live'
import { link } from './stream'

export const UNDO_MS = 5_000
/** Kept for each doctor apart: on a shared phone nobody sends another's acks. */
const stored = (): string => `xz.acks.${me.peek()?.doctor ?? me.peek()?.name ?? ''}`

export interface Ack {
  key: string
  phase: 'undo' | 'sending' | 'waiting' | 'refused'
  why?: { zh: string; en: string }
}

export const acks = signal<ReadonlyMap<string, Ack>>(new Map())
const timers = new Map<string, ReturnType<typeof setTimeout>>()

function put(id: string, ack: Ack | null): void {
  const next = new Map(acks.peek())
  if (ack) next.set(id, ack)
  else next.delete(id)
  acks.value = next
  const kept = [...next].filter(([, entry]) => entry.phase === 'waiting' || entry.phase === 'sending')
  remember(stored(), JSON.stringify(kept.map(([alert, entry]) => [alert, entry.key])))
}

/** Starts the five seconds for each of `ids`; what arrives later is not taken with them. */
export function take(ids: readonly string[]): void {
  for (const id of ids) {
    const known = acks.peek().get(id)
    if (known && known.phase !== 'refused') continue
    put(id, { key: idempotencyKey(), phase: 'undo' })
    timers.set(id, setTimeout(() => void send(id), UNDO_MS))
  }
}

export function undo(ids: readonly string[]): void {
  for (const id of ids) {
    if (acks.peek().get(id)?.phase !== 'undo') continue
    clearTimeout(timers.get(id))
    timers.delete(id)
    put(id, null)
  }
}

async function send(id: string, leaving = false): Promise<void> {
  const ack = acks.peek().get(id)
  if (!ack || ack.phase === 'sending') return
  clearTimeout(timers.get(id))
  timers.delete(id)
  put(id, { key: ack.key, phase: 'sending' })
  try {
    const answer = await post<Alert>(`/alerts/${encodeURIComponent(id)}/ack`, {}, ack.key, leaving)
    put(id, null)
    putAlert(answer)
  } catch (cause) {
    put(id, failed(ack.key, cause))
  }
}

/** The gateway's own refusal is final until the doctor tries again; everything else is only not yet uploaded. */
function failed(key: string, cause: unknown): Ack {
  const final = cause instanceof ApiError && cause.status >= 400 && cause.status < 500
    && ![401, 408, 425, 429].includes(cause.status)
  if (cause instanceof ApiError) return { key, phase: final ? 'refused' : 'waiting', why: { zh: cause.zh, en: cause.en } }
  return { key, phase: 'waiting' }
}

export function retry(ids: readonly string[]): void {
  for (const id of ids) {
    const ack = acks.peek().get(id)
    if (ack?.phase === 'refused') put(id, { key: idempotencyKey(), phase: 'waiting' })
    if (ack) void send(id)
  }
}

/** The five seconds end when the doctor puts the phone away: an ack must not sleep in a pocket. */
function leave(): void {
  for (const [id, ack] of acks.peek()) if (ack.phase === 'undo') void send(id, true)
}

function resumeStored(): void {
  try {
    const kept = JSON.parse(recall(stored()) ?? '[]') as [string, string][]
    for (const [id, key] of kept) put(id, { key, phase: 'waiting' })
  } catch {
    remember(stored(), '[]')
  }
}

/** Acks on hand whose alert has ended by another's doing are settled; there is nothing left to send. */
function dropEnded(): void {
  for (const [id, ack] of acks.peek()) {
    const alert = alerts.value.get(id)
    if (alert && !isLiving(alert) && (ack.phase === 'waiting' || ack.phase === 'refused')) put(id, null)
  }
}

export function watchAcks(): void {
  const stop = effect(() => {
    if (me.value === null) return
    resumeStored()
    queueMicrotask(() => stop())
  })
  document.addEventListener('visibilitychange', () => document.hidden && leave())
  window.addEventListener('pagehide', leave)
  effect(() => {
    if (link.value !== 'live') return
    for (const [id, ack] of acks.peek()) if (ack.phase === 'waiting') void send(id)
  })
  effect(dropEnded)
}
