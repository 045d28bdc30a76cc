/** A made-up township that speaks the gateway's contract. Every name, number and village here is invented. */
import type { Alert, Board, Level, Line, Person, Quarantined, Reading, Snapshot } from '../../ui/contract'

const MINUTE = 60_000
const DAY = 86_400_000

export const NAMES = ['陈桂芳', '李建国', '王秀兰', '张玉英', '刘长山', '赵淑珍', '孙国强', '周凤霞', '吴德胜']
export const VILLAGES = ['红旗村', '大河村', '王家岭', '柳树坪', '石桥村', '上坝村', '杨家湾', '桃花沟']
const DOCTORS = ['王医生', '李医生', '张医生']
const PACK = 'cn-rural-default 1.1.0'

export const iso = (at: number): string => `${new Date(at + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`

let commit = 5_000
export const nextCommit = (): number => (commit += 1)

export function pressure(at: number, systolic: number, diastolic: number, more: Partial<Reading> = {}): Reading {
  const sequence = nextCommit()
  return {
    id: `r${sequence}`, kind: 'blood_pressure', person: 'P000123', device: 'BP-0031', site: 'V03', bench: 'b1', measured_at: iso(at),
    received_at: iso(at + 2_000), grade: 'A', unit: 'mmHg', systolic, diastolic, pulse: 76, flags: [], symptoms: [], setting: 'clinic',
    status: 'stored', late: false, possible_duplicate: false, source: 'mqtt', commit: sequence, ...more,
  }
}

export function glucose(at: number, value: number | 'HI' | 'LO', meal: string, more: Partial<Reading> = {}): Reading {
  const { systolic: _s, diastolic: _d, ...rest } = pressure(at, 0, 0)
  return { ...rest, kind: 'glucose', unit: 'mmol/L', value, meal, device: 'GL-0007', ...more }
}

const REASONS: Record<Level, [string, string, string]> = {
  red: ['BP-E1', '收缩压 ≥180 或舒张压 ≥110，同次两读均达到', 'Systolic ≥180 or diastolic ≥110 on both readings of the session'],
  orange: ['BP-G2', '收缩压 ≥160，不同两日各 1 次', 'Systolic ≥160 on two different days'],
  yellow: ['BP-C1', '高于本人控制线 150/90', 'Above the control line 150/90 of this person'],
  blue: ['BP-N1', '连续 30 天没有随访读数', 'No follow-up reading for 30 days'],
}

export function alert(number: number, level: Level, now: number, more: Partial<Alert> = {}): Alert {
  const person = `P0001${String(10 + number)}`
  const [line, zh, en] = REASONS[level]
  const values: Record<Level, [number, number]> = { red: [189, 112], orange: [168, 98], yellow: [152, 88], blue: [138, 84] }
  const age = 58 + ((number * 7) % 25)
  const measured = now - (12 + number * 9) * MINUTE
  const reading = pressure(measured, values[level][0] + (number % 3), values[level][1], { person, commit: nextCommit() })
  return {
    id: `a${number}`, case: `QS${41693 - number * 37}`, concept: 'bp_high', concept_zh: '血压过高', concept_en: 'High blood pressure',
    level, state: 'open', person, person_name: NAMES[number % NAMES.length]!, age, sex: number % 2 ? 'male' : 'female',
    village: VILLAGES[number % VILLAGES.length]!, phone: '13900000000', owner: 'DR1', owner_name: DOCTORS[number % 3]!, step: 'village',
    next_step_at: iso(now + (6 + number) * MINUTE), opened_at: iso(measured), alert_at: iso(measured),
    deadline: iso(now + (level === 'red' ? 6 - number * 9 : 90 * (number + 1)) * MINUTE), overdue: false, late: false,
    reasons: [{ line, zh, en }], pack: PACK, reading: level === 'blue' ? null : reading, acknowledged_by: null, acknowledged_at: null,
    commit: nextCommit(), ...more,
  }
}

function board(now: number, alerts: readonly Alert[]): Board {
  const hour = Math.max(17, new Date(now + 8 * 3_600_000).getUTCHours())
  const open = { red: 0, orange: 0, yellow: 0, blue: 0 }
  alerts.forEach((entry) => { open[entry.level] += 1 })
  const hourly = Array.from({ length: hour + 1 }, (_, at) => {
    const readings = at < 6 ? 0 : Math.round(6 + 26 * Math.exp(-((at - 9.5) ** 2) / 7) + 15 * Math.exp(-((at - 15) ** 2) / 5))
    return { hour: at, readings, crossings: Math.floor(readings / 6) }
  })
  const site = (code: string, name: string, kind: 'van' | 'clinic' | 'township', ago: number, readings: number, quarantined = 0) => ({
    site: code, name, kind, state: ago < 10 ? 'online' as const : 'offline' as const, last_seen: iso(now - ago * MINUTE),
    readings_today: readings, people_today: Math.round(readings / 2), quarantined,
  })
  return {
    cursor: commit, as_of: iso(now), place: '青石镇', demo: true,
    sending: { enabled: false, why_zh: '规则包还没有签署，任何消息都不会发给医生或居民。', why_en: 'The rule pack is not signed yet; nothing is sent to doctors or patients.' },
    people: 412, readings_today: hourly.reduce((sum, entry) => sum + entry.readings, 0), people_today: 206, open,
    overdue: 2, unacknowledged_oldest_minutes: 31, quarantined: 3, refused: 1,
    sites: [site('V01', '流动车 1', 'van', 0, 88), site('V02', '流动车 2', 'van', 1, 61, 2), site('V03', '流动车 3', 'van', 2, 74),
      site('V04', '流动车 4', 'van', 214, 19, 1), site('C11', '红旗村卫生室', 'clinic', 3, 24), site('T01', '青石镇卫生院', 'township', 0, 40)],
    villages: VILLAGES.map((village, index) => ({
      village, people: 40 + index * 4, people_today: Math.round((40 + index * 4) * (0.95 - index * 0.11)),
      worst: ([0, 1, 2].includes(index) ? (['red', 'orange', 'yellow'] as const)[index]! : null),
    })),
    hourly,
  }
}

export function snapshot(now: number): Snapshot {
  const alerts = [
    alert(0, 'red', now), alert(1, 'red', now, { state: 'open', overdue: true }),
    alert(2, 'orange', now, { state: 'acknowledged', acknowledged_by: 'DR1', acknowledged_at: iso(now - 20 * MINUTE) }),
    alert(3, 'orange', now), alert(4, 'orange', now, { late: true, owner: null, owner_name: null }), alert(5, 'yellow', now),
    alert(6, 'yellow', now), alert(7, 'yellow', now), alert(8, 'blue', now),
    alert(9, 'yellow', now, { person: 'P000110', person_name: NAMES[0]!, age: 58, concept_zh: '空腹血糖高', concept_en: 'High fasting glucose' }),
  ]
  const readings = Array.from({ length: 18 }, (_, index) => {
    const at = now - (index * 4 + 1) * MINUTE
    const person = `P0002${10 + index}`
    if (index % 5 === 2) return glucose(at, 5.4 + (index % 4), index % 2 ? 'fasting' : 'after_meal', { person, site: 'V02' })
    if (index === 6) return pressure(at, 400, 90, { person, status: 'rejected', site: 'V01' })
    return pressure(at, 118 + ((index * 13) % 34), 72 + ((index * 5) % 16), { person, site: `V0${1 + (index % 3)}` })
  })
  const crossings = alerts.slice(0, 4).map((entry) => ({ ...entry.reading!, commit: nextCommit() }))
  return {
    cursor: commit, build: 'fake-1', schema: 1,
    me: { role: 'doctor', doctor: 'DR1', name: '王医生', scope: '青石镇', rights: ['read_people', 'ack', 'note', 'forward'] },
    board: board(now, alerts), alerts, readings: [...readings, ...crossings],
  }
}

const line = (measure: Line['measure'], from: number, level: Level, setting: Line['setting'], name: string): Line => ({
  measure, from, level, setting, line: name, pack: PACK, unit: measure.startsWith('glucose') ? 'mmol/L' : 'mmHg',
  label_zh: { red: '急症线', orange: '二级线', yellow: '本人控制线', blue: '提示线' }[level],
  label_en: { red: 'emergency line', orange: 'grade 2 line', yellow: 'own control line', blue: 'note line' }[level],
})

export function person(id: string, snap: Snapshot): Person {
  const own = snap.alerts.filter((entry) => entry.person === id)
  const known = own[0]
  return {
    person: id, name: known?.person_name ?? '李建国', sex: known?.sex ?? 'male', birth_date: '1960-03-02', age: known?.age ?? 65,
    phone: '13900000000', household: 'H0042', village: known?.village ?? '柳树坪', doctor: 'DR1', doctor_name: '王医生',
    cohorts: ['C2'], diagnoses: ['htn', 'dm'], medicines: ['antihypertensive'],
    lines: [
      line('systolic', 150, 'yellow', 'clinic', 'BP-C1'), line('systolic', 145, 'yellow', 'home', 'BP-C1h'),
      line('systolic', 160, 'orange', 'any', 'BP-G2'), line('systolic', 180, 'red', 'any', 'BP-E1'),
      line('diastolic', 90, 'yellow', 'clinic', 'BP-C1'), line('diastolic', 85, 'yellow', 'home', 'BP-C1h'),
      line('diastolic', 100, 'orange', 'any', 'BP-G2'), line('diastolic', 110, 'red', 'any', 'BP-E1'),
      line('glucose_fasting', 7, 'yellow', 'any', 'GL-C1'), line('glucose_fasting', 16.7, 'red', 'any', 'GL-E1'),
      line('glucose_other', 10, 'yellow', 'any', 'GL-C2'), line('glucose_other', 16.7, 'red', 'any', 'GL-E1'),
    ],
    latest: { blood_pressure: known?.reading ?? null, glucose: null }, open_alerts: own,
  }
}

/** Half a year: weekly pressure with one bench session of two readings, one rejected, one of unknown time; glucose besides. */
export function history(id: string, now: number): Reading[] {
  const weekly = Array.from({ length: 24 }, (_, index) => {
    const at = now - (168 - index * 7) * DAY
    const swing = Math.round(14 * Math.sin(index / 3.2) + index * 1.1)
    return pressure(at, 138 + swing, 82 + Math.round(swing / 2), {
      person: id, setting: index % 4 === 3 ? 'home' : 'clinic', grade: index === 9 ? 'D' : index % 6 === 1 ? 'B' : 'A',
    })
  })
  const today = [
    pressure(now - 14 * MINUTE, 189, 112, { person: id, flags: ['irregular_pulse'] }), pressure(now - 12 * MINUTE, 186, 110, { person: id }),
    pressure(now - 60 * DAY, 310, 90, { person: id, status: 'rejected' }),
  ]
  const meals = ['fasting', 'after_meal', 'random']
  const sugar = Array.from({ length: 12 }, (_, index) =>
    glucose(now - (150 - index * 13) * DAY, index === 7 ? 'HI' : Number((6.1 + 1.7 * Math.sin(index) + index * 0.2).toFixed(1)), meals[index % 3]!, { person: id }))
  return [...weekly, ...today, ...sugar]
}

export function quarantined(now: number): Quarantined[] {
  return [
    { id: 'q1', reason: 'unknown_person', state: 'waiting', received_at: iso(now - 9 * MINUTE), raw: '{"kind":"blood_pressure","person":"P999999","systolic":151,"diastolic":93}', raw_encoding: 'text', device: 'BP-0044', site: 'V02', reading: pressure(now - 9 * MINUTE, 151, 93, { person: null }) },
    { id: 'q2', reason: 'unknown_unit', state: 'waiting', received_at: iso(now - 50 * MINUTE), raw: '5aa50f02b4600a1c', raw_encoding: 'hex', device: 'GL-0007', site: 'V04', reading: null },
    { id: 'q3', reason: 'conflict', state: 'claimed', received_at: iso(now - 300 * MINUTE), raw: '{"seq":42}', raw_encoding: 'text', device: 'BP-0031', site: 'V02', reading: null },
  ]
}
