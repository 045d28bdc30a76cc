/**
 * One browser and one gateway for a suite. The gateway is the fake one, or a running `xunzhen` named by XUNZHEN_URL,
 * signed in through the one-time login link in XUNZHEN_LOGIN (a cookie in XUNZHEN_SESSION will do as well).
 */
import { chromium, type Browser, type BrowserContext, type Locator, type Page } from 'playwright-core'
import { FakeGateway } from './fake'

export const PATIENCE_MS = 15_000
const REAL = process.env['XUNZHEN_URL']?.replace(/\/$/, '')
/** For suites that script what the gateway says. */
export const scripted = { skip: REAL ? 'needs the scripted gateway' : false }

export interface Stage { url: string; browser: Browser; fake: FakeGateway | null; close: () => Promise<void> }
export type Language = 'zh' | 'en'
export type Theme = 'light' | 'wall'

/** The cookies of a real gateway's session, as the test runner got them from the login link: `name=value; …`. */
async function signIn(context: BrowserContext): Promise<void> {
  const pairs = (REAL ? process.env['XUNZHEN_SESSION'] ?? '' : '').split('; ').filter(Boolean)
  await context.addCookies(pairs.map((pair) => {
    const at = pair.indexOf('=')
    return { name: pair.slice(0, at), value: pair.slice(at + 1), url: REAL! }
  }))
}

export async function openStage(): Promise<Stage> {
  const browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  })
  const fake = REAL ? null : new FakeGateway(process.env['DASHBOARDS_DIST'] ?? 'dist')
  const url = REAL ?? (await fake!.start())
  return { url, browser, fake, close: async () => { await browser.close(); await fake?.stop() } }
}

interface Sight { width?: number; height?: number; language?: Language; theme?: Theme; clock?: boolean }

/** Opens one screen and waits until the live connection stands. */
export async function openPage(stage: Stage, path: string, sight: Sight = {}): Promise<Page> {
  const { width = 1366, height = 900, language = 'zh', theme = 'light', clock = false } = sight
  const context = await stage.browser.newContext({
    viewport: { width, height }, timezoneId: 'Europe/Lisbon', reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(PATIENCE_MS)
  await signIn(context)
  await context.addInitScript(([spoken, colours]) => {
    localStorage.setItem('xz.lang', spoken!)
    localStorage.setItem('xz.theme', colours!)
  }, [language, theme])
  const page = await context.newPage()
  if (clock) await page.clock.install()
  await page.goto(`${stage.url}${path}`)
  await page.locator('.link-live').waitFor()
  return page
}

/** Waits for a fact about the gateway, looking again and again; fails after `PATIENCE_MS`. */
export async function until(what: string, page: Page, fact: () => boolean): Promise<void> {
  const end = process.hrtime.bigint() + BigInt(PATIENCE_MS) * BigInt(1_000_000)
  while (!fact()) {
    if (process.hrtime.bigint() > end) throw new Error(`waited in vain until ${what}`)
    await page.evaluate(() => new Promise(requestAnimationFrame))
  }
}

/** Lets the page's clock run, a second at a time and with what the network needs between, until `sight` is to be seen. */
export async function passTime(page: Page, sight: Locator): Promise<void> {
  const end = process.hrtime.bigint() + BigInt(PATIENCE_MS) * BigInt(1_000_000)
  while (!(await sight.isVisible()) && process.hrtime.bigint() < end) await page.clock.runFor(1_000)
  await sight.waitFor()
}

/** The screens with a person and an alert that this gateway knows; a real one without an open alert has fewer. */
export async function screensOf(stage: Stage): Promise<string[]> {
  const page = await openPage(stage, '/#/')
  const answer = await page.request.get(`${stage.url}/api/v1/snapshot`)
  const { alerts } = (await answer.json()) as { alerts: { id: string; person: string }[] }
  await page.context().close()
  const first = alerts[0]
  return ['/#/', '/#/inbox', '/#/people', '/#/quarantine', ...(first ? [`/#/p/${first.person}`, `/#/alert/${first.id}`] : [])]
}
