/** What the screens cost: on a slow line, under a flood of readings, from the gateway's push to the eye. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { Page } from 'playwright-core'
import { pressure } from './township'
import { openPage, openStage, scripted, until, type Stage } from './stage'

/** UX section 7. */
const USABLE_SLOW_3G_MS = 5_500
const PUSH_TO_EYE_P95_MS = 250
const HEAP_GROWTH_MAX = 3 * 1024 * 1024

let stage: Stage
before(async () => { stage = await openStage() })
after(async () => { await stage.close() })
beforeEach(() => stage.fake?.fresh())

test('the inbox is usable on slow 3G', scripted, async (report) => {
  const context = await stage.browser.newContext({ viewport: { width: 360, height: 780 } })
  const page = await context.newPage()
  const tools = await context.newCDPSession(page)
  await tools.send('Network.enable')
  await tools.send('Network.emulateNetworkConditions', { offline: false, latency: 2_000, downloadThroughput: 50_000, uploadThroughput: 50_000 })
  await tools.send('Emulation.setCPUThrottlingRate', { rate: 4 })
  await page.addInitScript(() => {
    new MutationObserver(() => {
      if (document.querySelector('.alert-card .button.primary') && !document.documentElement.dataset['usable']) {
        document.documentElement.dataset['usable'] = String(performance.now())
      }
    }).observe(document, { childList: true, subtree: true })
  })
  await page.goto(`${stage.url}/#/inbox`)
  await page.locator('html[data-usable]').waitFor({ state: 'attached' })
  const usable = Number(await page.locator('html').getAttribute('data-usable'))
  report.diagnostic(`usable after ${Math.round(usable)} ms`)
  assert.ok(usable <= USABLE_SLOW_3G_MS, `${Math.round(usable)} ms`)
  await context.close()
})

test('a pushed reading is on the board at once, and a flood of them leaves nothing behind', scripted, async (report) => {
  const fake = stage.fake!
  const page = await openPage(stage, '/#/')
  await watchPulses(page)
  const sent = new Map<number, number>()
  for (let pulse = 1_001; pulse <= 1_040; pulse += 1) {
    const reading = pressure(Date.now(), pulse, 80)
    sent.set(pulse, Date.now())
    fake.send('reading', { reading }, reading.commit)
    await page.locator('.feed-row', { hasText: `${pulse}/80` }).waitFor()
  }
  const seen = await page.evaluate(() => (window as unknown as { seen: [number, number][] }).seen)
  const waits = seen.map(([pulse, at]) => at - sent.get(pulse)!).sort((a, b) => a - b)
  const p95 = waits[Math.floor(waits.length * 0.95)]!
  report.diagnostic(`push to eye: p50 ${waits[Math.floor(waits.length / 2)]} ms, p95 ${p95} ms`)
  assert.ok(p95 <= PUSH_TO_EYE_P95_MS, `p95 ${p95} ms`)

  await flood(page, 1_000)
  const before = await heap(page)
  await flood(page, 4_000)
  const growth = (await heap(page)) - before
  report.diagnostic(`heap grew by ${Math.round(growth / 1024)} KiB over 4,000 readings`)
  assert.equal(await page.locator('.feed-row').count(), 40)
  assert.ok(growth < HEAP_GROWTH_MAX, `${growth} bytes`)
  await page.context().close()
})

async function watchPulses(page: Page): Promise<void> {
  await page.evaluate(() => {
    const seen: [number, number][] = []
    Object.assign(window, { seen })
    new MutationObserver((changes) => {
      for (const change of changes) {
        for (const added of change.addedNodes) {
          const found = /(\d{4})\/80/.exec(added.textContent ?? '')
          if (found) seen.push([Number(found[1]), Date.now()])
        }
      }
    }).observe(document.querySelector('.feed')!, { childList: true, subtree: true })
  })
}

async function flood(page: Page, count: number): Promise<void> {
  const fake = stage.fake!
  let last = ''
  for (let sent = 0; sent < count; sent += 1) {
    const reading = pressure(Date.now(), 100 + (sent % 60), 60 + (sent % 20), { device: `F-${count}-${sent}`, site: null })
    last = reading.device
    fake.send('reading', { reading }, reading.commit)
    if (sent % 200 === 199) await page.locator('.feed-row', { hasText: last }).waitFor()
  }
  await page.locator('.feed-row', { hasText: last }).waitFor()
  await until('the viewer is still connected', page, () => fake.viewers === 1)
}

async function heap(page: Page): Promise<number> {
  const tools = await page.context().newCDPSession(page)
  await tools.send('HeapProfiler.collectGarbage')
  const { usedSize } = (await tools.send('Runtime.getHeapUsage')) as { usedSize: number }
  await tools.detach()
  return usedSize
}
