import type { JSX } from 'preact'
import type { Line, Reading, Setting } from '../contract'
import { words } from '../i18n/language'
import { inMmolPerL } from '../state/units'
import { Chart, readingText, type Place } from './frame'
import { lineAt, linesOf, markLevel, mealMeasure, type Measure } from './scale'

interface GlucoseProps {
  readings: readonly Reading[]; lines: readonly Line[]; setting: Setting; measure: Measure
  chosen: number; choose: (index: number) => void
}

const number = (reading: Reading): number | null =>
  typeof reading.value === 'number' ? inMmolPerL(reading.value, reading.unit) : null

/** One mark a reading, its shape by meal; readings of the other context stay in sight, paler. */
export function GlucoseChart({ readings, lines, setting, measure, chosen, choose }: GlucoseProps): JSX.Element {
  const own = linesOf(lines, measure, setting)
  const values = readings.filter((reading) => reading.status === 'stored').map(number).filter((value) => value !== null)
  const highest = Math.max(12, ...own.map((line) => lineAt(line) + 1), ...values.map((value) => value + 1))
  return (
    <Chart label={words.value.chart_glucose(readings.length)} readings={readings} low={0} high={Math.ceil(highest / 2) * 2}
      step={highest > 20 ? 8 : 4} filled={own} drawn={[]} glyphs={{ filled: null, drawn: null }}
      mark={(reading, place, picked) => mark(lines, reading, place, picked, mealMeasure(reading) === measure)}
      spoken={readingText} chosen={chosen} choose={choose} />
  )
}

/** `HI` and `LO` are beyond what the meter can say: they stand at the edge with their word. */
function mark(lines: readonly Line[], reading: Reading, { x, y, top, foot }: Place, picked: boolean, inContext: boolean): JSX.Element {
  const level = markLevel(lines, reading)
  const value = number(reading)
  const at = value === null ? (reading.value === 'HI' ? top + 4 : foot - 4) : y(value)
  const rejected = reading.status === 'rejected'
  return (
    <g class={`glucose ${level ? `l-${level}` : ''}${rejected ? ' rejected' : ''}${reading.source === 'typed' ? ' typed' : ''}${inContext ? '' : ' pale'} grade-${reading.grade}`}>
      <MealShape meal={reading.meal ?? 'unknown'} x={x} y={at} size={picked ? 6.5 : 4.6} />
      {value === null && <text class="edge" x={x} y={reading.value === 'HI' ? at + 18 : at - 9} text-anchor="middle">{reading.value}</text>}
      {rejected && <path class="strike" d={`M${x - 7} ${at + 7}L${x + 7} ${at - 7}`} />}
    </g>
  )
}

interface MealProps { meal: string; x: number; y: number; size: number }

/** Fasting circle, after a meal triangle, all others square. */
export function MealShape({ meal, x, y, size }: MealProps): JSX.Element {
  if (meal === 'fasting') return <circle cx={x} cy={y} r={size} />
  if (meal === 'after_meal') return <path d={`M${x} ${y - size * 1.2}L${x + size * 1.15} ${y + size}L${x - size * 1.15} ${y + size}Z`} />
  return <rect x={x - size * 0.9} y={y - size * 0.9} width={size * 1.8} height={size * 1.8} />
}
