/** The few things of a browser that the state modules touch, so that they can run under Node's test runner. */
export class FakeSource {
  static opened: FakeSource[] = []
  closed = false
  private readonly listeners = new Map<string, ((event: unknown) => void)[]>()

  constructor(readonly url: string) {
    FakeSource.opened.push(this)
  }

  static get last(): FakeSource {
    const source = FakeSource.opened[FakeSource.opened.length - 1]
    if (!source) throw new Error('no stream was opened')
    return source
  }

  addEventListener(name: string, listener: (event: unknown) => void): void {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener])
  }

  say(name: string, body: unknown, id = ''): void {
    for (const listener of this.listeners.get(name) ?? []) listener({ data: JSON.stringify(body), lastEventId: id })
  }

  close(): void {
    this.closed = true
  }
}

class Page extends EventTarget {
  hidden = false
  documentElement = { lang: '', dataset: {}, classList: { add: () => undefined } }
  title = ''
}

const stored = new Map<string, string>()
export const page = new Page()

export function pretendBrowser(): void {
  Object.assign(globalThis, {
    document: page, window: new EventTarget(), EventSource: FakeSource,
    localStorage: { getItem: (key: string) => stored.get(key) ?? null, setItem: (key: string, value: string) => stored.set(key, value) },
  })
}

export function hide(hidden: boolean): void {
  page.hidden = hidden
  page.dispatchEvent(new Event('visibilitychange'))
}

/** Lets promises that are already settled run their course. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}
