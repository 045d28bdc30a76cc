import { computed, signal } from '@preact/signals'

export type Route =
  | { screen: 'board' }
  | { screen: 'inbox'; level: string | null }
  | { screen: 'person'; id: string }
  | { screen: 'alert'; id: string }
  | { screen: 'people' }
  | { screen: 'quarantine' }

/** Reads the part of the address behind `#`. What it does not know is the board. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [screen, id] = path.split('/')
  if (screen === 'inbox') return { screen, level: new URLSearchParams(query).get('level') }
  if (screen === 'quarantine' || screen === 'people') return { screen }
  if (screen === 'p' && id) return { screen: 'person', id: decoded(id) }
  if (screen === 'alert' && id) return { screen: 'alert', id: decoded(id) }
  return { screen: 'board' }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const hash = signal('')
export const route = computed(() => parseRoute(hash.value))

export function watchRoute(): void {
  const left = new Map<string, number>()
  history.scrollRestoration = 'manual'
  const follow = (event: HashChangeEvent): void => {
    left.set(new URL(event.oldURL).hash, window.scrollY)
    hash.value = location.hash
    // The new screen is drawn by the next frame; a list that was left halfway is found where it was left.
    requestAnimationFrame(() => {
      document.getElementById('main')?.focus({ preventScroll: true })
      window.scrollTo(0, left.get(location.hash) ?? 0)
    })
  }
  hash.value = location.hash
  window.addEventListener('hashchange', follow)
}

export const toPerson = (id: string): string => `#/p/${encodeURIComponent(id)}`
export const toAlert = (id: string): string => `#/alert/${encodeURIComponent(id)}`
export const toInbox = (level?: string): string => (level ? `#/inbox?level=${level}` : '#/inbox')
