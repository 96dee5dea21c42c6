// A real Bluesky PDS with its PLC directory on the loopback, for tests.
//
//   node pds.mjs [--pds PORT] [--plc PORT] [--data DIR] [--limits]
//
// Port 0 or none means a free one. With --limits the PDS keeps its rate limits,
// which are off otherwise. When both answer, one line of JSON goes to
// the standard output: {"ready":true,"pds":URL,"plc":URL,"did":…,"admin":…,
// "jwtSecret":…}. Then each line of JSON on the standard input is a request
// {"id":1,"do":"account","name":"comune"} and gets one line {"id":1,"ok":…} or
// {"id":1,"error":…}. The servers end when the standard input closes, so no test
// can leave them behind.
//
// Requests:
//   account    {name}           makes an account, an app password, and a session of it
//   forget     {did}            deletes all uploaded files that no post refers to,
//                               as a public PDS does after a few minutes
//   takedown   {did, applied}   what a moderator does to an account
import { mkdtemp, mkdir, rm } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const { values: given } = parseArgs({
  options: {
    pds: { type: 'string', default: '0' },
    plc: { type: 'string', default: '0' },
    data: { type: 'string' },
    limits: { type: 'boolean', default: false },
  },
})

// The packages live in the folder from which the script is started, not beside it.
const require = createRequire(path.join(process.cwd(), 'package.json'))
const load = (name) => import(pathToFileURL(require.resolve(name)).href)

process.env.LOG_ENABLED = 'false'
process.env.NODE_ENV = 'test'

// Both servers would listen on every interface: a test server is nobody else's
// business.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (...args) {
  return typeof args[0] === 'number' && typeof args[1] !== 'string'
    ? listen.call(this, args[0], '127.0.0.1', ...args.slice(1))
    : listen.apply(this, args)
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const s = net.createServer()
    s.once('error', reject)
    s.listen(0, '127.0.0.1', () => {
      const { port } = s.address()
      s.close(() => resolve(port))
    })
  })

const secret = (bytes = 32) => randomBytes(bytes).toString('hex')

const [{ PDS }, plcServer] = await Promise.all([
  import(pathToFileURL(path.join(process.cwd(), 'node_modules/@atproto/pds/dist/index.js')).href),
  load('@did-plc/server'),
])

const temporary = !given.data
const data = given.data ?? (await mkdtemp(path.join(tmpdir(), 'arengo-pds-')))
await mkdir(path.join(data, 'blobs'), { recursive: true })

const plcPort = Number(given.plc) || (await freePort())
const plcDb = plcServer.Database.mock()
const plc = plcServer.PlcServer.create({ db: plcDb, port: plcPort })
await plc.start()

const port = Number(given.pds) || (await freePort())
const url = `http://localhost:${port}`
const admin = secret()
const jwtSecret = secret()
const pds = await PDS.fromEnv({
  devMode: true,
  port,
  hostname: 'localhost',
  dataDirectory: data,
  blobstoreDiskLocation: path.join(data, 'blobs'),
  blobUploadLimit: 320_000_000,
  didPlcUrl: `http://localhost:${plcPort}`,
  plcRotationKeyK256PrivateKeyHex: secret(),
  serviceHandleDomains: ['.test'],
  inviteRequired: false,
  rateLimitsEnabled: given.limits,
  disableSsrfProtection: true,
  adminPassword: admin,
  jwtSecret,
  // No AppView: what only it can answer fails, as it should.
  bskyAppViewUrl: 'https://appview.invalid',
  bskyAppViewDid: 'did:example:invalid',
  modServiceUrl: 'https://moderator.invalid',
  modServiceDid: 'did:example:invalid',
})
await pds.start()

// Handles of this PDS have no DNS: ask the PDS itself, by the Host header. The
// resolver is replaced because the real one would look the name up.
pds.ctx.idResolver.handle.resolve = async (handle) =>
  handle.endsWith('.test') ? await didOf(handle) : undefined

async function didOf(handle) {
  const account = await pds.ctx.accountManager.getAccount(handle)
  return account?.did
}

async function call(method, body, headers = {}) {
  const answer = await fetch(`${url}/xrpc/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method}: ${answer.status} ${text}`)
  return text ? JSON.parse(text) : {}
}

const asAdmin = { authorization: 'Basic ' + Buffer.from(`admin:${admin}`).toString('base64') }

const requests = {
  async account({ name }) {
    const handle = `${name}.test`
    const password = secret(12)
    const { did, accessJwt } = await call('com.atproto.server.createAccount', {
      handle,
      password,
      email: `${name}@comune.test`,
    })
    const app = await call(
      'com.atproto.server.createAppPassword',
      { name: 'arengo' },
      { authorization: `Bearer ${accessJwt}` },
    )
    // As createSession makes it, without the third of a second that this takes so
    // that nobody can guess passwords by the clock.
    const session = await pds.ctx.accountManager.createSession(did, { name: 'arengo', privileged: false })
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

  async forget({ did }) {
    return await pds.ctx.actorStore.transact(did, async (store) => {
      const gone = await store.db.db
        .deleteFrom('blob')
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(selectFrom('record_blob').select('record_blob.blobCid').whereRef('record_blob.blobCid', '=', 'blob.cid')),
          ),
        )
        .returning('cid')
        .execute()
      return { forgotten: gone.map((b) => b.cid) }
    })
  },

  async takedown({ did, applied }) {
    await call(
      'com.atproto.admin.updateSubjectStatus',
      {
        subject: { $type: 'com.atproto.admin.defs#repoRef', did },
        takedown: { applied, ref: 'test' },
      },
      asAdmin,
    )
    return {}
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
  setTimeout(() => process.exit(1), 5000).unref()
  await Promise.allSettled([pds.destroy(), plc.destroy()])
  if (temporary) await rm(data, { recursive: true, force: true })
  process.exit(0)
}

const lines = createInterface({ input: process.stdin })
lines.on('line', answer)
lines.on('close', end)
process.on('SIGTERM', end)
process.on('SIGINT', end)

say({ ready: true, pds: url, plc: `http://localhost:${plcPort}`, did: pds.ctx.cfg.service.did, admin, jwtSecret })
