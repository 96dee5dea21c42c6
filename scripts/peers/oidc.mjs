// A real OpenID provider (node oidc-provider) on the loopback, for tests.
//
//   node oidc.mjs [--port PORT]
//
// Port 0 or none means a free one. When it answers, one line of JSON goes to the
// standard output: {"ready":true,"issuer":URL}. Then each line of JSON on the
// standard input is a request {"id":1,"do":"client",…} and gets one line
// {"id":1,"ok":…} or {"id":1,"error":…}. It ends when the standard input closes.
//
// Requests:
//   client   {redirects}   registers a confidential client that must use PKCE, and
//                          answers {clientId, clientSecret}
//   person   {sub, claims} makes or changes a person who can sign in; claims are
//                          what /me answers: email, email_verified, name, …
//   forget   {sub}         the person no longer exists: tokens stop working
//
// Signing in: the authorization endpoint leads to a page with one form. Its field
// "login" takes the sub of a person, its button "accedi" signs in, its button
// "nega" refuses (the client gets access_denied). A browser fills it in; a program
// follows the redirects with a cookie jar and posts login=SUB to the page's own
// address. With login_hint=SUB in the authorization request nothing is asked.
// There is no password: who reaches the loopback may be anybody.
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { generateKeyPairSync, randomBytes } from 'node:crypto'

const { values: given } = parseArgs({ options: { port: { type: 'string', default: '0' } } })

// The packages live in the folder from which the script is started, not beside it.
const require = createRequire(path.join(process.cwd(), 'package.json'))
// The provider warns on the standard output; only answers may go there.
console.info = console.log = console.error
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href)

const secret = () => randomBytes(32).toString('hex')
const people = new Map()

const server = createServer()
await new Promise((ready, failed) => {
  server.once('error', failed)
  server.listen(Number(given.port), '127.0.0.1', ready)
})
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  jwks: {
    keys: [
      {
        ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
        use: 'sig',
        alg: 'RS256',
      },
    ],
  },
  cookies: { keys: [secret()] },
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true },
    revocation: { enabled: true },
  },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name'] },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  async findAccount(_ctx, sub) {
    const claims = people.get(sub)
    return claims && { accountId: sub, claims: async () => ({ ...claims, sub }) }
  },
  // What the client asked for is granted: consent is not what is tested here.
  async loadExistingGrant(ctx) {
    const { Grant } = ctx.oidc.provider
    const grant = new Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId })
    grant.addOIDCScope([...ctx.oidc.requestParamScopes].join(' '))
    await grant.save()
    return grant
  },
})

const escape = (s) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)

const page = (known) => `<!doctype html><html lang="it"><title>Identità di prova</title>
<h1>Identità di prova</h1><form method="post">
<label>Chi entra <input name="login" list="people" required autofocus></label>
<datalist id="people">${known.map((s) => `<option value="${escape(s)}">`).join('')}</datalist>
<button name="act" value="accedi" id="accedi">Accedi</button>
<button name="act" value="nega" id="nega" formnovalidate>Nega</button></form></html>`

async function form(req) {
  let body = ''
  for await (const part of req) {
    body += part
    if (body.length > 10_000) throw new Error('form too large')
  }
  return new URLSearchParams(body)
}

async function interaction(req, res) {
  const { params } = await provider.interactionDetails(req, res)
  const finish = (result) => provider.interactionFinished(req, res, result, { mergeWithLastSubmission: false })
  const enter = (sub) => finish({ login: { accountId: sub } })
  if (req.method === 'POST') {
    const typed = await form(req)
    if (typed.get('act') === 'nega') return finish({ error: 'access_denied', error_description: 'refused by the person' })
    if (people.has(typed.get('login'))) return enter(typed.get('login'))
  } else if (people.has(params.login_hint)) {
    return enter(params.login_hint)
  }
  res.writeHead(req.method === 'POST' ? 422 : 200, { 'content-type': 'text/html; charset=utf-8' })
  res.end(page([...people.keys()]))
}

const rest = provider.callback()
server.on('request', (req, res) => {
  if (!req.url.startsWith('/interaction/')) return rest(req, res)
  interaction(req, res).catch((err) => {
    res.writeHead(400, { 'content-type': 'text/plain; charset=utf-8' })
    res.end(String(err?.message ?? err))
  })
})

const requests = {
  async client({ redirects }) {
    const answer = await fetch(`${issuer}/reg`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        redirect_uris: redirects,
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'client_secret_basic',
      }),
    })
    const made = await answer.json()
    if (!answer.ok) throw new Error(`${made.error}: ${made.error_description}`)
    return { clientId: made.client_id, clientSecret: made.client_secret }
  },
  async person({ sub, claims }) {
    people.set(sub, claims)
    return {}
  },
  async forget({ sub }) {
    people.delete(sub)
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

const lines = createInterface({ input: process.stdin })
lines.on('line', answer)
lines.on('close', () => process.exit(0))
process.on('SIGTERM', () => process.exit(0))

say({ ready: true, issuer })
