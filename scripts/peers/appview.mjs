// A real Bluesky network on the loopback, for tests: PDS, PLC directory, and the
// AppView that indexes posts, threads and notifications, with the moderation
// service that takes reports.
//
//   node appview.mjs --postgres URL --schema LETTERS
//
// The AppView keeps its index in PostgreSQL, in schemas that begin with the given
// letters and are dropped at the end. When all answer, one line of JSON goes to the
// standard output: {"ready":true,"pds":URL,"plc":URL,"appview":URL,"appviewDid":…,
// "did":…,"jwtSecret":…}. Then each line of JSON on the standard input is a request
// {"id":1,"do":"account","name":"comune"} and gets one line {"id":1,"ok":…} or
// {"id":1,"error":…}. The servers end when the standard input closes.
//
// Requests:
//   account  {name}   makes an account, an app password, and a session of it
//   settle   {}       waits until the AppView has indexed all that was written
//   reports  {did}    lists what was reported about an account
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import path from 'node:path'

const { values: given } = parseArgs({
  options: { postgres: { type: 'string' }, schema: { type: 'string' } },
})

// The packages live in the folder from which the script is started, not beside it.
const modules = path.join(process.cwd(), 'node_modules')
const load = (file) => import(pathToFileURL(path.join(modules, file)).href)
const require = createRequire(path.join(process.cwd(), 'package.json'))

process.env.LOG_ENABLED = 'false'
process.env.NODE_ENV = 'test'
process.noDeprecation = true
process.env.REDIS_HOST = 'localhost' // asked for, and used by nothing here
process.env.DB_POSTGRES_URL = given.postgres
process.env.DB_POSTGRES_SCHEMA = given.schema

// Test servers are nobody else's business: they listen on the loopback only.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  if (typeof args[0] === 'number' && typeof args[1] !== 'string') return listen.call(this, args[0], 'localhost', ...args.slice(1))
  if (args[0] && typeof args[0] === 'object' && 'port' in args[0] && !args[0].host) return listen.call(this, { ...args[0], host: 'localhost' }, ...args.slice(1))
  return listen.apply(this, args)
}

const { TestNetwork } = await load('@atproto/dev-env/dist/index.js')
const { JWT_SECRET } = await load('@atproto/dev-env/dist/const.js')

const network = await TestNetwork.create({
  dbPostgresUrl: given.postgres,
  dbPostgresSchema: given.schema,
  pds: { hostname: 'localhost' },
  bsky: { notificationsDelayMs: 0 },
})

const secret = (bytes = 12) => randomBytes(bytes).toString('hex')

async function call(method, body, headers = {}) {
  const answer = await fetch(`${network.pds.url}/xrpc/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method}: ${answer.status} ${text}`)
  return text ? JSON.parse(text) : {}
}

const requests = {
  async account({ name }) {
    const handle = `${name}.test`
    const password = secret()
    const { did, accessJwt } = await call('com.atproto.server.createAccount', { handle, password, email: `${name}@comune.test` })
    const app = await call('com.atproto.server.createAppPassword', { name: 'arengo' }, { authorization: `Bearer ${accessJwt}` })
    const session = await network.pds.ctx.accountManager.createSession(did, { name: 'arengo', privileged: false })
    return {
      handle,
      did,
      password,
      ownerJwt: accessJwt,
      appPassword: app.password,
      appPasswordName: 'arengo',
      accessJwt: session.accessJwt,
      refreshJwt: session.refreshJwt,
    }
  },

  async settle() {
    await network.processAll(20_000)
    return {}
  },

  async reports({ did }) {
    const { rows } = await network.ozone.ctx.db.pool.query(
      `SELECT "subjectDid", "subjectUri", comment FROM "ozone_${given.schema}".moderation_event WHERE "subjectDid" = $1 AND action = 'tools.ozone.moderation.defs#modEventReport'`,
      [did],
    )
    return rows
  },
}

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

async function answer(line) {
  let asked = {}
  try {
    asked = JSON.parse(line)
    if (!Object.hasOwn(requests, asked.do)) throw new Error(`unknown request ${asked.do}`)
    say({ id: asked.id, ok: await requests[asked.do](asked) })
  } catch (err) {
    say({ id: asked.id, error: String(err?.message ?? err) })
  }
}

async function end() {
  // Whatever hangs, the process must not stay.
  setTimeout(() => process.exit(1), 15_000).unref()
  await Promise.allSettled([network.close()])
  const { Client } = require('pg')
  const db = new Client({ connectionString: given.postgres })
  await db.connect()
  for (const part of ['bsync', 'appview', 'ozone']) await db.query(`DROP SCHEMA IF EXISTS "${part}_${given.schema}" CASCADE`)
  await db.end()
  process.exit(0)
}

const lines = createInterface({ input: process.stdin })
lines.on('line', answer)
lines.on('close', end)
process.on('SIGTERM', end)
process.on('SIGINT', end)

say({
  ready: true,
  pds: network.pds.url,
  plc: network.plc.url,
  appview: network.bsky.url,
  appviewDid: network.bsky.ctx.cfg.serverDid,
  did: network.pds.ctx.cfg.service.did,
  jwtSecret: JWT_SECRET,
})
