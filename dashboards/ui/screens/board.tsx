/** The live board: counts as tiles, the day as bars, villages and sites as pictures, readings as they come in. */
import type { JSX } from 'preact'
import type { Board, Hour, Level, Reading, Site, Village } from '../contract'
import { words } from '../i18n/language'
import { Deadline, mayReadPeople, reasonText, Value, Who } from '../parts/alert'
import { Guard } from '../parts/guard'
import { HourBars } from '../parts/hours'
import { Shape } from '../parts/shape'
import { board, crossed, LEVELS, now, openAlerts, rank, readings } from '../state/live'
import { toAlert, toInbox, toPerson } from '../state/route'
import { moment } from '../state/time'

const ALERTS_SHOWN = 5
/** More than these scroll within their card, and the keyboard must reach them. */
const VILLAGES_IN_SIGHT = 8

export function BoardScreen(): JSX.Element {
  const current = board.value
  if (!current) return <p class="empty">{words.value.loading}</p>
  return (
    <div class="board">
      <h1 class="unseen">{words.value.nav.board}</h1>
      <Tiles current={current} />
      <div class="board-grid">
        <Guard of={current}><Hours hourly={current.hourly} /></Guard>
        <Guard of={current}><Newest /></Guard>
        <Guard of={current}><Alerts /></Guard>
        <Guard of={current}><Villages villages={current.villages} /></Guard>
        <Guard of={current}><Sites sites={current.sites} /></Guard>
      </div>
    </div>
  )
}

function Tiles({ current }: { current: Board }): JSX.Element {
  const w = words.value
  const online = current.sites.filter((site) => site.state === 'online').length
  const oldest = current.unacknowledged_oldest_minutes
  return (
    <div class="tiles">
      {LEVELS.map((level) => <LevelTile key={level} level={level} count={current.open[level]} />)}
      <dl class="card figures">
        <Figure name={w.tiles.people} value={w.out_of(current.people_today, current.people)} />
        <Figure name={w.tiles.today} value={current.readings_today} />
        <Figure name={w.tiles.overdue} value={current.overdue} alarm={current.overdue > 0} />
        <Figure name={w.tiles.oldest} value={oldest === null ? w.none_waiting : w.span(oldest)} />
        <Figure name={w.tiles.sites} value={w.out_of(online, current.sites.length)} />
        <Figure name={w.tiles.quarantined} value={current.quarantined} />
      </dl>
    </div>
  )
}

function LevelTile({ level, count }: { level: Level; count: number }): JSX.Element {
  return (
    <a class={`tile l-${level}${count === 0 ? ' none' : ''}`} href={toInbox(level)}>
      <Shape level={level} size={34} />
      <b class="number tile-count">{count}</b>
      <span class="tile-name">{words.value.level[level]}</span>
    </a>
  )
}

function Figure({ name, value, alarm }: { name: string; value: number | string; alarm?: boolean }): JSX.Element {
  return (
    <div class={alarm ? 'figure alarm' : 'figure'}>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
    </div>
  )
}

function Hours({ hourly }: { hourly: readonly Hour[] }): JSX.Element {
  const w = words.value
  return (
    <section class="card hours" aria-labelledby="hours">
      <header>
        <h2 id="hours">{w.hourly}</h2>
        <span class="key"><i class="swatch" />{w.hourly_readings}<i class="swatch crossing" />{w.hourly_crossings}</span>
      </header>
      <HourBars hourly={hourly} text={11} />
    </section>
  )
}

function Newest(): JSX.Element {
  const w = words.value
  return (
    <section class="card newest" aria-labelledby="newest">
      <header><h2 id="newest">{w.newest}</h2></header>
      {readings.value.length === 0 && <p class="empty">{w.newest_empty}</p>}
      <ul class="feed" role="list" tabIndex={0} aria-labelledby="newest">
        {readings.value.map((reading) => <FeedRow key={reading.id} reading={reading} />)}
      </ul>
    </section>
  )
}

function FeedRow({ reading }: { reading: Reading }): JSX.Element {
  const w = words.value
  const level = crossed.value.get(reading.id)
  const place = reading.site ?? reading.device
  const row = (
    <>
      <span class="feed-mark">{level ? <Shape level={level} size={22} /> : <i class="dot" aria-hidden="true" />}</span>
      <span class="feed-value"><Value reading={reading} /></span>
      <span class="feed-facts">
        {level && <b class={`ink-${level}`}>{w.crossing(w.level_short[level])} </b>}
        {reading.status === 'rejected' && <b>{w.rejected} </b>}
        {w.kind_short[reading.kind]}{reading.meal && ` · ${w.meal[reading.meal] ?? reading.meal}`}
      </span>
      <span class="feed-when">{moment(reading.measured_at, now.value)} · {place}</span>
    </>
  )
  const kind = level ? `feed-row crossing l-${level}` : 'feed-row'
  return (
    <li>
      {reading.person && mayReadPeople()
        ? <a class={kind} href={toPerson(reading.person)}>{row}</a>
        : <div class={kind}>{row}</div>}
    </li>
  )
}

function Alerts(): JSX.Element {
  const w = words.value
  return (
    <section class="card open-alerts" aria-labelledby="open-alerts">
      <header><h2 id="open-alerts">{w.alerts_now}</h2><a class="more" href={toInbox()}>{w.all_alerts}</a></header>
      {openAlerts.value.length === 0 && <p class="empty">{w.inbox_empty}</p>}
      <ul role="list">
        {openAlerts.value.slice(0, ALERTS_SHOWN).map((alert) => (
          <li key={alert.id}>
            <a class="alert-row" href={toAlert(alert.id)}>
              <Shape level={alert.level} size={26} />
              <span class="alert-row-who"><Who alert={alert} /><span class="muted">{reasonText(alert)}</span></span>
              <span class="alert-row-due"><Deadline alert={alert} /><span class="muted">{alert.owner_name ?? alert.owner ?? w.nobody}</span></span>
            </a>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Villages with an open alert first, worst first; then those with most people still to see. */
function byNeed(a: Village, b: Village): number {
  const worst = (village: Village): number => (village.worst ? rank(village.worst) : LEVELS.length)
  return worst(a) - worst(b) || a.people_today / (a.people || 1) - b.people_today / (b.people || 1)
}

function Villages({ villages }: { villages: readonly Village[] }): JSX.Element {
  const w = words.value
  return (
    <section class="card villages" aria-labelledby="villages">
      <header><h2 id="villages">{w.villages}</h2></header>
      {villages.length === 0 && <p class="empty">{w.villages_empty}</p>}
      <ul role="list" class="village-list" {...(villages.length > VILLAGES_IN_SIGHT ? { tabIndex: 0, 'aria-labelledby': 'villages' } : {})}>
        {[...villages].sort(byNeed).map((village) => (
          <li key={village.village} class="village">
            <span class="village-name">
              {village.worst ? <Shape level={village.worst} size={20} /> : <i class="dot" aria-hidden="true" />}
              <span>{village.village}</span>
            </span>
            <span class="bar" role="img" aria-label={w.village_spoken(village.village, village.people_today, village.people)}>
              <i style={{ width: `${Math.min(100, (100 * village.people_today) / (village.people || 1))}%` }} />
            </span>
            <span class="number village-count">{w.out_of(village.people_today, village.people)}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Sites({ sites }: { sites: readonly Site[] }): JSX.Element {
  const w = words.value
  return (
    <section class="card sites" aria-labelledby="sites">
      <header><h2 id="sites">{w.sites}</h2></header>
      <ul role="list">
        {sites.filter((site) => site.kind !== 'home').map((site) => (
          <li key={site.site} class={`site site-${site.state}`}>
            <span class="site-head"><b>{site.name || site.site}</b><span class="site-state">{w.site_state[site.state]}</span></span>
            <span class="muted">{w.site_kind[site.kind]} · {site.last_seen ? w.last_seen(moment(site.last_seen, now.value)) : w.never_seen}</span>
            <span class="site-counts">
              <b class="number">{w.readings_count(site.readings_today)}</b>
              <span>{w.people_count(site.people_today)}</span>
              {site.quarantined > 0 && <a class="site-quarantine" href="#/quarantine">{w.quarantine} {site.quarantined}</a>}
            </span>
          </li>
        ))}
        <Homes homes={sites.filter((site) => site.kind === 'home')} />
      </ul>
      {sites.length === 0 && <p class="empty">{w.sites_empty}</p>}
    </section>
  )
}

/** A township has hundreds of home devices: they are one picture, not hundreds. */
function Homes({ homes }: { homes: readonly Site[] }): JSX.Element | null {
  const w = words.value
  if (homes.length === 0) return null
  const online = homes.filter((site) => site.state === 'online').length
  const sum = (of: (site: Site) => number): number => homes.reduce((all, site) => all + of(site), 0)
  return (
    <li class={online > 0 ? 'site site-online' : 'site site-offline'}>
      <span class="site-head"><b>{w.site_kind.home}</b><span class="site-state">{w.site_state.online} {w.out_of(online, homes.length)}</span></span>
      <span class="site-counts">
        <b class="number">{w.readings_count(sum((site) => site.readings_today))}</b>
        <span>{w.people_count(sum((site) => site.people_today))}</span>
      </span>
    </li>
  )
}
