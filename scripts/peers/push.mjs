// A push service (web-push-testing) on a free port of the loopback: it checks the
// VAPID signature and decrypts what it is sent. It speaks JSON lines, as pds.mjs.
//
//   subscribe {key}          → {endpoint, keys: {p256dh, auth}, clientHash}
//   messages {clientHash}    → {messages: [text], headers: [{topic, urgency, ttl}]}
//   expire {clientHash}      → {}
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(`${process.cwd()}/`)
const { PushApiModel } = require('web-push-testing/src/PushApiModel.js')
const WebPushTestingServer = require('web-push-testing/src/server.js')

// The service writes its log to standard output, which is ours for answers.
console.log = console.error = () => {}

const model = new PushApiModel()
const service = new WebPushTestingServer(model, 1)
const heard = new Map()
const server = createServer((request, response) => {
  const hash = request.url.split('/').pop()
  const { topic, urgency, ttl } = request.headers
  heard.set(hash, [...(heard.get(hash) ?? []), { topic, urgency, ttl }])
  service._app(request, response)
})
// Left alone, the service would listen on every interface of the machine.
service._app.listen = (_port, ready) => server.listen(0, '127.0.0.1', ready)
service.startServer()
await new Promise((done) => (server.listening ? done() : server.once('listening', done)))
model.notifyUrl = `http://127.0.0.1:${server.address().port}/notify/`

const requests = {
  subscribe: ({ key }) => model.subscribe({ applicationServerKey: key, userVisibleOnly: 'true' }),
  messages: ({ clientHash }) => ({ ...model.getNotifications({ clientHash }), headers: heard.get(clientHash) ?? [] }),
  expire({ clientHash }) {
    model.expireSubscription(clientHash)
    return {}
  },
}

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

const lines = createInterface({ input: process.stdin })
lines.on('line', async (line) => {
  let asked = {}
  try {
    asked = JSON.parse(line)
    if (!Object.hasOwn(requests, asked.do)) throw new Error(`unknown request ${asked.do}`)
    say({ id: asked.id, ok: await requests[asked.do](asked) })
  } catch (err) {
    say({ id: asked.id, error: String(err?.message ?? err) })
  }
})
lines.on('close', () => process.exit(0))
process.on('SIGTERM', () => process.exit(0))

say({ ready: true, url: model.notifyUrl })
