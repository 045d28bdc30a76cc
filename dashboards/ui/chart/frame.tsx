/**
 * The ground of a chart: scale, the person's own bands, one place for each reading, and a slider that walks
 * through the readings by touch, pointer or arrow keys and says each one aloud.
 */
import type { JSX } from 'preact'
import type { Line, Reading } from '../contract'
import { words } from '../i18n/language'
import { Shape } from '../parts/shape'
import { useSize } from '../parts/size'
import { now } from '../state/live'
import { clockTime, day, fullDay, moment } from '../state/time'
import { valueText } from '../state/units'
import { bands, lineAt, spread, spreadAny, ticks } from './scale'

const HEIGHT = 280
const LEFT = 34
const RIGHT = 66
const TOP = 12
const FOOT = 26
/** Two readings of one bench session stand two minutes apart; this keeps them apart on half a year. */
const GAP = 9
const LABEL_GAP = 15
const DATE_ROOM = 84

export interface Place { x: number; y: (value: number) => number; top: number; foot: number }

interface ChartProps {
  label: string
  readings: readonly Reading[]
  low: number
  high: number
  step: number
  /** Lines with a filled band, and lines drawn only; each group with its glyph. */
  filled: readonly Line[]
  drawn: readonly Line[]
  glyphs: { filled: JSX.Element | null; drawn: JSX.Element | null }
  mark: (reading: Reading, place: Place, chosen: boolean) => JSX.Element
  spoken: (reading: Reading) => string
  chosen: number
  choose: (index: number) => void
}

/** Left and right go back and forth in time; Home and End to the first and the last. */
export function step(key: string, chosen: number, count: number): number | null {
  const last = count - 1
  const moves: Record<string, number> = {
    ArrowLeft: chosen - 1, ArrowDown: chosen - 1, ArrowRight: chosen + 1, ArrowUp: chosen + 1,
    PageUp: chosen + 10, PageDown: chosen - 10, Home: 0, End: last,
  }
  const next = moves[key]
  return next === undefined ? null : Math.min(last, Math.max(0, next))
}

export function Chart(props: ChartProps): JSX.Element {
  const { readings, low, high, chosen, choose } = props
  const { size, box } = useSize({ width: 328, height: HEIGHT })
  const width = Math.max(240, size.width)
  const foot = HEIGHT - FOOT
  const right = width - RIGHT
  const times = readings.map((reading) => Date.parse(reading.measured_at))
  const first = times[0] ?? 0
  const span = Math.max(1, (times[times.length - 1] ?? 0) - first)
  const xs = spread(times.map((time) => LEFT + 10 + ((time - first) / span) * (right - LEFT - 20)), GAP, LEFT + 8, right - 8)
  const y = (value: number): number => foot - ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (foot - TOP)

  const pick = (event: PointerEvent): void => {
    const element = event.currentTarget as HTMLElement
    const at = event.clientX - element.getBoundingClientRect().left
    const nearest = xs.reduce((best, x, index) => (Math.abs(x - at) < Math.abs(xs[best]! - at) ? index : best), 0)
    choose(nearest)
  }
  const press = (event: KeyboardEvent): void => {
    const next = step(event.key, chosen, readings.length)
    if (next === null) return
    event.preventDefault()
    choose(next)
  }
  const current = readings[chosen]
  return (
    <div class="chart" ref={box} role="slider" tabIndex={0} aria-label={props.label} aria-valuemin={1}
      aria-valuemax={readings.length} aria-valuenow={chosen + 1} aria-orientation="horizontal"
      aria-valuetext={current ? props.spoken(current) : ''}
      onKeyDown={press} onPointerDown={pick} onPointerMove={(event) => event.buttons === 1 && pick(event)}>
      <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
        <Ground {...props} y={y} right={right} foot={foot} />
        {current && <line class="cursor" x1={xs[chosen]} x2={xs[chosen]} y1={TOP} y2={foot} />}
        {readings.map((reading, index) => (
          <g key={reading.id} class={index === chosen ? 'mark chosen' : 'mark'}>
            {props.mark(reading, { x: xs[index]!, y, top: TOP, foot }, index === chosen)}
          </g>
        ))}
        <TimeAxis readings={readings} xs={xs} right={right} />
      </svg>
    </div>
  )
}

type GroundProps = ChartProps & { y: (value: number) => number; right: number; foot: number }

function Ground({ low, high, step: tick, filled, drawn, glyphs, y, right, foot }: GroundProps): JSX.Element {
  const seen = (line: Line): boolean => lineAt(line) >= low && lineAt(line) <= high
  const labels = [
    ...filled.filter(seen).map((line) => ({ line, glyph: glyphs.filled })),
    ...drawn.filter(seen).map((line) => ({ line, glyph: glyphs.drawn })),
  ]
  const spots = spreadAny(labels.map(({ line }) => y(lineAt(line))), LABEL_GAP, TOP, foot - 4)
  return (
    <g>
      {bands(filled, high).map((band) => (
        <rect key={`${band.from}${band.level}`} class={`band l-${band.level}`} x={LEFT} width={right - LEFT}
          y={y(band.to)} height={Math.max(0, y(band.from) - y(band.to))} />
      ))}
      {ticks(low, high, tick).map((value) => (
        <g key={value}>
          <line class="grid" x1={LEFT} x2={right} y1={y(value)} y2={y(value)} />
          <text class="tick" x={LEFT - 6} y={y(value) + 4} text-anchor="end">{value}</text>
        </g>
      ))}
      {labels.map(({ line, glyph }, index) => (
        <g key={line.measure + line.from + line.level} class={`l-${line.level}`}>
          <line class={filled.includes(line) ? 'limit' : 'limit drawn'} x1={LEFT} x2={right} y1={y(lineAt(line))} y2={y(lineAt(line))} />
          <line class="leader" x1={right} x2={right + 6} y1={y(lineAt(line))} y2={spots[index]} />
          {glyph && <g transform={`translate(${right + 12} ${spots[index]})`}>{glyph}</g>}
          <Shape level={line.level} size={13} x={right + 18} y={spots[index]! - 6.5} />
          <text class="limit-label" x={right + 34} y={spots[index]! + 4}>{lineAt(line)}</text>
        </g>
      ))}
    </g>
  )
}

/** The first and the last day, and as many between as have room. */
function TimeAxis({ readings, xs, right }: { readings: readonly Reading[]; xs: readonly number[]; right: number }): JSX.Element | null {
  const first = readings[0]
  const last = readings[readings.length - 1]
  if (!first || !last) return null
  const sameDay = fullDay(first.measured_at) === fullDay(last.measured_at)
  const text = (reading: Reading): string => (sameDay ? clockTime(reading.measured_at) : day(reading.measured_at))
  const between: number[] = []
  let free = LEFT + DATE_ROOM
  xs.forEach((x, index) => {
    const label = text(readings[index]!)
    if (x < free || x > right - DATE_ROOM || label === text(last) || label === text(first)) return
    between.push(index)
    free = x + DATE_ROOM
  })
  return (
    <g>
      <text class="tick" x={LEFT} y={HEIGHT - 6}>{text(first)}</text>
      {between.map((index) => <text key={index} class="tick" x={xs[index]} y={HEIGHT - 6} text-anchor="middle">{text(readings[index]!)}</text>)}
      {text(last) !== text(first) && <text class="tick" x={right} y={HEIGHT - 6} text-anchor="end">{text(last)}</text>}
    </g>
  )
}

/** One reading in words, as spoken and as written under the chart. */
export function readingText(reading: Reading): string {
  const w = words.value
  return [
    moment(reading.measured_at, now.value),
    `${w.kind[reading.kind]} ${valueText(reading)} ${reading.unit}`,
    reading.status === 'rejected' && w.rejected,
    reading.source === 'typed' && w.typed,
    reading.meal && (w.meal[reading.meal] ?? reading.meal),
    reading.setting && w.setting[reading.setting],
    reading.site,
    `${w.grade_short(reading.grade)} ${w.grade[reading.grade]}`,
  ].filter(Boolean).join(' · ')
}
