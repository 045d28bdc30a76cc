import type { JSX } from 'preact'
import type { Level } from '../contract'
import { words } from '../i18n/language'
import { rank } from '../state/live'

const OUTLINES: Record<Level, JSX.Element> = {
  red: <polygon points="12,1.5 21.5,6.8 21.5,17.2 12,22.5 2.5,17.2 2.5,6.8" />,
  orange: <polygon points="12,1.8 23,22 1,22" />,
  yellow: <polygon points="12,0.8 23.2,12 12,23.2 0.8,12" />,
  blue: <circle cx="12" cy="12" r="10.6" />,
}

interface ShapeProps { level: Level; size?: number; x?: number; y?: number }

/** A level is never colour alone: each has its own outline and number, and a word stands beside it. */
export function Shape({ level, size = 22, x, y }: ShapeProps): JSX.Element {
  const low = level === 'orange' ? 18.6 : 16.4
  return (
    <svg class={`shape l-${level}`} width={size} height={size} viewBox="0 0 24 24" x={x} y={y} aria-hidden="true">
      <g class="shape-body">{OUTLINES[level]}</g>
      <text class="shape-number" x="12" y={low} text-anchor="middle">{rank(level) + 1}</text>
    </svg>
  )
}

export function LevelName({ level, size }: { level: Level; size?: number }): JSX.Element {
  return (
    <span class={`level-name l-${level}`}>
      <Shape level={level} {...(size ? { size } : {})} />
      <b>{words.value.level[level]}</b>
    </span>
  )
}
