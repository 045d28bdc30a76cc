/** Plain computations behind the charts: where things stand, and which line of the person's own applies. */
import type { Level, Line, Reading, Setting } from '../contract'
import { rank } from '../state/live'
import { inMmHg, inMmolPerL } from '../state/units'

export type Measure = Line['measure']
export interface Band { from: number; to: number; level: Level }

/** Keeps each point near its true place and `gap` away from its neighbours, within [`low`, `high`]. */
export function spread(places: readonly number[], gap: number, low: number, high: number): number[] {
  const room = places.length > 1 ? Math.min(gap, (high - low) / (places.length - 1)) : 0
  const spots = places.map((place) => Math.min(high, Math.max(low, place)))
  for (let i = 1; i < spots.length; i += 1) spots[i] = Math.max(spots[i]!, spots[i - 1]! + room)
  for (let i = spots.length - 1, edge = high; i >= 0; i -= 1, edge = spots[i + 1]! - room) spots[i] = Math.max(low, Math.min(spots[i]!, edge))
  return spots
}

/** `spread` for places in any order. */
export function spreadAny(places: readonly number[], gap: number, low: number, high: number): number[] {
  const order = places.map((_, index) => index).sort((a, b) => places[a]! - places[b]!)
  const sorted = spread(order.map((index) => places[index]!), gap, low, high)
  const spots: number[] = []
  order.forEach((index, position) => { spots[index] = sorted[position]! })
  return spots
}

/** The lines of one measure that count in one setting; equal ones once. */
export function linesOf(lines: readonly Line[], measure: Measure, setting: Setting): Line[] {
  const wanted = lines.filter((line) => line.measure === measure && (line.setting === 'any' || setting === 'any' || line.setting === setting))
  const unique = new Map(wanted.map((line) => [`${line.from}${line.level}`, line]))
  return [...unique.values()].sort((a, b) => a.from - b.from || rank(b.level) - rank(a.level))
}

/** A line's number on the chart's scale. */
export function lineAt(line: Line): number {
  return line.measure === 'systolic' || line.measure === 'diastolic' ? inMmHg(line.from, line.unit) : inMmolPerL(line.from, line.unit)
}

/** From each line up to the next one, the last to the top. */
export function bands(lines: readonly Line[], top: number): Band[] {
  return lines.map((line, index) => {
    const next = lines[index + 1]
    return { from: lineAt(line), to: next ? lineAt(next) : top, level: line.level }
  }).filter((band) => band.to > band.from)
}

/** The level of the highest line that `value` reaches; the line itself is reached. */
export function levelAt(lines: readonly Line[], value: number): Level | null {
  let found: Level | null = null
  for (const line of lines) {
    if (value >= lineAt(line) && (found === null || rank(line.level) < rank(found))) found = line.level
  }
  return found
}

export const settingOf = (reading: Reading): Setting => (reading.setting === 'home' ? 'home' : 'clinic')
export const mealMeasure = (reading: Reading): Measure => (reading.meal === 'fasting' ? 'glucose_fasting' : 'glucose_other')

/** For colouring a mark only: what an alert is, the gateway alone decides. */
export function markLevel(lines: readonly Line[], reading: Reading): Level | null {
  if (reading.status === 'rejected') return null
  const setting = settingOf(reading)
  const worst = (found: (Level | null)[]): Level | null =>
    found.filter((level): level is Level => level !== null).sort((a, b) => rank(a) - rank(b))[0] ?? null
  if (reading.kind === 'blood_pressure') {
    return worst([
      levelAt(linesOf(lines, 'systolic', setting), inMmHg(reading.systolic ?? 0, reading.unit)),
      levelAt(linesOf(lines, 'diastolic', setting), inMmHg(reading.diastolic ?? 0, reading.unit)),
    ])
  }
  if (typeof reading.value !== 'number') return null
  return levelAt(linesOf(lines, mealMeasure(reading), setting), inMmolPerL(reading.value, reading.unit))
}

/** Round numbers from `low` to `high`. */
export function ticks(low: number, high: number, step: number): number[] {
  const found: number[] = []
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) found.push(tick)
  return found
}

/** By measured time, then by id, so that the order never depends on arrival. */
export function inOrder(readings: readonly Reading[]): Reading[] {
  return [...readings].sort((a, b) => Date.parse(a.measured_at) - Date.parse(b.measured_at) || a.id.localeCompare(b.id))
}
