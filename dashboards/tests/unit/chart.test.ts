import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { step } from '../../ui/chart/frame'
import { bands, inOrder, levelAt, linesOf, markLevel, spread, spreadAny, ticks } from '../../ui/chart/scale'
import { wholeDay } from '../../ui/parts/hours'
import { glucose, person, pressure, snapshot } from '../browser/township'

const NOW = Date.parse('2026-03-02T10:00:00+08:00')
const LINES = person('P1', snapshot(NOW)).lines

test('crowded readings are moved apart, lonely ones stay where they are', () => {
  assert.deepEqual(spread([10, 10, 50], 8, 0, 100), [10, 18, 50])
  assert.deepEqual(spread([98, 99, 100], 8, 0, 100), [84, 92, 100])
  assert.deepEqual(spreadAny([50, 50, 10], 5, 0, 100), [50, 55, 10])
})

test('more readings than room still stand in order within the chart', () => {
  const spots = spread(Array.from({ length: 400 }, () => 30), 9, 0, 200)
  assert.ok(spots.every((spot, index) => spot >= 0 && spot <= 200 && (index === 0 || spot >= spots[index - 1]!)))
})

test('bands are those of the person in that setting, from each line to the next', () => {
  const clinic = linesOf(LINES, 'systolic', 'clinic')
  assert.deepEqual(bands(clinic, 220), [
    { from: 150, to: 160, level: 'yellow' }, { from: 160, to: 180, level: 'orange' }, { from: 180, to: 220, level: 'red' },
  ])
  assert.equal(linesOf(LINES, 'systolic', 'home')[0]?.from, 145)
  assert.deepEqual(bands([], 220), [])
})

test('the line itself is reached', () => {
  const clinic = linesOf(LINES, 'systolic', 'clinic')
  assert.deepEqual([149, 150, 179, 180].map((value) => levelAt(clinic, value)), [null, 'yellow', 'orange', 'red'])
})

test('a mark takes the worse of its two numbers, in the setting it was taken', () => {
  assert.equal(markLevel(LINES, pressure(NOW, 140, 111)), 'red')
  assert.equal(markLevel(LINES, pressure(NOW, 147, 80, { setting: 'clinic' })), null)
  assert.equal(markLevel(LINES, pressure(NOW, 147, 80, { setting: 'home' })), 'yellow')
  assert.equal(markLevel(LINES, pressure(NOW, 250, 80, { status: 'rejected' })), null)
  assert.equal(markLevel(LINES, glucose(NOW, 8, 'fasting')), 'yellow')
  assert.equal(markLevel(LINES, glucose(NOW, 8, 'after_meal')), null)
  assert.equal(markLevel(LINES, glucose(NOW, 180, 'random', { unit: 'mg/dL' })), 'yellow')
  assert.equal(markLevel(LINES, glucose(NOW, 'HI', 'random')), null)
})

test('arrow keys walk through the readings and stop at the ends', () => {
  assert.equal(step('ArrowLeft', 5, 10), 4)
  assert.equal(step('ArrowRight', 9, 10), 9)
  assert.equal(step('Home', 5, 10), 0)
  assert.equal(step('End', 5, 10), 9)
  assert.equal(step('a', 5, 10), null)
})

test('readings stand by measured time, however they came', () => {
  const first = pressure(NOW - 1_000, 120, 80)
  const second = pressure(NOW, 130, 80)
  assert.deepEqual(inOrder([second, first]).map((reading) => reading.id), [first.id, second.id])
})

test('axis numbers are round and a day has 24 hours', () => {
  assert.deepEqual(ticks(60, 200, 40), [80, 120, 160, 200])
  const day = wholeDay([{ hour: 7, readings: 3, crossings: 1 }])
  assert.equal(day.length, 24)
  assert.equal(day[7]?.readings, 3)
})

/** Relative luminance and contrast as WCAG 2 defines them. */
function contrast(first: string, second: string): number {
  const light = (hex: string): number => {
    const whole = hex.length === 4 ? `#${[...hex.slice(1)].map((digit) => digit + digit).join('')}` : hex
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(whole.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
  }
  const [high, low] = [light(first), light(second)].sort((a, b) => b - a)
  return (high! + 0.05) / (low! + 0.05)
}

test('every colour pair of both themes can be read', () => {
  const css = readFileSync(join(process.env['DASHBOARDS_ROOT']!, 'ui/style/tokens.css'), 'utf8')
  for (const theme of [css.slice(css.indexOf(':root'), css.indexOf('[data-theme')), css.slice(css.indexOf('[data-theme'), css.indexOf('.l-red'))]) {
    const token = (name: string): string => new RegExp(`--${name}:(#[0-9A-Fa-f]{3,6})`).exec(theme)![1]!
    const pairs: [string, string][] = [['ink', 'bg'], ['ink', 'surface'], ['muted', 'surface'], ['muted', 'bg'], ['accent', 'surface'], ['on-accent', 'accent'], ['accent', 'accent-soft']]
    for (const level of ['red', 'orange', 'yellow', 'blue']) {
      pairs.push([`${level}-on`, level], [`${level}-ink`, 'surface'], [`${level}-ink`, `${level}-soft`], ['ink', `${level}-soft`])
    }
    for (const [text, ground] of pairs) {
      const found = contrast(token(text), token(ground))
      assert.ok(found >= 4.5, `${text} on ${ground}: ${found.toFixed(2)}`)
    }
  }
})
