/** Times as this product shows them: always China's zone, 24 hours, whatever the phone is set to. */

/** China has one zone and no summer time: UTC+8. */
const CHINA_MS = 8 * 3_600_000
const MINUTE_MS = 60_000

function inChina(at: number): Date {
  return new Date(at + CHINA_MS)
}

const two = (number: number): string => String(number).padStart(2, '0')

export function clockTime(iso: string): string {
  const at = inChina(Date.parse(iso))
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`
}

export function day(iso: string): string {
  const at = inChina(Date.parse(iso))
  return `${two(at.getUTCMonth() + 1)}/${two(at.getUTCDate())}`
}

export function fullDay(iso: string): string {
  return `${inChina(Date.parse(iso)).getUTCFullYear()}/${day(iso)}`
}

/** `14:53` today, else `11/19 14:53`. */
export function moment(iso: string, now: number): string {
  const sameDay = fullDay(iso) === fullDay(new Date(now).toISOString())
  return sameDay ? clockTime(iso) : `${day(iso)} ${clockTime(iso)}`
}

/** Minutes from `now` to `iso`, negative when past. */
export function minutesTo(iso: string, now: number): number {
  return (Date.parse(iso) - now) / MINUTE_MS
}

export function chinaHour(now: number): number {
  return inChina(now).getUTCHours()
}
