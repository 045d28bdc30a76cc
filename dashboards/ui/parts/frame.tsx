/** The frame of every screen but the wall: brand, navigation, state of the connection, banners. */
import type { ComponentChildren, JSX } from 'preact'
import { signal } from '@preact/signals'
import { inLanguage, language, recall, remember, speak, words } from '../i18n/language'
import { acks, retry } from '../state/acks'
import { alerts, arrived, board, me, now } from '../state/live'
import { route, toInbox } from '../state/route'
import { heardOf, link, stale } from '../state/stream'
import { moment } from '../state/time'
import { mayReadPeople } from './alert'

export const theme = signal<'light' | 'wall'>('light')

export function setTheme(next: 'light' | 'wall'): void {
  theme.value = next
  document.documentElement.dataset['theme'] = next
}

export const storedTheme = (): 'light' | 'wall' => (recall('xz.theme') === 'wall' ? 'wall' : 'light')

function switchTheme(): void {
  setTheme(theme.value === 'light' ? 'wall' : 'light')
  remember('xz.theme', theme.value)
}

export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 24 24" width="28" height="28" aria-hidden="true">
      <rect width="24" height="24" rx="7" />
      <path d="M3 13h4l2.5-6 4 11 2.5-5h5" />
    </svg>
  )
}

export function LinkState(): JSX.Element {
  const w = words.value
  const state = link.value === 'signed_out' ? 'signed_out' : stale.value ? 'stale' : link.value
  return <span class={`link link-${state}`} role="status"><i aria-hidden="true" />{w.link[state]}</span>
}

export function StaleBanner(): JSX.Element | null {
  const w = words.value
  if (link.value === 'signed_out') return <div class="banner banner-stale" role="alert"><b>{w.signed_out}</b></div>
  if (!stale.value) return null
  return (
    <div class="banner banner-stale" role="alert">
      <b>{w.stale(heardOf.value ? moment(heardOf.value, now.value) : '–')}</b> <span>{w.stale_why}</span>
    </div>
  )
}

function Banners(): JSX.Element {
  const w = words.value
  const sending = board.value?.sending
  return (
    <aside class="banners" aria-label={w.notices}>
      <StaleBanner />
      <WaitingBanner />
      {board.value?.demo && <div class="banner banner-demo">{w.demo}</div>}
      {sending && !sending.enabled && (
        <div class="banner banner-off">
          <b>{w.sending_off}</b> <span>{inLanguage({ zh: sending.why_zh, en: sending.why_en })}</span>
        </div>
      )}
    </aside>
  )
}

/** What the gateway has not yet got stays in sight on every screen, whether or not its card is. */
function WaitingBanner(): JSX.Element | null {
  const w = words.value
  const waiting = [...acks.value].filter(([, ack]) => ack.phase === 'waiting').map(([id]) => id)
  if (waiting.length === 0) return null
  return (
    <div class="banner banner-waiting" role="status">
      <b>{w.waiting_count(waiting.length)}</b>
      <button type="button" class="button" onClick={() => retry(waiting)}>{w.retry}</button>
    </div>
  )
}

const ICONS = {
  board: 'M4 20V10m5.3 10V4m5.4 16v-7M20 20V8',
  inbox: 'M12 3 2.5 20h19zM12 10v4m0 3v.2',
  people: 'M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8M4 21c0-4 3.5-6 8-6s8 2 8 6',
  quarantine: 'M4 8h16v12H4zM4 8l2-4h12l2 4M9.5 12.5h5',
  wall: 'M3 5h18v11H3zM8 20h8m-4-4v4',
}

function NavLink({ name, href, count }: { name: keyof typeof ICONS; href: string; count?: number }): JSX.Element {
  const here = route.value.screen === name
  return (
    <a class={`nav-link nav-${name}`} href={href} {...(here ? { 'aria-current': 'page' as const } : {})}>
      <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true"><path d={ICONS[name]} /></svg>
      <span>{words.value.nav[name]}</span>
      {count ? <b class="nav-count">{count}</b> : null}
    </a>
  )
}

export function Frame({ children }: { children: ComponentChildren }): JSX.Element {
  const w = words.value
  const open = board.value?.open
  const urgent = open ? open.red + open.orange : 0
  return (
    <div class={`frame${stale.value ? ' is-stale' : ''}`}>
      <Announcer />
      <a class="skip" href="#main" onClick={skip}>{w.skip}</a>
      <header class="top">
        <a class="brand" href="#/"><Mark /><b>{w.product}</b><span class="place">{me.value?.scope ?? board.value?.place}</span></a>
        <span class="who">{me.value?.name}</span>
        <LinkState />
        <button type="button" class="button quiet" onClick={switchTheme}>{w.switch_theme[theme.value]}</button>
        <button type="button" class="button quiet" lang={language.value === 'zh' ? 'en' : 'zh-CN'}
          onClick={() => void speak(language.value === 'zh' ? 'en' : 'zh')}>{w.switch_language}</button>
      </header>
      <nav class="nav" aria-label={w.nav.main}>
        <NavLink name="board" href="#/" />
        <NavLink name="inbox" href={toInbox()} count={urgent} />
        {mayReadPeople() && <NavLink name="people" href="#/people" />}
        <NavLink name="quarantine" href="#/quarantine" count={board.value?.quarantined ?? 0} />
        <NavLink name="wall" href="/wall" />
      </nav>
      <div class="body">
        <Banners />
        <main id="main" tabIndex={-1}>{children}</main>
      </div>
    </div>
  )
}

/** Says a new or raised alert to those who listen instead of look. */
function Announcer(): JSX.Element {
  const alert = arrived.value ? alerts.value.get(arrived.value.id) : undefined
  return <div class="unseen" role="status">{alert ? words.value.arrived(words.value.level[alert.level], alert.case) : ''}</div>
}

function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
