import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import { alerts, readings } from '../../ui/state/live'
import { goLive, heardOf, link, resumeFrom, retryDelay, SILENCE_MAX_MS, stale } from '../../ui/state/stream'
import { acks, take, undo, UNDO_MS, watchAcks } from '../../ui/state/acks'
import { iso, pressure, snapshot } from '../browser/township'
import { FakeSource, hide, page, pretendBrowser, settle } from './browser'

const START = Date.parse('2026-03-02T10:00:00+08:00')
const posted: { url: string; key: string }[] = []
let answer: () => Promise<unknown> = async () => ({ ok: true, json: async () => ({}) })

pretendBrowser()
mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: START })
Object.assign(globalThis, {
  fetch: async (url: string, init?: RequestInit) => {
    if (init?.method === 'POST') posted.push({ url, key: new Headers(init.headers).get('Idempotency-Key') ?? '' })
    else return { ok: true, json: async () => snapshot(Date.now()) }
    return answer()
  },
})
const boot = snapshot(START)
await goLive(boot)
watchAcks()

const hello = (): void => FakeSource.last.say('hello', { build: 'fake-1', schema: 1, cursor: boot.cursor })
const beat = (): void => FakeSource.last.say('hb', { at: iso(Date.now()), cursor: 0 })

beforeEach(() => {
  if (page.hidden) hide(false)
  hello()
  beat()
  posted.length = 0
})

test('the stream resumes from the snapshot that came with the page', () => {
  assert.equal(FakeSource.opened[0]?.url, `/api/v1/stream?after=${boot.cursor}`)
  assert.equal(link.value, 'live')
})

test('the newest commit is asked for again until a later one proves it whole', () => {
  assert.equal(resumeFrom(10, '12'), 11)
  assert.equal(resumeFrom(11, '12'), 11)
  assert.equal(resumeFrom(11, ''), 11)
  assert.equal(resumeFrom(11, 'x'), 11)
})

test('retries double from 1 s to 30 s and are spread', () => {
  assert.deepEqual([0, 1, 2, 3, 9].map((attempt) => retryDelay(attempt, 1)), [1_000, 2_000, 4_000, 8_000, 30_000])
  assert.equal(retryDelay(9, 0), 15_000)
})

test('35 s without a heartbeat make the page stale, and the next heartbeat cures it', () => {
  mock.timers.tick(SILENCE_MAX_MS - 1_000)
  assert.equal(stale.value, false)
  mock.timers.tick(3_000)
  assert.equal(stale.value, true)
  assert.equal(link.value, 'lost')
  mock.timers.tick(31_000)
  hello()
  beat()
  assert.equal(stale.value, false)
  assert.equal(heardOf.value, iso(Date.now()))
})

test('a cut stream is opened again and does not skip', () => {
  const before = FakeSource.opened.length
  FakeSource.last.say('reading', { reading: pressure(START, 120, 80, { id: 'cut' }) }, '9001')
  FakeSource.last.say('error', {})
  assert.equal(link.value, 'lost')
  mock.timers.tick(1_001)
  assert.equal(FakeSource.opened.length, before + 1)
  assert.equal(FakeSource.last.url, '/api/v1/stream?after=9000')
  assert.ok(readings.value.some((reading) => reading.id === 'cut'))
})

test('a hidden tab holds no connection', () => {
  const source = FakeSource.last
  hide(true)
  assert.equal(source.closed, true)
  const opened = FakeSource.opened.length
  mock.timers.tick(60_000)
  assert.equal(FakeSource.opened.length, opened)
  if (page.hidden) hide(false)
  assert.equal(FakeSource.opened.length, opened + 1)
})

test('a reset takes a new snapshot', async () => {
  const opened = FakeSource.opened.length
  FakeSource.last.say('reset', { why: 'lagged' })
  await settle()
  assert.equal(FakeSource.opened.length, opened + 1)
})

test('one tap is one request, five seconds later, and can be undone before', async () => {
  answer = async () => ({ ok: true, json: async () => ({ ...alerts.value.get('a0')!, state: 'acknowledged', commit: 99_999 }) })
  take(['a0'])
  take(['a0'])
  undo(['a0'])
  mock.timers.tick(UNDO_MS * 2)
  assert.equal(posted.length, 0)
  take(['a0'])
  mock.timers.tick(UNDO_MS)
  await settle()
  assert.equal(posted.length, 1)
  assert.match(posted[0]!.key, /^[0-9a-f]{32}$/)
  assert.equal(alerts.value.get('a0')?.state, 'acknowledged')
  assert.equal(acks.value.size, 0)
})

test('an ack that did not get through waits in sight and goes out under the same key', async () => {
  answer = async () => { throw new Error('no network') }
  take(['a1'])
  mock.timers.tick(UNDO_MS)
  await settle()
  assert.equal(acks.value.get('a1')?.phase, 'waiting')
  answer = async () => ({ ok: true, json: async () => ({ ...alerts.value.get('a1')!, state: 'acknowledged', commit: 99_999 }) })
  FakeSource.last.say('error', {})
  mock.timers.tick(30_000)
  hello()
  await settle()
  assert.equal(posted.length, 2)
  assert.equal(posted[0]!.key, posted[1]!.key)
  assert.equal(acks.value.has('a1'), false)
})

test('a refusal says so and is not sent again by itself', async () => {
  answer = async () => ({ ok: false, status: 409, json: async () => ({ message: 'closed', message_zh: '已结案' }) })
  take(['a3'])
  mock.timers.tick(UNDO_MS)
  await settle()
  assert.deepEqual(acks.value.get('a3')?.why, { zh: '已结案', en: 'closed' })
  FakeSource.last.say('error', {})
  mock.timers.tick(30_000)
  hello()
  await settle()
  assert.equal(posted.length, 1)
})

test('putting the phone away sends what was tapped', async () => {
  take(['a5'])
  hide(true)
  await settle()
  assert.equal(posted.length, 1)
})
