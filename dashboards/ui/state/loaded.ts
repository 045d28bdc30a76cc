import { useSignal, useSignalEffect, type Signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { inLanguage } from '../i18n/language'
import { ApiError } from './api'
import { link } from './stream'

export type Loaded<T> = { state: 'loading' } | { state: 'failed'; why: string; status: number } | { state: 'ready'; value: T }

/**
 * Fetches when the screen opens, when `key` changes, and, where it failed, when the connection is back. An answer
 * that comes after the question has changed is dropped.
 */
export function useLoaded<T>(key: string, fetcher: () => Promise<T>): Signal<Loaded<T>> {
  const loaded = useSignal<Loaded<T>>({ state: 'loading' })
  const attempt = useSignal(0)
  useSignalEffect(() => {
    if (link.value === 'live' && loaded.peek().state === 'failed') attempt.value = attempt.peek() + 1
  })
  useEffect(() => {
    let wanted = true
    fetcher().then(
      (value) => { if (wanted) loaded.value = { state: 'ready', value } },
      (cause: unknown) => {
        if (!wanted) return
        const known = cause instanceof ApiError
        loaded.value = { state: 'failed', why: known ? inLanguage(cause) : String(cause), status: known ? cause.status : 0 }
      },
    )
    return () => { wanted = false }
  }, [key, attempt.value])
  return loaded
}
