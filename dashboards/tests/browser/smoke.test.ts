/**
 * What must hold in front of any gateway, the fake one or the real process. A real one needs something to happen:
 * `demo` measures by itself; else XUNZHEN_TOKEN may post readings, and this suite posts one.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page, Request } from 'playwright-core'
import { iso, pressure } from './township'
import { openPage, openStage, type Stage } from './stage'

const TOKEN = process.env['XUNZHEN_TOKEN']
const ARRIVAL_MS = 60_000

let stage: Stage
before(async () => { stage = await openStage() })
after(async () => { await stage.close() })

/** Posts a reading to a real gateway that lets us. */
async function post(page: Page, what: { systolic: number; diastolic: number; person: string; setting: string }): Promise<void> {
  const now = Date.now()
  const answer = await page.request.post(`${stage.url}/api/v1/readings`, {
    headers: { Authorization: `Bearer ${TOKEN}`, 'Idempotency-Key': `smoke-${what.person}-${now}` },
    data: {
      kind: 'blood_pressure', device: 'SMOKE-1', site: 'SMOKE', seq: now % 1_000_000_000, epoch: 1, measured_at: iso(now),
      unit: 'mmHg', pulse: 70, ...what,
    },
  })
  assert.ok(answer.ok(), `${answer.status()} ${await answer.text()}`)
}

async function makeReading(page: Page): Promise<void> {
  if (stage.fake) {
    const reading = pressure(Date.now(), 124, 79)
    stage.fake.send('reading', { reading }, reading.commit)
  } else if (TOKEN) {
    await post(page, { systolic: 124, diastolic: 79, person: process.env['XUNZHEN_PERSON'] ?? 'P000001', setting: 'clinic' })
  }
}

test('a reading appears on the open board without a reload', async () => {
  const page = await openPage(stage, '/#/')
  await page.evaluate(() => {
    document.body.dataset['sameDocument'] = 'yes'
    const feed = document.querySelector('.feed')!
    new MutationObserver((changes) => {
      if (changes.some((change) => change.addedNodes.length > 0)) document.body.dataset['arrived'] = 'yes'
    }).observe(feed, { childList: true, subtree: true })
  })
  await makeReading(page)
  await page.locator('body[data-arrived=yes][data-same-document=yes]').waitFor({ state: 'attached', timeout: ARRIVAL_MS })
  await page.context().close()
})

test('one tap on the first open alert is one write with a key', async (context) => {
  if (!stage.fake && TOKEN) {
    const visitor = await openPage(stage, '/#/')
    await post(visitor, { systolic: 184, diastolic: 112, person: 'P000002', setting: 'home' })
    await visitor.context().close()
  }
  const page = await openPage(stage, '/#/inbox', { width: 360, height: 780, clock: true })
  const writes: Request[] = []
  page.on('request', (request) => { if (request.method() === 'POST') writes.push(request) })
  const single = page.locator('.alert-card', { has: page.locator('.button.primary') }).filter({ hasNot: page.locator('.further') }).first()
  if (TOKEN) await single.waitFor({ timeout: ARRIVAL_MS })
  if ((await single.count()) === 0) {
    context.skip('no open alert to take')
    return
  }
  const answered = page.waitForResponse((response) => response.request().method() === 'POST')
  await single.locator('.button.primary').click()
  await page.clock.runFor(5_100)
  assert.equal((await answered).status(), 200)
  assert.equal(writes.length, 1)
  assert.match(writes[0]!.url(), /\/api\/v1\/alerts\/[^/]+\/ack$/)
  assert.match(writes[0]!.headers()['idempotency-key'] ?? '', /^[0-9a-f]{32}$/)
  await page.context().close()
})

test('the stream speaks: hello, heartbeats and a cursor', async () => {
  const page = await openPage(stage, '/#/')
  const heard = await page.evaluate(() => new Promise<{ schema: number; cursor: number; beat: number }>((done) => {
    const source = new EventSource('/api/v1/stream?after=0')
    let schema = 0
    let cursor = -1
    source.addEventListener('hello', (event) => {
      const hello = JSON.parse((event as MessageEvent<string>).data) as { schema: number; cursor: number }
      schema = hello.schema
      cursor = hello.cursor
    })
    source.addEventListener('hb', (event) => {
      source.close()
      done({ schema, cursor, beat: (JSON.parse((event as MessageEvent<string>).data) as { cursor: number }).cursor })
    })
  }))
  assert.equal(heard.schema, 1)
  assert.ok(heard.beat >= 0 && heard.cursor >= 0)
  await page.context().close()
})
