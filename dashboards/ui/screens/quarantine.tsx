/** What arrived and could not be used: nothing goes to the bin, so all of it can be looked at here. */
import { useSignal } from '@preact/signals'
import type { JSX } from 'preact'
import type { Page, Quarantined } from '../contract'
import { words } from '../i18n/language'
import { Value } from '../parts/alert'
import { get } from '../state/api'
import { board, now } from '../state/live'
import { useLoaded } from '../state/loaded'
import { moment } from '../state/time'

type Heap = 'quarantine' | 'refused'
const PAGE = 50

export function QuarantineScreen(): JSX.Element {
  const w = words.value
  const heap = useSignal<Heap>('quarantine')
  const counts: Record<Heap, number> = { quarantine: board.value?.quarantined ?? 0, refused: board.value?.refused ?? 0 }
  return (
    <div class="quarantine">
      <h1>{w.quarantine}</h1>
      <div class="segments" role="group" aria-label={w.quarantine}>
        {(['quarantine', 'refused'] as const).map((entry) => (
          <button key={entry} type="button" class="button" aria-pressed={heap.value === entry} onClick={() => { heap.value = entry }}>
            {entry === 'quarantine' ? w.quarantine : w.refused} <b class="number">{counts[entry]}</b>
          </button>
        ))}
      </div>
      <p class="muted">{heap.value === 'quarantine' ? w.quarantine_why : w.refused_why}</p>
      <Items key={heap.value} heap={heap.value} count={counts[heap.value]} />
    </div>
  )
}

/** Follows the count on the board: a new item appears without a reload. */
function Items({ heap, count }: { heap: Heap; count: number }): JSX.Element {
  const w = words.value
  const older = useSignal<Quarantined[]>([])
  const next = useSignal<string | null | undefined>(undefined)
  const loaded = useLoaded(`${heap}:${count}`, () => get<Page<Quarantined>>(`/${heap}?limit=${PAGE}`))
  if (loaded.value.state === 'loading') return <p class="empty" role="status">{w.loading}</p>
  if (loaded.value.state === 'failed') return <p class="empty" role="alert">{w.failed(loaded.value.why)}</p>
  const first = loaded.value.value
  const items = [...new Map([...first.items, ...older.value].map((item) => [item.id, item])).values()]
  const cursor = next.value === undefined ? first.next : next.value
  const more = async (): Promise<void> => {
    const page = await get<Page<Quarantined>>(`/${heap}?limit=${PAGE}&after=${encodeURIComponent(cursor ?? '')}`)
    older.value = [...older.value, ...page.items]
    next.value = page.next
  }
  if (items.length === 0) return <p class="empty card">{heap === 'quarantine' ? w.quarantine_empty : w.refused_empty}</p>
  return (
    <>
      <ul class="held-list" role="list">{items.map((item) => <li key={item.id}><Held item={item} /></li>)}</ul>
      {cursor && <p class="center"><button type="button" class="button" onClick={() => void more()}>{w.load_more}</button></p>}
    </>
  )
}

function Held({ item }: { item: Quarantined }): JSX.Element {
  const w = words.value
  return (
    <article class="card held">
      <div class="card-top">
        <b>{w.quarantine_reason[item.reason] ?? item.reason}</b>
        {item.state && <span class="chip">{w.quarantine_state[item.state]}</span>}
      </div>
      {item.reading && <p class="card-value"><Value reading={item.reading} /></p>}
      <p class="muted">{[moment(item.received_at, now.value), item.site, item.device, item.source].filter(Boolean).join(' · ')}</p>
      <details>
        <summary>{w.raw_show}</summary>
        <pre tabIndex={0} aria-label={w.raw[item.raw_encoding]}>{item.raw}</pre>
      </details>
    </article>
  )
}
