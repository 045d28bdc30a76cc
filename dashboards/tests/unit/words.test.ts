import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wantedLanguage } from '../../ui/i18n/language'
import { en } from '../../ui/i18n/en'
import { zh } from '../../ui/i18n/zh'
import { parseRoute } from '../../ui/state/route'
import { clockTime, day, minutesTo, moment } from '../../ui/state/time'
import { inMmHg, inMmolPerL, valueText } from '../../ui/state/units'
import { glucose, pressure } from '../browser/township'

const NIGHT = Date.parse('2026-03-02T16:30:00Z')

test('times are shown in the zone of China, whatever the phone says', () => {
  assert.equal(clockTime('2026-03-02T23:59:00+08:00'), '23:59')
  assert.equal(clockTime('2026-03-02T16:30:00Z'), '00:30')
  assert.equal(day('2026-03-02T16:30:00Z'), '03/03')
})

test('a time of today needs no date, any other has one', () => {
  assert.equal(moment('2026-03-03T00:10:00+08:00', NIGHT), '00:10')
  assert.equal(moment('2026-03-02T23:50:00+08:00', NIGHT), '03/02 23:50')
})

test('minutes run backwards after the deadline', () => {
  assert.equal(minutesTo('2026-03-03T00:36:00+08:00', NIGHT), 6)
  assert.equal(minutesTo('2026-03-03T00:27:00+08:00', NIGHT), -3)
})

test('spans are said in the largest unit that still helps', () => {
  assert.deepEqual([0, 6, 59, 60, 90, 2_880].map(zh.span), ['0 分钟', '6 分钟', '59 分钟', '1 小时', '1 小时 30 分', '2 天'])
  assert.deepEqual([6, 60, 90, 2_880].map(en.span), ['6 min', '1 h', '1 h 30 min', '2 days'])
})

test('both languages have a word for every key, and no word is empty', () => {
  const keys = (words: object, path = ''): string[] =>
    Object.entries(words).flatMap(([key, value]) => (typeof value === 'object' ? keys(value as object, `${path}${key}.`) : [path + key]))
  assert.deepEqual(keys(en).sort(), keys(zh).sort())
  assert.deepEqual(keys(zh).filter((key) => key.split('.').reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], zh) === ''), [])
})

test('the address beats the kept choice, and Chinese is the first language', () => {
  assert.equal(wantedLanguage('', null), 'zh')
  assert.equal(wantedLanguage('', 'en'), 'en')
  assert.equal(wantedLanguage('?lang=zh', 'en'), 'zh')
  assert.equal(wantedLanguage('?lang=fr', null), 'zh')
})

test('every address leads somewhere', () => {
  assert.deepEqual(parseRoute('#/inbox?level=red'), { screen: 'inbox', level: 'red' })
  assert.deepEqual(parseRoute('#/p/P000123'), { screen: 'person', id: 'P000123' })
  assert.deepEqual(parseRoute('#/alert/a%2Fb'), { screen: 'alert', id: 'a/b' })
  assert.deepEqual(parseRoute('#/alert/%E0%A4%A'), { screen: 'alert', id: '%E0%A4%A' })
  assert.deepEqual(parseRoute('#/nowhere'), { screen: 'board' })
})

test('values are shown as they were sent', () => {
  assert.equal(valueText(pressure(NIGHT, 182, 96)), '182/96')
  assert.equal(valueText(glucose(NIGHT, 7, 'fasting')), '7.0')
  assert.equal(valueText(glucose(NIGHT, 126, 'fasting', { unit: 'mg/dL' })), '126')
  assert.equal(valueText(glucose(NIGHT, 'HI', 'random')), 'HI')
})

test('drawing converts as the rule pack does: half up, once', () => {
  assert.equal(inMmolPerL(126, 'mg/dL'), 7)
  assert.equal(inMmolPerL(70, 'mg/dL'), 3.9)
  assert.equal(inMmolPerL(7.8, 'mmol/L'), 7.8)
  assert.equal(inMmHg(24, 'kPa'), 180)
  assert.equal(inMmHg(139, 'mmHg'), 139)
})
