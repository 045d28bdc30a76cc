/**
 * Bundles the TypeScript suites of one folder and runs them under Node's own test runner. Nothing is written beside
 * the sources: the bundle stands in node_modules, which is not kept.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const here = dirname(fileURLToPath(import.meta.url))
const [folder = 'unit', ...rest] = process.argv.slice(2)
const wanted = rest.filter((word) => !word.startsWith('-'))
const out = join(here, '..', 'node_modules', '.suites', folder)

const suites = readdirSync(join(here, folder))
  .filter((name) => name.endsWith('.test.ts') && (wanted.length === 0 || wanted.some((word) => name.startsWith(word))))
if (suites.length === 0) {
  console.error(`no suite in tests/${folder} matches ${wanted.join(' ')}`)
  process.exit(2)
}

rmSync(out, { recursive: true, force: true })
const bundle = await rolldown({
  input: Object.fromEntries(suites.map((name) => [name.replace(/\.ts$/, ''), join(here, folder, name)])),
  platform: 'node',
  external: ['playwright-core', 'axe-core'],
})
await bundle.write({ dir: out, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: 'part-[hash].mjs' })

/** A login link works once and every suite is a process of its own: the link is opened here, its cookie handed on. */
async function logIn(gateway, link) {
  if (!gateway || !link) return undefined
  const answer = await fetch(new URL(link, gateway), { redirect: 'manual' })
  const cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0])
  if (cookies.length === 0) {
    console.error(`the login link set no cookie (HTTP ${answer.status}); it may have been used before`)
    process.exit(1)
  }
  return cookies.join('; ')
}
if (folder === 'browser' && !process.env.XUNZHEN_URL && !process.env.DASHBOARDS_DIST && !existsSync(join(here, '..', 'dist', 'index.html'))) {
  console.error('the pages are not built: npm run build')
  process.exit(1)
}
const session = folder === 'browser' ? await logIn(process.env.XUNZHEN_URL, process.env.XUNZHEN_LOGIN) : undefined

const files = suites.map((name) => join(out, name.replace(/\.ts$/, '.mjs')))
const limits = folder === 'browser' ? ['--test-concurrency=1', '--test-timeout=180000'] : ['--test-timeout=30000']
const options = rest.filter((word) => word.startsWith('-'))
const ran = spawnSync(process.execPath, ['--test', ...limits, ...options, ...files], {
  stdio: 'inherit',
  env: { ...process.env, ...(session ? { XUNZHEN_SESSION: session } : {}), DASHBOARDS_ROOT: join(here, '..'), DASHBOARDS_DIST: process.env.DASHBOARDS_DIST ?? join(here, '..', 'dist') },
})
process.exit(ran.status ?? 1)
