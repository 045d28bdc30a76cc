import { signal } from '@preact/signals'
import { zh, type Words } from './zh'

export type Language = 'zh' | 'en'

export const language = signal<Language>('zh')
export const words = signal<Words>(zh)

/** Speaks `next` from now on. English is a file of its own, fetched on first use. */
export async function speak(next: Language): Promise<void> {
  const spoken = next === 'en' ? await english() : zh
  if (!spoken) return
  words.value = spoken
  language.value = next
  document.documentElement.lang = next === 'en' ? 'en' : 'zh-CN'
  remember('xz.lang', next)
}

/** A page older than the gateway, or offline, may not find the file; it then goes on in the language it has. */
async function english(): Promise<Words | null> {
  try {
    return (await import('./en')).en
  } catch (cause) {
    console.error('the English words did not load', cause)
    return null
  }
}

/** The language asked for by the address, else the one chosen before, else Chinese. */
export function wantedLanguage(search: string, stored: string | null): Language {
  const asked = new URLSearchParams(search).get('lang') ?? stored
  return asked === 'en' ? 'en' : 'zh'
}

/** Storage may be switched off in an in-app browser; a choice that is not kept is no fault. */
export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    return
  }
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

/** Picks the text of the current language from a pair that the gateway sent. */
export function inLanguage(pair: { zh?: string | null; en?: string | null }): string {
  const [first, second] = language.value === 'en' ? [pair.en, pair.zh] : [pair.zh, pair.en]
  return first || second || ''
}
