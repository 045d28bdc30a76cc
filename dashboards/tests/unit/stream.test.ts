import assert from 'node:assert/strict'
import { beforeEach, mock, test } from 'node:test'
import { alerts, readings } from '../../ui/state/live'
import { goLive, heardOf, link, resumeFrom, retryDelay, SILENCE_MAX_MS, stale } from '../../ui/state/stream'
import { acks, take, undo, UNDO_MS, watchAcks } from '../../ui/state/acks'
import { iso, pressure, snapshot } from '../browser/township'
import { FakeSource, hide, page, pretendBrowser, settle } from './browser'

const START = Date.parse('2026-03-02T10:00:00+08:00')
const posted: { url: string; key: string }[] = []
/** What a question is answered with; a post by `answer`. */
let read: () => Promise<unknown> = async () => ({ ok: true, json: async () => snapshot(Date.now()) })
let answer: () => Promise<unknown> = async () => ({ ok: true, json: async () => ({}) })

pretendBrowser()
mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: START })
Object.assign(globalThis, {
  fetch: async (url: string, init?: RequestInit) => {
    if (init?.method === 'POST') posted.push({ url, key: new Headers(init.headers).get('Idempotency-Key') ?? '' })
    else return read()
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

test('a line that is back is tried at once and soon again, whatever it failed at before', () => {
  for (let failed = 0; failed < 2; failed += 1) {
    FakeSource.last.say('error', {})
    mock.timers.tick(30_000)
  }
  FakeSource.last.say('error', {})
  const before = FakeSource.opened.length
  window.dispatchEvent(new Event('online'))
  assert.equal(FakeSource.opened.length, before + 1)
  FakeSource.last.say('error', {})
  mock.timers.tick(1_001)
  assert.equal(FakeSource.opened.length, before + 2)
})

for (const [how, end] of [
  ['failed', (_: unknown, fail: (why: Error) => void) => fail(new Error('no network'))],
  ['succeeded', (done: (answer: unknown) => void) => done({ ok: true, json: async () => ({ ...snapshot(START), cursor: 1 }) })],
] as const) {
  test(`a question asked before the line came back and ${how} after it changes nothing`, async () => {
    const ends: [(answer: unknown) => void, (why: Error) => void][] = []
    const usual = read
    read = () => new Promise((done, fail) => { ends.push([done, fail]) })
    for (let failed = 0; failed < 3; failed += 1) {
      FakeSource.last.say('error', {})
      mock.timers.tick(8_000)
    }
    assert.equal(ends.length, 1, 'the third attempt asks whether it is signed in')
    window.dispatchEvent(new Event('online'))
    hello()
    const own = pressure(START, 140, 80, { id: `late-${how}` })
    FakeSource.last.say('reading', { reading: own }, '20001')
    const [source, opened] = [FakeSource.last, FakeSource.opened.length]
    end(...ends[0]!)
    await settle()
    mock.timers.tick(2_000)
    read = usual
    assert.equal(link.value, 'live')
    assert.equal(source.closed, false)
    assert.equal(FakeSource.opened.length, opened)
    assert.ok(readings.value.some((reading) => reading.id === `late-${how}`))
  })
}

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
