/** What a user sees of a living gateway: events without a reload, honest staleness, an ack sent once. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { alert, iso, nextCommit, pressure } from './township'
import { openPage, openStage, passTime, scripted, until, type Stage } from './stage'

let stage: Stage
before(async () => { stage = await openStage() })
after(async () => { await stage.close() })
beforeEach(() => stage.fake?.fresh())

test('a reading, its alert and the counts appear without a reload', scripted, async () => {
  const fake = stage.fake!
  const page = await openPage(stage, '/#/')
  await page.evaluate(() => { document.body.dataset['sameDocument'] = 'yes' })
  const reading = pressure(Date.now(), 211, 121, { person: 'P000110' })
  fake.send('reading', { reading }, reading.commit)
  await page.locator('.feed-row', { hasText: '211/121' }).waitFor()
  fake.send('alert', { alert: alert(30, 'red', Date.now(), { reading, person_name: '钱新生', overdue: true, deadline: iso(Date.now() - 3_600_000 * 9) }), change: 'opened' })
  await page.locator('.feed-row.crossing.l-red', { hasText: '211/121' }).waitFor()
  await page.locator('.open-alerts', { hasText: '钱新生' }).waitFor()
  fake.send('board', { board: { ...fake.snap.board, open: { ...fake.snap.board.open, red: 7 } } })
  await page.locator('a.tile.l-red .tile-count', { hasText: '7' }).waitFor()
  fake.send('presence', { site: 'V01', state: 'offline', last_seen: iso(Date.now()) })
  await page.locator('.site-offline', { hasText: '流动车 1' }).waitFor()
  assert.equal(await page.evaluate(() => document.body.dataset['sameDocument']), 'yes')
  await page.context().close()
})

test('taking an alert posts once, five seconds later, with a key and the guard header', scripted, async () => {
  const fake = stage.fake!
  const page = await openPage(stage, '/#/inbox', { width: 360, height: 780, clock: true })
  const card = page.locator('.alert-card', { hasText: '李建国' }).first()
  await card.getByRole('button', { name: '我来处理' }).click()
  await card.getByRole('button', { name: '撤销' }).waitFor()
  assert.equal(fake.posted.length, 0)
  await page.clock.runFor(5_100)
  await until('the ack arrives', page, () => fake.posted.length > 0)
  await card.getByText('已确认').first().waitFor()
  assert.equal(fake.posted.length, 1)
  assert.match(fake.posted[0]!.path, /^\/api\/v1\/alerts\/a1\/ack$/)
  assert.match(fake.posted[0]!.key ?? '', /^[0-9a-f]{32}$/)
  assert.equal(fake.posted[0]!.csrf, 'xunzhen')
  await page.context().close()
})

test('an undone ack is never sent', scripted, async () => {
  const fake = stage.fake!
  const page = await openPage(stage, '/#/inbox', { width: 360, height: 780, clock: true })
  const card = page.locator('.alert-card', { hasText: '李建国' }).first()
  await card.getByRole('button', { name: '我来处理' }).click()
  await card.getByRole('button', { name: '撤销' }).click()
  await card.getByRole('button', { name: '我来处理' }).waitFor()
  await page.clock.runFor(6_000)
  assert.equal(fake.posted.length, 0)
  await page.context().close()
})

test('a failed ack stays in sight, survives a reload, and goes out again under the same key', scripted, async () => {
  const fake = stage.fake!
  fake.ackAnswers.push(503)
  const page = await openPage(stage, '/#/inbox', { width: 360, height: 780, clock: true })
  const card = page.locator('.alert-card', { hasText: '李建国' }).first()
  await card.getByRole('button', { name: '我来处理' }).click()
  await page.clock.runFor(5_100)
  await card.getByText('待上传').waitFor()
  await page.goto(`${stage.url}/#/quarantine`)
  await page.locator('.banner-waiting', { hasText: '1 条确认待上传' }).waitFor()
  await page.goto(`${stage.url}/#/inbox`)
  fake.ackAnswers.push(503)
  await page.reload()
  await card.getByText('待上传').waitFor()
  await until('the page tried again by itself', page, () => fake.posted.length === 2)
  await card.getByRole('button', { name: '重试' }).click()
  await card.getByText('已确认').first().waitFor()
  assert.equal(new Set(fake.posted.map((entry) => entry.key)).size, 1)
  await page.context().close()
})

test('a stream that dies silently makes the page stale, and the page says since when', scripted, async () => {
  const fake = stage.fake!
  const page = await openPage(stage, '/#/', { clock: true })
  fake.silent = true
  await page.clock.runFor(37_000)
  await page.getByText(/数据停在 \d\d:\d\d/).waitFor()
  await page.locator('.frame.is-stale').waitFor()
  fake.silent = false
  await passTime(page, page.locator('.link-live'))
  await page.locator('.banner-stale').waitFor({ state: 'detached' })
  await page.context().close()
})

test('a cut stream resumes from its cursor and misses nothing', scripted, async () => {
  const fake = stage.fake!
  const page = await openPage(stage, '/#/', { clock: true })
  const first = fake.resumedAfter[0]!
  assert.equal(first, fake.snap.cursor)
  const reading = pressure(Date.now(), 133, 77, { commit: nextCommit() })
  fake.send('reading', { reading }, reading.commit)
  await page.locator('.feed-row', { hasText: '133/77' }).waitFor()
  fake.cut()
  await page.locator('.link-lost').waitFor()
  await page.clock.runFor(1_500)
  await page.locator('.link-live').waitFor()
  assert.equal(fake.resumedAfter[1], reading.commit - 1)
  await page.context().close()
})

test('an offline spell shows, and heals without a reload', async () => {
  const page = await openPage(stage, '/#/', { clock: true })
  await page.context().setOffline(true)
  stage.fake?.cut()
  await page.clock.runFor(40_000)
  await page.locator('.banner-stale').waitFor()
  await page.context().setOffline(false)
  await passTime(page, page.locator('.link-live'))
  await page.locator('.banner-stale').waitFor({ state: 'detached' })
  await page.context().close()
})

test('an expired session says so instead of showing old numbers in silence', scripted, async () => {
  const page = await openPage(stage, '/#/', { clock: true })
  await page.route('**/api/v1/**', (route) => route.fulfill({ status: 401, json: { code: 'signed_out', message: 'signed out', message_zh: '未登录' } }))
  stage.fake?.cut()
  await passTime(page, page.getByText('登录已失效'))
  await page.context().close()
})

test('one part that cannot be drawn leaves the alerts in sight, and comes back with sound numbers', scripted, async () => {
  const fake = stage.fake!
  const page = await openPage(stage, '/#/')
  fake.send('board', { board: { ...fake.snap.board, villages: null } })
  await page.getByText('此处无法显示').waitFor()
  await page.locator('.open-alerts .alert-row').first().waitFor()
  fake.send('board', { board: fake.snap.board })
  await page.locator('.villages .village').first().waitFor()
  await page.context().close()
})

test('a reading that comes while the person is open stays on the page when the feed has forgotten it', scripted, async () => {
  const fake = stage.fake!
  const page = await openPage(stage, '/#/p/P000110')
  await page.getByRole('heading', { name: /28 次/ }).waitFor()
  const own = pressure(Date.now(), 177, 99, { person: 'P000110' })
  fake.send('reading', { reading: own }, own.commit)
  await page.getByRole('heading', { name: /29 次/ }).waitFor()
  for (let other = 0; other < 45; other += 1) {
    const reading = pressure(Date.now(), 120, 80, { person: 'P000999' })
    fake.send('reading', { reading }, reading.commit)
  }
  fake.send('board', { board: { ...fake.snap.board, quarantined: 77 } })
  await page.locator('.nav-count', { hasText: '77' }).waitFor()
  await page.getByRole('heading', { name: /29 次/ }).waitFor()
  await page.context().close()
})

test('a person is found by name and opened', scripted, async () => {
  const page = await openPage(stage, '/#/people', { width: 360, height: 780 })
  await page.getByRole('searchbox').fill('秀兰')
  await page.locator('.people .alert-row').nth(1).waitFor({ state: 'detached' })
  await page.locator('.people .alert-row', { hasText: '王秀兰' }).click()
  await page.getByRole('heading', { level: 1, name: '王秀兰' }).waitFor()
  assert.match(page.url(), /#\/p\/P\d+$/)
  await page.goBack()
  await page.getByRole('searchbox').waitFor()
  await page.context().close()
})

test('the keyboard walks through the readings and each one is spoken', scripted, async () => {
  const page = await openPage(stage, '/#/p/P000110')
  const chart = page.getByRole('slider').first()
  await chart.focus()
  const last = await chart.getAttribute('aria-valuetext')
  await page.keyboard.press('ArrowLeft')
  const before = await chart.getAttribute('aria-valuetext')
  assert.notEqual(before, last)
  assert.match(before ?? '', /血压 \d+\/\d+ mmHg/)
  await page.keyboard.press('Home')
  assert.equal(await chart.getAttribute('aria-valuenow'), '1')
  await page.getByRole('button', { name: '查看数据表' }).first().click()
  await page.locator('tr.rejected del').first().waitFor()
  await page.context().close()
})
