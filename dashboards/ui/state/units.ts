/** Values as a doctor reads them. Native numbers are shown as sent; only drawing on one scale converts. */
import type { Reading } from '../contract'

/** `convert.mgdl_per_mmoll` of the default rule pack (rulepack.json). */
const MGDL_PER_MMOLL = 18
/** `convert.mmhg_per_kpa` of the default rule pack (rulepack.json). */
const MMHG_PER_KPA = 7.50062

/** Half up, as the pack's `convert.rounding` says; the nudge undoes binary fractions such as 1.005. */
const halfUp = (value: number, step: number): number => Math.floor(value / step + 0.5 + 1e-9) * step

export function inMmHg(value: number, unit: string): number {
  return unit === 'kPa' ? halfUp(value * MMHG_PER_KPA, 1) : value
}

export function inMmolPerL(value: number, unit: string): number {
  return unit === 'mg/dL' ? Number(halfUp(value / MGDL_PER_MMOLL, 0.1).toFixed(1)) : value
}

/** `182/96`, `7.8`, `HI`: the number alone. */
export function valueText(reading: Reading): string {
  if (reading.kind === 'blood_pressure') return `${reading.systolic ?? '–'}/${reading.diastolic ?? '–'}`
  return typeof reading.value === 'number' && reading.unit === 'mmol/L' ? reading.value.toFixed(1) : String(reading.value ?? '–')
}
