import type { Page } from '../contract'

/** What a request to the gateway can end in besides an answer. `status` 0: it did not get through. */
export class ApiError extends Error {
  constructor(readonly status: number, readonly zh: string, readonly en: string) {
    super(en)
  }
}

/** A slow line may take this long for one answer; a dead one must not hold a screen for ever. */
const PATIENCE_MS = 20_000

async function failure(answer: Response): Promise<ApiError> {
  const fallback = `HTTP ${answer.status}`
  try {
    const body = (await answer.json()) as { message?: string; message_zh?: string }
    return new ApiError(answer.status, body.message_zh ?? body.message ?? fallback, body.message ?? fallback)
  } catch {
    return new ApiError(answer.status, fallback, fallback)
  }
}

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  const patience = new AbortController()
  const limit = setTimeout(() => patience.abort(), PATIENCE_MS)
  try {
    const answer = await fetch(`/api/v1${path}`, {
      credentials: 'same-origin', cache: 'no-store', signal: patience.signal, ...init,
    })
    if (!answer.ok) throw await failure(answer)
    return (await answer.json()) as T
  } catch (cause) {
    if (cause instanceof ApiError) throw cause
    throw new ApiError(0, '连不上网关', 'the gateway cannot be reached')
  } finally {
    clearTimeout(limit)
  }
}

export function get<T>(path: string): Promise<T> {
  return ask<T>(path)
}

/** Every write carries a key, so that a second try after a lost answer changes nothing. */
export function post<T>(path: string, body: unknown, key: string, leaving = false): Promise<T> {
  return ask<T>(path, {
    method: 'POST',
    keepalive: leaving,
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key, 'X-Requested-With': 'xunzhen' },
    body: JSON.stringify(body),
  })
}

/** 128 random bits; `crypto.randomUUID` does not exist on plain http. */
export function idempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Pages through a list, at most `pages` times. */
export async function getAll<T>(path: string, pages: number): Promise<T[]> {
  const items: T[] = []
  let after: string | null = ''
  for (let page = 0; page < pages && after !== null; page += 1) {
    const more = after ? `&after=${encodeURIComponent(after)}` : ''
    const answer: Page<T> = await get<Page<T>>(path + more)
    items.push(...answer.items)
    after = answer.next
  }
  return items
}
