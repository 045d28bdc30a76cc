import type { JSX } from 'preact'
import type { Line, Reading, Setting } from '../contract'
import { words } from '../i18n/language'
import { inMmHg } from '../state/units'
import { Chart, readingText, type Place } from './frame'
import { lineAt, linesOf, markLevel } from './scale'

const DOT = <circle class="glyph" r="3.2" />
const SQUARE = <rect class="glyph" x="-2.9" y="-2.9" width="5.8" height="5.8" />

interface PressureProps {
  readings: readonly Reading[]; lines: readonly Line[]; setting: Setting; chosen: number; choose: (index: number) => void
}

/** One bar a reading, from the systolic circle down to the diastolic square. */
export function PressureChart({ readings, lines, setting, chosen, choose }: PressureProps): JSX.Element {
  const systolic = linesOf(lines, 'systolic', setting)
  const diastolic = linesOf(lines, 'diastolic', setting)
  const sound = readings.filter((reading) => reading.status === 'stored')
  const lowest = Math.min(60, ...sound.map((reading) => inMmHg(reading.diastolic ?? 60, reading.unit)))
  const highest = Math.max(160, ...systolic.map((line) => lineAt(line) + 15), ...sound.map((reading) => inMmHg(reading.systolic ?? 0, reading.unit) + 8))
  return (
    <Chart label={words.value.chart_pressure(readings.length)} readings={readings}
      low={Math.floor(lowest / 20) * 20} high={Math.ceil(highest / 20) * 20} step={40}
      filled={systolic} drawn={diastolic} glyphs={{ filled: DOT, drawn: SQUARE }}
      mark={(reading, place, picked) => bar(lines, reading, place, picked)} spoken={readingText} chosen={chosen} choose={choose} />
  )
}

const stroke = (x: number, y: number): string => `M${x - 7} ${y + 6}L${x + 7} ${y - 6}`

function bar(lines: readonly Line[], reading: Reading, { x, y }: Place, picked: boolean): JSX.Element {
  const level = markLevel(lines, reading)
  const top = y(inMmHg(reading.systolic ?? 0, reading.unit))
  const foot = y(inMmHg(reading.diastolic ?? 0, reading.unit))
  const size = picked ? 5.5 : 3.8
  const rejected = reading.status === 'rejected'
  return (
    <g class={`pressure ${level ? `l-${level}` : ''}${rejected ? ' rejected' : ''}${reading.source === 'typed' ? ' typed' : ''} grade-${reading.grade}`}>
      <line class="stem" x1={x} x2={x} y1={top} y2={foot} />
      <circle cx={x} cy={top} r={size} />
      <rect x={x - size * 0.9} y={foot - size * 0.9} width={size * 1.8} height={size * 1.8} />
      {rejected && <path class="strike" d={`${stroke(x, top)}${stroke(x, (top + foot) / 2)}${stroke(x, foot)}`} />}
    </g>
  )
}
