/** A small server that speaks the contract and does what a suite tells it: events, silence, refusals. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Alert, Snapshot } from '../../ui/contract'
import { history, iso, nextCommit, person, quarantined, snapshot } from './township'

export interface Posted { path: string; key: string | undefined; csrf: string | undefined; body: string }

const TYPES: Record<string, string> = { js: 'text/javascript; charset=utf-8', html: 'text/html; charset=utf-8', svg: 'image/svg+xml' }

export class FakeGateway {
  readonly posted: Posted[] = []
  readonly resumedAfter: number[] = []
  /** What the next acks are answered with; empty: they succeed. */
  readonly ackAnswers: number[] = []
  snap: Snapshot = snapshot(Date.now())
  silent = false
  private readonly streams = new Set<ServerResponse>()
  private readonly sockets = new Set<import('node:net').Socket>()
  private readonly server: Server
  private readonly dist: string
  private beat: NodeJS.Timeout | undefined

  constructor(dist: string) {
    this.dist = dist
    this.server = createServer((request, response) => this.answer(request, response))
    this.server.on('connection', (socket) => {
      this.sockets.add(socket)
      socket.on('close', () => this.sockets.delete(socket))
    })
  }

  async start(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done))
    this.beat = setInterval(() => this.heartbeat(), 1_000)
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    clearInterval(this.beat)
    this.sockets.forEach((socket) => socket.destroy())
    await new Promise((done) => this.server.close(done))
  }

  get viewers(): number {
    return this.streams.size
  }

  fresh(): void {
    this.snap = snapshot(Date.now())
    this.posted.length = 0
    this.resumedAfter.length = 0
    this.ackAnswers.length = 0
    this.silent = false
  }

  send(name: string, body: unknown, id = nextCommit()): void {
    if (this.silent) return
    for (const stream of this.streams) stream.write(`id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(body)}\n\n`)
  }

  heartbeat(): void {
    this.send('hb', { at: iso(Date.now()), cursor: this.snap.cursor }, this.snap.cursor)
  }

  cut(): void {
    this.streams.forEach((stream) => stream.destroy())
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://fake')
    if (request.method === 'POST') this.write(request, response, url)
    else if (url.pathname === '/api/v1/stream') this.stream(response, url)
    else if (url.pathname.startsWith('/api/v1/')) this.read(response, url)
    else this.page(response, url)
  }

  private page(response: ServerResponse, url: URL): void {
    if (!url.pathname.startsWith('/assets/')) {
      const boot = JSON.stringify(this.snap).replace(/</g, '\\u003c')
      const [before, after] = readFileSync(join(this.dist, 'index.html'), 'utf8').split(/(?<=id="boot">)/)
      const hashes = readFileSync(join(this.dist, 'style-hashes.txt'), 'utf8').trim().split('\n').map((hash) => `'${hash}'`).join(' ')
      response.writeHead(200, {
        'Content-Type': TYPES['html']!, 'Cache-Control': 'no-cache',
        'Content-Encoding': 'gzip', 'Content-Security-Policy': `default-src 'self'; style-src 'self' ${hashes}; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'`,
      })
      response.end(gzipSync(`${before}${boot}${after}`))
      return
    }
    try {
      const body = readFileSync(join(this.dist, url.pathname))
      response.writeHead(200, { 'Content-Type': TYPES[url.pathname.split('.').pop()!] ?? 'application/octet-stream', 'Content-Encoding': 'gzip' })
      response.end(gzipSync(body))
    } catch {
      response.writeHead(404).end()
    }
  }

  private json(response: ServerResponse, body: unknown, status = 200): void {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    response.end(JSON.stringify(body))
  }

  private read(response: ServerResponse, url: URL): void {
    const [, , , list, id] = url.pathname.split('/')
    const page = (items: unknown[]): void => this.json(response, { items, next: null })
    const now = Date.now()
    if (list === 'snapshot') this.json(response, this.snap)
    else if (list === 'me') this.json(response, this.snap.me)
    else if (list === 'alerts' && id) {
      const found = this.snap.alerts.find((alert) => alert.id === id)
      if (found) this.json(response, { ...found, history: this.historyOf(found) })
      else this.json(response, { code: 'not_found', message: 'no such alert', message_zh: '没有这条预警', detail: null }, 404)
    } else if (list === 'alerts') page(this.snap.alerts)
    else if (list === 'people' && !id) page(this.found(url.searchParams.get('query') ?? ''))
    else if (list === 'people' && id) this.json(response, person(id, this.snap))
    else if (list === 'readings') page(history(url.searchParams.get('person') ?? '', now))
    else if (list === 'quarantine') page(quarantined(now))
    else if (list === 'refused') page(quarantined(now).slice(1, 2).map((item) => ({ ...item, reason: 'checksum', state: undefined })))
    else this.json(response, { code: 'not_found', message: 'not found', message_zh: '没有', detail: null }, 404)
  }

  private found(query: string): unknown[] {
    const people = new Map(this.snap.alerts.map((alert) => [alert.person, { person: alert.person, name: alert.person_name, sex: alert.sex, age: alert.age, village: alert.village }]))
    return [...people.values()].filter((entry) => `${entry.person}${entry.name}${entry.village}`.includes(query))
  }

  private historyOf(alert: Alert): unknown[] {
    return [
      { at: alert.opened_at, kind: 'opened', by: null, note: null, from: null, to: null },
      ...(alert.acknowledged_at ? [{ at: alert.acknowledged_at, kind: 'acknowledged', by: alert.owner_name, note: null, from: 'open', to: null }] : []),
    ]
  }

  private stream(response: ServerResponse, url: URL): void {
    this.resumedAfter.push(Number(url.searchParams.get('after')))
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    response.flushHeaders()
    if (this.silent) return
    this.streams.add(response)
    response.on('close', () => this.streams.delete(response))
    const hello = { build: this.snap.build, schema: 1, cursor: this.snap.cursor }
    response.write(`event: hello\ndata: ${JSON.stringify(hello)}\n\n`)
    this.heartbeat()
  }

  private write(request: IncomingMessage, response: ServerResponse, url: URL): void {
    let body = ''
    request.on('data', (part: Buffer) => { body += part.toString() })
    request.on('end', () => {
      const header = (name: string): string | undefined => request.headers[name] as string | undefined
      this.posted.push({ path: url.pathname, key: header('idempotency-key'), csrf: header('x-requested-with'), body })
      const status = this.ackAnswers.shift() ?? 200
      if (status !== 200) {
        this.json(response, { code: 'busy', message: 'the gateway is busy', message_zh: '网关忙', detail: null }, status)
        return
      }
      const id = url.pathname.split('/')[4]
      const index = this.snap.alerts.findIndex((alert) => alert.id === id)
      const taken: Alert = {
        ...this.snap.alerts[index]!, state: 'acknowledged', acknowledged_by: 'DR1', acknowledged_at: iso(Date.now()), commit: nextCommit(),
      }
      this.snap.alerts[index] = taken
      this.json(response, taken)
      this.send('alert', { alert: taken, change: 'acknowledged' }, taken.commit)
    })
  }
}
