/** Every screen, in both languages and both themes: no barrier, nothing overlapping, nothing leaving the origin. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright-core'
import { layoutFaults } from './layout'
import { openPage, openStage, screensOf, scripted, type Language, type Stage, type Theme } from './stage'
import { NAMES, VILLAGES } from './township'

const START_PATH_MAX = 45 * 1024
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const LANGUAGES: readonly Language[] = ['zh', 'en']

let stage: Stage
let screens: string[]
before(async () => {
  stage = await openStage()
  screens = await screensOf(stage)
})
after(async () => { await stage.close() })

/** A screen that has its content: no loading word, and its heading stands. */
async function shown(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor({ state: 'attached' })
  await page.getByText(/正在载入|Loading…/).first().waitFor({ state: 'detached' })
  await page.evaluate(() => document.getAnimations().forEach((animation) => animation.finish()))
}

/** What a user may unfold: raw bytes, the lines of a person, tables instead of charts. */
async function openAll(page: Page): Promise<void> {
  await page.evaluate(() => {
    document.querySelectorAll('details').forEach((part) => { part.open = true })
    document.querySelectorAll<HTMLElement>('.readings .button.text').forEach((button) => button.click())
  })
  await page.evaluate(() => new Promise(requestAnimationFrame))
}

async function axeFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const axe = (window as unknown as { axe: { run: (on: Document, how: object) => Promise<{ violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[] }> } }).axe
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice']
    const found = await axe.run(document, { runOnly: tags })
    return found.violations.flatMap((fault) => fault.nodes.map((node) => `${fault.id} ${node.target.join(' ')}: ${node.failureSummary}`))
  })
}

for (const language of LANGUAGES) {
  for (const theme of ['light', 'wall'] as readonly Theme[]) {
    test(`no barrier on any screen, ${language} ${theme}`, async () => {
      for (const screen of theme === 'wall' ? [...screens, '/wall'] : screens) {
        const page = await openPage(stage, screen, { language, theme })
        await shown(page)
        assert.deepEqual(await axeFaults(page), [], screen)
        await openAll(page)
        assert.deepEqual(await axeFaults(page), [], `${screen}, everything opened`)
        await page.context().close()
      }
    })
  }

  for (const width of [320, 360, 412]) {
    test(`texts, targets and edges keep their distance at ${width} px, ${language}`, async () => {
      for (const screen of screens) {
        const page = await openPage(stage, screen, { width, height: 780, language })
        await shown(page)
        assert.deepEqual(await page.evaluate(layoutFaults, 44), [], screen)
        await openAll(page)
        assert.deepEqual(await page.evaluate(layoutFaults, 44), [], `${screen}, everything opened`)
        await page.context().close()
      }
    })
  }

  test(`larger text still fits, ${language}`, async () => {
    for (const screen of screens) {
      const page = await openPage(stage, screen, { width: 360, height: 780, language })
      await shown(page)
      await page.evaluate(() => { document.documentElement.style.fontSize = '20px' })
      assert.deepEqual(await page.evaluate(layoutFaults, 44), [], screen)
      await page.context().close()
    }
  })

  test(`the wall and the desk fit their screens, ${language}`, async () => {
    for (const [screen, width, height] of [['/wall', 1920, 1080], ['/#/', 1366, 768], ['/#/inbox', 1366, 768]] as const) {
      const page = await openPage(stage, screen, { width, height, language })
      await shown(page)
      assert.deepEqual(await page.evaluate(layoutFaults, 24), [], screen)
      if (screen === '/wall') assert.equal(await page.evaluate(() => document.documentElement.scrollHeight > innerHeight + 1), false)
      await page.context().close()
    }
  })
}

test('an ack in each of its states keeps its place on the narrowest phone', scripted, async () => {
  for (const language of LANGUAGES) {
    stage.fake!.fresh()
    stage.fake!.ackAnswers.push(503)
    const page = await openPage(stage, '/#/inbox', { width: 320, height: 780, language, clock: true })
    const card = page.locator('.alert-card').first()
    await card.locator('.button.primary').click()
    await card.locator('.ack-undo').waitFor()
    assert.deepEqual(await page.evaluate(layoutFaults, 44), [])
    await page.clock.runFor(5_100)
    await card.locator('.ack-waiting').waitFor()
    assert.deepEqual(await page.evaluate(layoutFaults, 44), [])
    await page.context().close()
  }
  stage.fake!.fresh()
})

test('no request leaves the origin, and the content policy is never broken', async () => {
  for (const screen of [...screens, '/wall']) {
    const page = await openPage(stage, screen)
    const strays: string[] = []
    const broken: string[] = []
    page.on('request', (request) => {
      const url = new URL(request.url())
      if (url.protocol !== 'data:' && url.origin !== new URL(stage.url).origin) strays.push(url.href)
    })
    page.on('console', (line) => { if (/Content Security Policy|Uncaught/.test(line.text())) broken.push(line.text()) })
    page.on('pageerror', (fault) => broken.push(fault.message))
    await page.reload()
    await page.locator('.link-live').waitFor()
    await shown(page)
    assert.deepEqual({ strays, broken }, { strays: [], broken: [] }, screen)
    await page.context().close()
  }
})

test('the start path fits a slow phone', async (report) => {
  const page = await openPage(stage, '/#/inbox', { width: 360, height: 780 })
  const paths = await page.evaluate(() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name))
    .filter((url) => /\.(js|css)$/.test(url.pathname)).map((url) => url.href))
  const bodies = await Promise.all(paths.map(async (path) => (await page.request.get(path)).body()))
  const style = Buffer.from(await page.evaluate(() => [...document.querySelectorAll('style')].map((part) => part.textContent).join('')))
  const sizes = [...bodies, style].map((body) => gzipSync(body, { level: 9 }).length)
  const sum = sizes.reduce((all, size) => all + size, 0)
  report.diagnostic(`start path ${sum} bytes gzip: ${sizes.join(' + ')}`)
  assert.equal(paths.length, 1, 'one script, and no second request behind it')
  assert.ok(sum <= START_PATH_MAX, `${sum} bytes`)
  await page.context().close()
})

test('the wall shows no name, no value and no village', async () => {
  const page = await openPage(stage, '/wall', { width: 1920, height: 1080 })
  await shown(page)
  const answer = await page.request.get(`${stage.url}/api/v1/snapshot`)
  const known = (await answer.json()) as { alerts: { person: string; person_name: string | null; village: string | null; phone: string | null }[]; board: { villages: { village: string }[] } }
  const text = await page.evaluate(() => document.body.innerText + [...document.querySelectorAll('[aria-label]')].map((part) => part.getAttribute('aria-label')).join(' '))
  const forbidden = [
    ...(stage.fake ? [...NAMES, ...VILLAGES] : []), ...known.board.villages.map((village) => village.village),
    ...known.alerts.flatMap((entry) => [entry.person, entry.person_name, entry.village, entry.phone]),
  ].filter((word): word is string => Boolean(word))
  assert.deepEqual(forbidden.filter((word) => text.includes(word)), [])
  assert.doesNotMatch(text, /\b\d{2,3}\/\d{2,3}\s*(mmHg)?\b(?=.*mmHg)|mmHg|mmol/)
  await page.context().close()
})
