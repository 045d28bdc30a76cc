import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import {
  alerts, applyEvent, board, byPerson, compareAlerts, crossed, FEED_MAX, isOverdue, openAlerts, putAlert, readings, takeSnapshot,
} from '../../ui/state/live'
import { alert, iso, nextCommit, pressure, snapshot } from '../browser/township'

const NOW = Date.parse('2026-03-02T10:00:00+08:00')

beforeEach(() => takeSnapshot(snapshot(NOW)))

test('red stands before orange, untaken before taken, and the earliest deadline first', () => {
  const order = openAlerts.value.map((entry) => entry.level)
  assert.deepEqual(order, [...order].sort((a, b) => ['red', 'orange', 'yellow', 'blue'].indexOf(a) - ['red', 'orange', 'yellow', 'blue'].indexOf(b)))
  const early = alert(1, 'red', NOW, { deadline: iso(NOW) })
  const late = alert(2, 'red', NOW, { deadline: iso(NOW + 1_000) })
  assert.ok(compareAlerts(early, late) < 0)
  assert.ok(compareAlerts({ ...early, state: 'acknowledged' }, late) > 0)
})

test('a person has one card, with the worst alert on top', () => {
  const card = byPerson(openAlerts.value).find((entry) => entry[0]?.person === 'P000110')
  assert.deepEqual(card?.map((entry) => entry.level), ['red', 'yellow'])
})

test('a closed alert leaves the inbox', () => {
  const closed = { ...alerts.value.get('a0')!, state: 'closed' as const, commit: nextCommit() }
  applyEvent('alert', { alert: closed, change: 'closed' })
  assert.equal(openAlerts.value.some((entry) => entry.id === 'a0'), false)
})

test('an older event that comes late changes nothing', () => {
  const before = alerts.value.get('a0')!
  putAlert({ ...before, state: 'acknowledged', commit: before.commit + 1_000 })
  putAlert({ ...before, state: 'open', commit: before.commit + 500 })
  assert.equal(alerts.value.get('a0')?.state, 'acknowledged')
})

test('the same reading twice is one row, and the feed is bounded', () => {
  const reading = pressure(NOW, 150, 90)
  applyEvent('reading', { reading })
  applyEvent('reading', { reading })
  assert.equal(readings.value.filter((entry) => entry.id === reading.id).length, 1)
  for (let more = 0; more < 60; more += 1) applyEvent('reading', { reading: pressure(NOW, 120, 80) })
  assert.equal(readings.value.length, FEED_MAX)
})

test('a reading is marked as crossing once an alert names it', () => {
  const reading = pressure(NOW, 190, 100)
  applyEvent('reading', { reading })
  assert.equal(crossed.value.get(reading.id), undefined)
  applyEvent('alert', { alert: alert(20, 'orange', NOW, { reading }), change: 'opened' })
  applyEvent('alert', { alert: alert(20, 'red', NOW, { reading }), change: 'raised' })
  assert.equal(crossed.value.get(reading.id), 'red')
})

test('presence, quarantine and board events change what they name, unknown ones nothing', () => {
  applyEvent('presence', { site: 'V01', state: 'offline', last_seen: iso(NOW) })
  assert.equal(board.value?.sites[0]?.state, 'offline')
  applyEvent('quarantine', { count: 9 })
  assert.equal(board.value?.quarantined, 9)
  const before = board.value
  applyEvent('weather', { rain: true })
  assert.equal(board.value, before)
})

test('overdue is said by the gateway or by its clock', () => {
  assert.equal(isOverdue(alert(0, 'red', NOW, { deadline: iso(NOW), overdue: false }), NOW + 1), true)
  assert.equal(isOverdue(alert(0, 'red', NOW, { deadline: iso(NOW + 60_000), overdue: false }), NOW), false)
  assert.equal(isOverdue(alert(0, 'red', NOW, { deadline: null, overdue: true }), NOW), true)
  assert.equal(isOverdue(alert(0, 'red', NOW, { overdue: true, state: 'closed' }), NOW), false)
})
