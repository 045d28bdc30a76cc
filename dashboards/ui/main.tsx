import { effect } from '@preact/signals'
import { render, type JSX } from 'preact'
import './style/tokens.css'
import './style/base.css'
import './style/board.css'
import './style/inbox.css'
import './style/chart.css'
import './style/wall.css'
import type { Snapshot } from './contract'
import { recall, remember, speak, wantedLanguage, words } from './i18n/language'
import { Frame, setTheme, storedTheme } from './parts/frame'
import { Guard } from './parts/guard'
import { AlertScreen } from './screens/alert'
import { BoardScreen } from './screens/board'
import { InboxScreen, watchWidth } from './screens/inbox'
import { PeopleScreen } from './screens/people'
import { PersonScreen } from './screens/person'
import { QuarantineScreen } from './screens/quarantine'
import { acks, watchAcks } from './state/acks'
import { board, build, tick } from './state/live'
import { route, watchRoute } from './state/route'
import { goLive, reloadWanted } from './state/stream'

/** Minutes are the smallest unit on a screen; this keeps them honest. */
const TICK_MS = 5_000
const RELOADED = 'xz.reloaded'

function bootSnapshot(): Snapshot | null {
  try {
    const text = document.getElementById('boot')?.textContent ?? ''
    return text.trim() ? (JSON.parse(text) as Snapshot) : null
  } catch {
    return null
  }
}

function Screen(): JSX.Element {
  const here = route.value
  switch (here.screen) {
    case 'inbox': return <InboxScreen />
    case 'person': return <PersonScreen key={here.id} id={here.id} />
    case 'alert': return <AlertScreen key={here.id} id={here.id} />
    case 'people': return <PeopleScreen />
    case 'quarantine': return <QuarantineScreen />
    case 'board': return <BoardScreen />
  }
}

const Guarded = (): JSX.Element => <Guard of={route.value}><Screen /></Guard>

/** The tab names what waits: a desk with many tabs sees it without turning to this one. */
function titleFollows(): void {
  effect(() => {
    const open = board.value?.open
    const urgent = open ? open.red + open.orange : 0
    document.title = (urgent ? `(${urgent}) ` : '') + words.value.title
  })
}

/** A new build or schema is taken up while nobody looks, once, and never over an ack that is on its way. */
function reloadWhenIdle(): void {
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden || !reloadWanted.value || acks.value.size > 0) return
    if (recall(RELOADED) === build.value) return
    remember(RELOADED, build.value)
    location.reload()
  })
}

async function start(): Promise<void> {
  const root = document.getElementById('app')
  if (!root) throw new Error('the page has no place for the app')
  const wall = location.pathname.replace(/\/$/, '') === '/wall'
  await speak(wantedLanguage(location.search, recall('xz.lang')))
  setInterval(tick, TICK_MS)
  titleFollows()
  const live = goLive(bootSnapshot())
  if (wall) {
    const { WallScreen, watchWall } = await import('./screens/wall')
    setTheme('wall')
    document.documentElement.classList.add('on-wall')
    watchWall()
    render(<WallScreen />, root)
  } else {
    setTheme(storedTheme())
    watchRoute()
    watchWidth()
    watchAcks()
    reloadWhenIdle()
    render(<Frame><Guarded /></Frame>, root)
  }
  await live
}

void start()
