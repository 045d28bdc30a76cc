/** The readings of one kind: chart or table, the lines that apply, and the chosen reading in words. */
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import type { Line, Reading, Setting } from '../contract'
import { GlucoseChart, MealShape } from '../chart/glucose'
import { PressureChart } from '../chart/pressure'
import { inOrder, lineAt, linesOf, mealMeasure, settingOf, type Measure } from '../chart/scale'
import { inLanguage, words } from '../i18n/language'
import { now } from '../state/live'
import { moment } from '../state/time'
import { Value } from './alert'
import { Shape } from './shape'

interface CardProps { kind: Reading['kind']; readings: readonly Reading[]; lines: readonly Line[] }

export function ReadingsCard({ kind, readings, lines }: CardProps): JSX.Element | null {
  const w = words.value
  const own = inOrder(readings.filter((reading) => reading.kind === kind && reading.sample !== 'control'))
  const chosenId = useSignal<string | null>(null)
  const table = useSignal(false)
  const pickedSetting = useSignal<Setting | null>(null)
  const pickedMeasure = useSignal<Measure | null>(null)
  const last = own[own.length - 1]
  if (!last) return kind === 'glucose' ? null : <section class="card"><h2>{w.pressure}</h2><p class="empty">{w.chart_empty}</p></section>
  const found = own.findIndex((reading) => reading.id === chosenId.value)
  const index = found < 0 ? own.length - 1 : found
  const setting = pickedSetting.value ?? settingOf(last)
  const measure = pickedMeasure.value ?? mealMeasure(last)
  const choose = (next: number): void => { chosenId.value = own[next]?.id ?? null }
  const measures: Measure[] = kind === 'glucose' ? [measure] : ['systolic', 'diastolic']
  const chart = { readings: own, lines, setting, chosen: index, choose }
  const kindLines = lines.filter((line) => line.measure.startsWith('glucose') === (kind === 'glucose'))
  return (
    <section class="card readings">
      <header>
        <h2>{kind === 'glucose' ? w.chart_glucose(own.length) : w.chart_pressure(own.length)}</h2>
        {kind === 'glucose' && <Segments label={w.glucose} names={w.measure} value={measure}
          options={['glucose_fasting', 'glucose_other']} choose={(next) => { pickedMeasure.value = next }} />}
        {hasBoth(kindLines) && <Segments label={w.lines_setting} names={w.setting} value={setting}
          options={['clinic', 'home']} choose={(next) => { pickedSetting.value = next }} />}
      </header>
      {table.value ? <Table kind={kind} readings={own} /> : (
        <>
          {kind === 'glucose' ? <GlucoseChart {...chart} measure={measure} /> : <PressureChart {...chart} />}
          <Chosen reading={own[index]!} />
          {kind === 'glucose' && <MealKey />}
        </>
      )}
      <button type="button" class="button text" aria-pressed={table.value} onClick={() => { table.value = !table.value }}>
        {table.value ? w.show_chart : w.show_table}
      </button>
      <Lines lines={measures.flatMap((entry) => linesOf(lines, entry, setting).reverse())} />
    </section>
  )
}

const hasBoth = (lines: readonly Line[]): boolean =>
  lines.some((line) => line.setting === 'home') && lines.some((line) => line.setting === 'clinic')

interface SegmentsProps<T extends string> {
  label: string; options: readonly T[]; names: Record<T, string>; value: T; choose: (next: T) => void
}

function Segments<T extends string>({ label, options, names, value, choose }: SegmentsProps<T>): JSX.Element {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option} type="button" class="button" aria-pressed={value === option} onClick={() => choose(option)}>{names[option]}</button>
      ))}
    </div>
  )
}

function Chosen({ reading }: { reading: Reading }): JSX.Element {
  const w = words.value
  const place = [reading.setting && reading.setting !== 'any' ? w.setting[reading.setting] : null, reading.site, reading.device].filter(Boolean)
  return (
    <div class="chosen">
      <p class="card-value"><Value reading={reading} /><span>{moment(reading.measured_at, now.value)}</span></p>
      <p class="muted">{place.join(' · ')}</p>
      <p class="chips"><Notes reading={reading} /></p>
    </div>
  )
}

/** Everything that tempers a reading: how far its time is trusted, and what the device itself complained of. */
function Notes({ reading }: { reading: Reading }): JSX.Element {
  const w = words.value
  return (
    <>
      <span class={`chip grade grade-${reading.grade}`}>{w.grade_short(reading.grade)} · {w.grade[reading.grade]}</span>
      {reading.status === 'rejected' && <span class="chip strong">{w.rejected}</span>}
      {reading.source === 'typed' && <span class="chip strong">{w.typed}</span>}
      {reading.possible_duplicate && <span class="chip">{w.duplicate}</span>}
      {reading.meal && <span class="chip">{w.meal[reading.meal] ?? reading.meal}</span>}
      {typeof reading.pulse === 'number' && <span class="chip">{w.table.pulse} {reading.pulse}</span>}
      {(reading.flags ?? []).map((flag) => <span key={flag} class="chip">{w.flag[flag] ?? flag}</span>)}
    </>
  )
}

function MealKey(): JSX.Element {
  const w = words.value
  return (
    <p class="meal-key muted">
      {['fasting', 'after_meal', 'random'].map((meal) => (
        <span key={meal}><svg width="14" height="14" aria-hidden="true"><MealShape meal={meal} x={7} y={7} size={4.6} /></svg>{w.meal[meal]}</span>
      ))}
    </p>
  )
}

function Lines({ lines }: { lines: readonly Line[] }): JSX.Element {
  const w = words.value
  if (lines.length === 0) return <p class="muted">{w.lines_empty}</p>
  return (
    <details class="lines">
      <summary>{w.lines_title}</summary>
      <ul role="list">
        {lines.map((line) => (
          <li key={line.line + line.measure + line.from}>
            <Shape level={line.level} size={18} />
            <span><b>{w.measure[line.measure]} ≥ {lineAt(line)}</b> · {inLanguage({ zh: line.label_zh, en: line.label_en })} · {w.setting[line.setting]}</span>
            <span class="muted">{w.rule(line.line, line.pack)}</span>
          </li>
        ))}
      </ul>
    </details>
  )
}

function Table({ kind, readings }: { kind: Reading['kind']; readings: readonly Reading[] }): JSX.Element {
  const w = words.value
  return (
    <div class="table-box" tabIndex={0} role="region" aria-label={w.kind[kind]}>
      <table>
        <thead><tr><th scope="col">{w.table.when}</th><th scope="col">{w.table.value}</th><th scope="col">{w.table.where}</th><th scope="col">{w.table.notes}</th></tr></thead>
        <tbody>
          {[...readings].reverse().map((reading) => (
            <tr key={reading.id} class={reading.status}>
              <td>{moment(reading.measured_at, now.value)}</td>
              <td><Value reading={reading} /></td>
              <td>{reading.site ?? reading.device}</td>
              <td class="chips"><Notes reading={reading} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
