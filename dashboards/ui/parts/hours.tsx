import type { JSX } from 'preact'
import type { Hour } from '../contract'
import { words } from '../i18n/language'
import { now } from '../state/live'
import { chinaHour } from '../state/time'
import { useSize } from './size'

const HOURS = 24

/** All 24 hours, zero where the gateway names none. */
export function wholeDay(hourly: readonly Hour[]): Hour[] {
  const known = new Map(hourly.map((hour) => [hour.hour, hour]))
  return Array.from({ length: HOURS }, (_, hour) => known.get(hour) ?? { hour, readings: 0, crossings: 0 })
}

/** Bars of readings with the crossing part hatched at the foot; the current hour stands out. `text` is in pixels. */
export function HourBars({ hourly, text }: { hourly: readonly Hour[]; text: number }): JSX.Element {
  const w = words.value
  const { size, box } = useSize({ width: 320, height: 170 })
  const day = wholeDay(hourly)
  const spoken = day.filter((hour) => hour.readings > 0)
    .map((hour) => w.hour_spoken(hour.hour, hour.readings, hour.crossings)).join('; ')
  return (
    <div class="hour-bars" ref={box} role="img" aria-label={`${w.hourly}: ${spoken || w.none_waiting}`}>
      <svg width={size.width} height={size.height} aria-hidden="true">
        <defs>
          <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <rect class="hatch-ground" width="6" height="6" /><rect class="hatch-line" width="2.5" height="6" />
          </pattern>
        </defs>
        <Bars day={day} width={size.width} height={size.height} text={text} />
      </svg>
    </div>
  )
}

interface BarsProps { day: readonly Hour[]; width: number; height: number; text: number }

function Bars({ day, width, height, text }: BarsProps): JSX.Element {
  const step = width / HOURS
  const foot = height - text * 1.7
  const room = foot - text * 1.6
  const most = Math.max(4, ...day.map((hour) => hour.readings))
  const tall = (count: number): number => (count ? Math.max(2, (count / most) * room) : 0)
  const wide = step * 0.74
  const current = chinaHour(now.value)
  const tallest = day.findIndex((hour) => hour.readings === most)
  return (
    <g font-size={text}>
      {day.map((hour) => {
        const x = hour.hour * step + (step - wide) / 2
        const readings = tall(hour.readings)
        const crossings = tall(hour.crossings)
        // Three digits do not fit over a bar of a phone: the tallest keeps its number there.
        const labelled = hour.readings > 0 && (step > text * 1.9 || hour.hour === tallest)
        return (
          <g key={hour.hour} class={hour.hour === current ? 'hour current' : 'hour'}>
            <rect class="hour-slot" x={x} y={foot - room} width={wide} height={room} rx="3" />
            <rect class="hour-readings" x={x} y={foot - readings} width={wide} height={readings} rx="3" />
            <rect class="hour-crossings" x={x} y={foot - crossings} width={wide} height={crossings} />
            {labelled && <text class="hour-count" x={x + wide / 2} y={foot - readings - text * 0.4} text-anchor="middle">{hour.readings}</text>}
          </g>
        )
      })}
      <line class="axis" x1="0" x2={width} y1={foot} y2={foot} />
      {[0, 6, 12, 18, 23].map((hour) => (
        <text key={hour} class="hour-label" x={hour * step + step / 2} y={height - text * 0.4} text-anchor="middle">{hour}</text>
      ))}
    </g>
  )
}
