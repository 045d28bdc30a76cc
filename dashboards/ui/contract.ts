/** The shapes that the gateway's HTTP interface answers with. Nothing here is computed in the browser. */

export type Level = 'red' | 'orange' | 'yellow' | 'blue'
export type Step = 'village' | 'township' | 'county' | 'city'
export type Setting = 'home' | 'clinic' | 'any'
export type AlertState =
  | 'open' | 'acknowledged' | 'planned' | 'visited' | 'closed' | 'withdrawn' | 'superseded' | 'merged'

export interface Reading {
  id: string
  kind: 'blood_pressure' | 'glucose'
  person: string | null
  device: string
  site: string | null
  bench?: string | null
  measured_at: string
  received_at: string
  grade: 'A' | 'B' | 'C' | 'D'
  unit: string
  systolic?: number
  diastolic?: number
  pulse?: number | null
  value?: number | 'HI' | 'LO'
  meal?: string | null
  flags?: string[]
  symptoms?: string[]
  setting?: Setting | null
  sample?: string | null
  status: 'stored' | 'rejected'
  late: boolean
  possible_duplicate: boolean
  source: string
  commit: number
}

export interface Reason { line: string; zh: string; en: string }

export interface Act {
  at: string
  kind: string
  by: string | null
  note?: string | null
  from?: string | null
  to?: string | null
}

export interface Alert {
  id: string
  case: string
  concept: string
  concept_zh: string
  concept_en: string
  level: Level
  state: AlertState
  person: string
  person_name: string | null
  age: number | null
  sex: 'male' | 'female' | null
  village: string | null
  phone: string | null
  owner: string | null
  owner_name: string | null
  step: Step
  next_step_at: string | null
  opened_at: string
  alert_at: string
  deadline: string | null
  overdue: boolean
  late: boolean
  reasons: Reason[]
  pack: string
  reading: Reading | null
  acknowledged_by: string | null
  acknowledged_at: string | null
  commit: number
  history?: Act[]
}

export interface Line {
  measure: 'systolic' | 'diastolic' | 'glucose_fasting' | 'glucose_other'
  from: number
  level: Level
  unit: string
  label_zh: string
  label_en: string
  line: string
  setting: Setting
  pack: string
}

export interface Person {
  person: string
  name: string | null
  sex: 'male' | 'female' | null
  birth_date: string | null
  age: number | null
  phone: string | null
  household: string | null
  village: string | null
  doctor: string | null
  doctor_name: string | null
  cohorts: string[]
  diagnoses: string[]
  medicines: string[]
  lines: Line[]
  latest: { blood_pressure: Reading | null; glucose: Reading | null }
  open_alerts: Alert[]
}

export interface Site {
  site: string
  name: string
  kind: 'van' | 'clinic' | 'township' | 'home'
  state: 'online' | 'offline' | 'unknown'
  last_seen: string | null
  readings_today: number
  people_today: number
  quarantined: number
}

export interface Village { village: string; people: number; people_today: number; worst: Level | null }
export interface Hour { hour: number; readings: number; crossings: number }

export interface Board {
  cursor: number
  as_of: string
  place: string
  demo: boolean
  sending: { enabled: boolean; why_zh: string | null; why_en: string | null }
  people: number
  readings_today: number
  people_today: number
  open: Record<Level, number>
  overdue: number
  unacknowledged_oldest_minutes: number | null
  quarantined: number
  refused: number
  sites: Site[]
  villages: Village[]
  hourly: Hour[]
}

export interface Me { role: string; doctor: string | null; name: string | null; scope: string | null; rights: string[] }

export interface Snapshot {
  cursor: number
  build: string
  schema: number
  me: Me
  board: Board
  alerts: Alert[]
  readings: Reading[]
}

export interface Quarantined {
  id: string
  reason: string
  state?: 'waiting' | 'claimed' | 'dismissed'
  received_at: string
  raw: string
  raw_encoding: 'text' | 'hex'
  device: string | null
  site: string | null
  source?: string | null
  reading?: Reading | null
}

export interface Page<T> { items: T[]; next: string | null }

export type AlertChange =
  | 'opened' | 'raised' | 'lowered' | 'acknowledged' | 'escalated' | 'closed'
  | 'withdrawn' | 'superseded' | 'noted' | 'forwarded'
