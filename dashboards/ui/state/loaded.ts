import { useSignal, type Signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { inLanguage } from '../i18n/language'
import { ApiError } from './api'

export type Loaded<T> = { state: 'loading' } | { state: 'failed'; why: string; status: number } | { state: 'ready'; value: T }

/** Fetches when the screen opens and when `key` changes; an answer that comes after that is dropped. */
export function useLoaded<T>(key: string, fetcher: () => Promise<T>): Signal<Loaded<T>> {
  const loaded = useSignal<Loaded<T>>({ state: 'loading' })
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
  }, [key])
  return loaded
}
