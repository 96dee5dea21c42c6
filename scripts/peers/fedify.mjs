// Independent servers of the Fediverse on the loopback, for tests: Fedify, with a
// small memory of what it was told.
//
//   node fedify.mjs
//
// When it is ready, one line of JSON goes to the standard output:
// {"ready":true,"version":…}. Then each line of JSON on the standard input is a
// request {"id":1,"do":"server"} and gets one line {"id":1,"ok":…} or
// {"id":1,"error":…}. All ends when the standard input closes, so no test can leave
// it behind. Activities are signed, sent and verified by Fedify; what it refuses to
// send or to take is an error here too.
//
// Servers, each with its own address, accounts and memory:
//   server   {secure, only}            starts one: {server, url}. secure refuses unsigned requests
//                                      for actors and posts; only takes one kind of signature
//                                      in inboxes, "cavage" or "rfc9421"
//   behave   {server, status, delay}   inboxes answer this status after this many milliseconds,
//                                      without looking; nothing given is good behaviour again
//   log      {server}                  what came to the inboxes: [{path, status, type, id, scheme}]
//   stop     {server}
//
// Accounts:
//   account  {server, name, type}      makes one: {actor, handle, inbox, keyId}
//   crowd    {server, count}           makes many that share a key: {actors}
//   rotate   {actor}                   gives it another key under the same id
//   lookup   {actor, what}             what it finds by a handle or an address
//   page     {actor, what, most}       a collection, read page by page: {type, total, items: [{id, type, object}]}
//   nodeinfo {url}                     what a server says of itself, read strictly; null when it is not valid
//   follow   {actor, whom}             → {id}
//   state    {actor}                   {following: {actor: "asked"|"accepted"|"rejected"}, boosts, followers}
//   copies   {actor}                   posts that it holds, as it understood them, oldest first
//   copy     {actor, post}               one of them, or null
//
// What an account does; each sends its activity and returns {id, object?}:
//   post     {actor, to, html, lang, inReplyTo, mention: {actor, handle}, media: [{url, type, alt}], private}
//   edit     {actor, post, html, to}     of its own post
//   delete   {actor, post, to}           with a Tombstone
//   like     {actor, post, to}           to is the account whose post it is
//   react    {actor, post, to, emoji}
//   boost    {actor, post, to}
//   undo     {actor, activity, to}     an activity that it sent
//   flag     {actor, ids, content, to}
//   block    {actor, whom}
//   move     {actor, target, to}       target is an account of any server of this process
//   leave    {actor, to}               deletes the account
//   update   {actor, name, to}         changes its own name
//   raw      {actor, to, document, scheme, date}  sends any document, signed with the account's key:
//                                      {status, body}; to is an inbox
import { randomUUID, webcrypto } from 'node:crypto'
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { readFileSync } from 'node:fs'
import { reader } from './fedify_copy.mjs'

// The packages live in the folder from which the script is started, not beside it.
const folder = process.cwd()
const require = createRequire(path.join(folder, 'package.json'))
const load = (file) => import(pathToFileURL(path.join(folder, 'node_modules', file)).href)

globalThis.Temporal ??= (await import(pathToFileURL(require.resolve('@js-temporal/polyfill')).href)).Temporal // Node 22 has none
const [fedify, V, runtime, { serve }] = await Promise.all([
  load('@fedify/fedify/dist/mod.js'),
  load('@fedify/vocab/dist/mod.js'),
  load('@fedify/vocab-runtime/dist/mod.js'),
  import(pathToFileURL(require.resolve('@hono/node-server')).href),
])
const { version } = JSON.parse(readFileSync(path.join(folder, 'node_modules/@fedify/fedify/package.json')))

const understand = reader(V, runtime)
const servers = new Map()
const accounts = new Map() // by the actor's address

const makeKey = () =>
  webcrypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    true,
    ['sign', 'verify'],
  )
const now = () => Temporal.Now.instant()
const url = (s) => (s ? new URL(s) : null)
const all = async (iterable) => {
  const list = []
  for await (const x of iterable) list.push(x)
  return list
}
const text = (s) => (s == null ? null : String(s))
const kind = (o) => o?.constructor?.name ?? null

// ———— what came ————

const isPost = (o) => o instanceof V.Note || o instanceof V.Article || o instanceof V.Event

function listen(server) {
  const { federation, posts } = server
  // The peer of a copy is the server: its accounts share what it holds.
  federation
    .setInboxListeners('/users/{identifier}/inbox', '/inbox')
    .setSharedKeyDispatcher(() => ({ identifier: 'instance' }))
    .on(V.Accept, (ctx, a) => settle(server, a, 'accepted'))
    .on(V.Reject, (ctx, a) => settle(server, a, 'rejected'))
    .on(V.Follow, async (ctx, f) => {
      const account = accounts.get(f.objectId?.href)
      const follower = await f.getActor(ctx)
      if (!account || account.server !== server || !follower) return
      account.followers.add(follower.id.href)
      await ctx.sendActivity({ identifier: account.name }, follower, new V.Accept({ id: fresh(account, 'accepts'), actor: new URL(account.actor), object: f }))
    })
    .on(V.Create, async (ctx, c) => {
      const o = await c.getObject(ctx)
      if (isPost(o) && o.id && o.attributionId?.href === c.actorId?.href) posts.set(o.id.href, await understand(o, ctx))
    })
    .on(V.Update, async (ctx, u) => {
      const o = await u.getObject(ctx)
      if (!o?.id) return
      if (o.id.href === u.actorId?.href) return void server.actors.set(o.id.href, text(o.name))
      const copy = posts.get(o.id.href)
      if (isPost(o) && copy && copy.author === u.actorId?.href) posts.set(o.id.href, { ...(await understand(o, ctx)), edits: copy.edits + 1 })
    })
    .on(V.Delete, async (ctx, d) => {
      const copy = posts.get(d.objectId?.href)
      if (copy && copy.author === d.actorId?.href) Object.assign(copy, { deleted: true, content: null, media: [] })
    })
    .on(V.Announce, async (ctx, a) => {
      if (a.objectId) server.boosts.set(a.id.href, { actor: a.actorId?.href, object: a.objectId.href })
    })
    .on(V.Undo, async (ctx, u) => {
      const undone = await u.getObject(ctx)
      if (undone?.actorId?.href !== u.actorId?.href) return
      if (undone instanceof V.Announce) server.boosts.delete(undone.id?.href)
      if (undone instanceof V.Follow) accounts.get(undone.objectId?.href)?.followers.delete(u.actorId.href)
    })
    .on(V.Activity, async () => {})
    .onError((ctx, error) => console.error(`fedify: inbox: ${error}`))
}

// settle takes the answer to a follow that was sent from here; only who was asked
// may give it.
function settle(server, answer, outcome) {
  const follow = server.sent.get(answer.objectId?.href)
  if (!(follow instanceof V.Follow) || follow.objectId.href !== answer.actorId?.href) return
  const { following } = accounts.get(follow.actorId.href)
  if (following.has(answer.actorId.href)) following.set(answer.actorId.href, outcome)
}

// ———— servers ————

async function startServer({ secure = false, only = null }) {
  const server = { id: randomUUID(), secure, only, behaviour: null, log: [], posts: new Map(), notes: new Map(), actors: new Map(), boosts: new Map(), sent: new Map() }
  const listening = await new Promise((resolve, reject) => {
    const http = serve({ fetch: (r) => arrive(server, r), port: 0, hostname: '127.0.0.1' }, (info) => resolve({ http, port: info.port }))
    http.once('error', reject)
  })
  server.http = listening.http
  server.url = `http://127.0.0.1:${listening.port}`
  const federation = fedify.createFederation({ kv: new fedify.MemoryKvStore(), allowPrivateAddress: true, origin: server.url })
  server.federation = federation
  const instance = await makeKey()

  const signed = async (ctx) => !server.secure || (await ctx.getSignedKey({ documentLoader: await ctx.getDocumentLoader({ identifier: 'instance' }) })) != null
  federation
    .setActorDispatcher('/users/{identifier}', async (ctx, identifier) => actorOf(server, ctx, identifier))
    .setKeyPairsDispatcher((ctx, identifier) => (identifier === 'instance' ? [instance] : accountOf(server, identifier) ? [accountOf(server, identifier).key] : []))
    .authorize(async (ctx, identifier) => identifier === 'instance' || signed(ctx))
  federation.setObjectDispatcher(V.Note, '/notes/{id}', (ctx, { id }) => server.notes.get(`${server.url}/notes/${id}`) ?? null).authorize(signed)
  federation.setFollowersDispatcher('/users/{identifier}/followers', () => ({ items: [] }))
  listen(server)
  server.ctx = federation.createContext(new URL(server.url), undefined)
  servers.set(server.id, server)
  return { server: server.id, url: server.url }
}

const accountOf = (server, name) => accounts.get(`${server.url}/users/${name}`)

async function actorOf(server, ctx, identifier) {
  const account = accountOf(server, identifier)
  if (identifier !== 'instance' && (!account || account.gone)) return null
  const [key] = await ctx.getActorKeyPairs(identifier)
  const Class = identifier === 'instance' ? V.Application : account.type
  return new Class({
    id: ctx.getActorUri(identifier),
    preferredUsername: identifier,
    name: account?.title ?? identifier,
    inbox: ctx.getInboxUri(identifier),
    followers: ctx.getFollowersUri(identifier),
    endpoints: new V.Endpoints({ sharedInbox: ctx.getInboxUri() }),
    url: new URL(`/@${identifier}`, server.url),
    publicKey: key.cryptographicKey,
    aliases: (account?.aliases ?? []).map(url),
    successor: url(account?.successor),
  })
}

async function arrive(server, request) {
  const { pathname } = new URL(request.url)
  if (request.method !== 'POST') return server.federation.fetch(request, { contextData: undefined })
  const scheme = request.headers.has('signature-input') ? 'rfc9421' : request.headers.has('signature') ? 'cavage' : 'none'
  const entry = { path: pathname, scheme, status: 0, type: null, id: null, actor: null }
  server.log.push(entry)
  try {
    const body = JSON.parse(await request.clone().text())
    Object.assign(entry, { type: body.type, id: body.id, actor: body.actor?.id ?? body.actor })
  } catch {
    // Fedify says what it thinks of it.
  }
  if (server.behaviour) {
    const { status, delay } = server.behaviour
    if (delay) await new Promise((done) => setTimeout(done, delay))
    if (status) {
      entry.status = status
      return new Response('so told', { status })
    }
  }
  if (server.only && scheme !== server.only) {
    entry.status = 401
    return new Response('another kind of signature', { status: 401 })
  }
  const response = await server.federation.fetch(request, { contextData: undefined })
  entry.status = response.status
  return response
}

// ———— accounts and what they do ————

const serverBy = (id) => servers.get(id) ?? fail(`no server ${id}`)
const accountBy = (actor) => accounts.get(actor) ?? fail(`no account ${actor}`)
function fail(message) {
  throw new Error(message)
}

function enroll(server, name, key, type = 'Person') {
  const actor = `${server.url}/users/${name}`
  if (accounts.has(actor)) fail(`${actor} exists`)
  accounts.set(actor, {
    server, name, actor, key, type: V[type] ?? fail(`no type ${type}`), title: name, following: new Map(), followers: new Set(), aliases: [], gone: false,
  })
  return { actor, handle: `@${name}@${new URL(server.url).host}`, inbox: `${actor}/inbox`, keyId: `${actor}#main-key` }
}

const fresh = (account, what) => new URL(`${account.actor}/${what}/${randomUUID()}`)

// actorNamed asks for a name as Fedify does, but without TLS, which it insists on.
async function actorNamed(handle) {
  const [, user, host] = /^@([^@]+)@([^@]+)$/.exec(handle) ?? fail(`no name: ${handle}`)
  const resource = `acct:${user}@${host}`
  const response = await fetch(`http://${host}/.well-known/webfinger?${new URLSearchParams({ resource })}`)
  if (!response.ok) return null
  const type = response.headers.get('content-type')
  if (!type?.startsWith('application/jrd+json')) fail(`webfinger came as ${type}`)
  const { subject, links } = await response.json()
  if (subject !== resource) fail(`asked for ${resource}, told of ${subject}`)
  return links.find((l) => l.rel === 'self' && l.type === 'application/activity+json')?.href ?? null
}

// find reads an actor's document as Fedify does: signed, with its id checked.
async function find(account, what) {
  const { ctx } = account.server
  const documentLoader = await ctx.getDocumentLoader({ identifier: account.name })
  if (what.startsWith('@')) what = await actorNamed(what)
  return what && ctx.lookupObject(what, { documentLoader, contextLoader: ctx.contextLoader })
}

async function send(account, to, activity, object) {
  const recipient = (await find(account, to)) ?? fail(`nobody at ${to}`)
  account.server.sent.set(activity.id.href, activity)
  await account.server.ctx.sendActivity({ identifier: account.name }, recipient, activity, { preferSharedInbox: false, immediate: true })
  return { id: activity.id.href, ...(object ? { object: object.href } : {}) }
}

const audience = (account, to, isPrivate) =>
  isPrivate ? { tos: [url(to)] } : { tos: [V.PUBLIC_COLLECTION], ccs: [account.server.ctx.getFollowersUri(account.name), url(to)] }

const requests = {
  server: startServer,

  async behave({ server, status, delay }) {
    serverBy(server).behaviour = status || delay ? { status, delay } : null
    return {}
  },

  async log({ server }) {
    return serverBy(server).log
  },

  async stop({ server }) {
    const s = serverBy(server)
    servers.delete(server)
    for (const [actor, account] of accounts) if (account.server === s) accounts.delete(actor)
    s.http.closeAllConnections?.()
    await new Promise((done) => s.http.close(done))
    return {}
  },

  async account({ server, name, type }) {
    return enroll(serverBy(server), name, await makeKey(), type)
  },

  async crowd({ server, count }) {
    const s = serverBy(server)
    s.crowdKey ??= await makeKey()
    return { actors: Array.from({ length: count }, () => enroll(s, `c${randomUUID().slice(0, 8)}`, s.crowdKey).actor) }
  },

  async rotate({ actor }) {
    accountBy(actor).key = await makeKey()
    return {}
  },

  async lookup({ actor, what }) {
    const found = await find(accountBy(actor), what)
    if (!found) return null
    const icon = await found.getIcon?.()
    const fields = found.getAttachments ? (await all(found.getAttachments())).filter((f) => f instanceof V.PropertyValue) : []
    return {
      id: found.id?.href, type: kind(found), name: text(found.name), username: text(found.preferredUsername), summary: text(found.summary),
      inbox: found.inboxId?.href ?? null, sharedInbox: found.endpoints?.sharedInbox?.href ?? null, followers: found.followersId?.href ?? null,
      outbox: found.outboxId?.href ?? null, featured: found.featuredId?.href ?? null, icon: icon?.url?.href ?? null, url: found.url?.href ?? null,
      fields: fields.map((f) => ({ name: text(f.name), value: text(f.value) })), discoverable: found.discoverable ?? null, indexable: found.indexable ?? null,
      manuallyApprovesFollowers: found.manuallyApprovesFollowers ?? null, content: text(found.content),
    }
  },

  async page({ actor, what, most = 100 }) {
    const account = accountBy(actor)
    const collection = await find(account, what)
    if (!collection) return null
    const items = []
    for await (const item of account.server.ctx.traverseCollection(collection)) {
      if (items.length === most) break
      items.push({ id: item.id?.href ?? null, type: kind(item), object: item.objectId?.href ?? null })
    }
    return { type: kind(collection), total: collection.totalItems, items }
  },

  async nodeinfo({ url: address }) {
    // Fedify reads what is there, but from public addresses only: that part is done here.
    const { links } = await (await fetch(new URL('/.well-known/nodeinfo', address))).json()
    const link = links.find((l) => l.rel === 'http://nodeinfo.diaspora.software/ns/schema/2.1') ?? fail('no NodeInfo 2.1')
    return fedify.parseNodeInfo(await (await fetch(link.href)).json())
  },

  async follow({ actor, whom }) {
    const account = accountBy(actor)
    account.following.set(whom, 'asked')
    return send(account, whom, new V.Follow({ id: fresh(account, 'follows'), actor: url(actor), object: url(whom), tos: [url(whom)] }))
  },

  async state({ actor }) {
    const account = accountBy(actor)
    return { following: Object.fromEntries(account.following), followers: [...account.followers], boosts: [...account.server.boosts.values()], names: Object.fromEntries(account.server.actors) }
  },

  async copies({ actor }) {
    return [...accountBy(actor).server.posts.values()]
  },

  async copy({ actor, post }) {
    return accountBy(actor).server.posts.get(post) ?? null
  },

  async post({ actor, to, html, lang, inReplyTo, mention, media, private: isPrivate }) {
    const account = accountBy(actor)
    const id = new URL(`/notes/${randomUUID()}`, account.server.url)
    const note = new V.Note({
      id,
      attribution: url(actor),
      contents: lang ? [html, new runtime.LanguageString(html, lang)] : [html],
      replyTarget: url(inReplyTo),
      url: new URL(`/@${account.name}/${id.pathname.split('/').pop()}`, account.server.url),
      published: now(),
      tags: mention ? [new V.Mention({ href: url(mention.actor), name: mention.handle })] : [],
      attachments: (media ?? []).map((m) => new V.Document({ url: url(m.url), mediaType: m.type, name: m.alt })),
      ...audience(account, to, isPrivate),
    })
    account.server.notes.set(id.href, note)
    return send(account, to, new V.Create({ id: fresh(account, 'creates'), actor: url(actor), object: note, published: now(), ...audience(account, to, isPrivate) }), id)
  },

  async edit({ actor, post, html, to }) {
    const account = accountBy(actor)
    const before = account.server.notes.get(post) ?? fail(`no post ${post}`)
    const note = before.clone({ contents: [html], updated: now() })
    account.server.notes.set(post, note)
    return send(account, to, new V.Update({ id: fresh(account, 'updates'), actor: url(actor), object: note, ...audience(account, to) }), note.id)
  },

  async delete({ actor, post, to }) {
    const account = accountBy(actor)
    account.server.notes.delete(post)
    return send(account, to, new V.Delete({ id: fresh(account, 'deletes'), actor: url(actor), object: new V.Tombstone({ id: url(post), deleted: now() }), tos: [V.PUBLIC_COLLECTION] }))
  },

  async like({ actor, post, to }) {
    const account = accountBy(actor)
    return send(account, to, new V.Like({ id: fresh(account, 'likes'), actor: url(actor), object: url(post) }))
  },

  async react({ actor, post, to, emoji }) {
    const account = accountBy(actor)
    return send(account, to, new V.EmojiReact({ id: fresh(account, 'reacts'), actor: url(actor), object: url(post), content: emoji }))
  },

  async boost({ actor, post, to }) {
    const account = accountBy(actor)
    return send(account, to, new V.Announce({ id: fresh(account, 'boosts'), actor: url(actor), object: url(post), published: now(), ...audience(account, to) }))
  },

  async undo({ actor, activity, to }) {
    const account = accountBy(actor)
    const undone = account.server.sent.get(activity) ?? fail(`never sent ${activity}`)
    if (undone instanceof V.Follow) account.following.delete(undone.objectId.href)
    return send(account, to, new V.Undo({ id: fresh(account, 'undos'), actor: url(actor), object: undone }))
  },

  async flag({ actor, ids, content, to }) {
    const account = accountBy(actor)
    return send(account, to, new V.Flag({ id: fresh(account, 'flags'), actor: url(actor), objects: ids.map(url), content }))
  },

  async block({ actor, whom }) {
    const account = accountBy(actor)
    return send(account, whom, new V.Block({ id: fresh(account, 'blocks'), actor: url(actor), object: url(whom) }))
  },

  async move({ actor, target, to }) {
    const account = accountBy(actor)
    account.successor = target
    accountBy(target).aliases.push(actor)
    return send(account, to, new V.Move({ id: fresh(account, 'moves'), actor: url(actor), object: url(actor), target: url(target) }))
  },

  async leave({ actor, to }) {
    const account = accountBy(actor)
    const sent = await send(account, to, new V.Delete({ id: fresh(account, 'deletes'), actor: url(actor), object: url(actor), tos: [V.PUBLIC_COLLECTION] }))
    account.gone = true
    return sent
  },

  async update({ actor, name, to }) {
    const account = accountBy(actor)
    account.title = name
    const person = await actorOf(account.server, account.server.ctx, account.name)
    return send(account, to, new V.Update({ id: fresh(account, 'updates'), actor: url(actor), object: person, tos: [V.PUBLIC_COLLECTION] }))
  },

  async raw({ actor, to, document, scheme = 'cavage', date }) {
    const account = accountBy(actor)
    const request = await fedify.signRequest(
      new Request(to, { method: 'POST', headers: { 'content-type': 'application/activity+json' }, body: typeof document === 'string' ? document : JSON.stringify(document) }),
      account.key.privateKey,
      new URL(`${actor}#main-key`),
      { spec: scheme === 'cavage' ? 'draft-cavage-http-signatures-12' : 'rfc9421', ...(date ? { currentTime: Temporal.Instant.from(date) } : {}) },
    )
    const response = await fetch(request, { redirect: 'manual' })
    return { status: response.status, body: (await response.text()).slice(0, 2000) }
  },
}

// ———— the conversation with the test ————

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

async function answer(line) {
  let asked = {}
  try {
    asked = JSON.parse(line)
    if (!Object.hasOwn(requests, asked.do)) throw new Error(`unknown request ${asked.do}`)
    say({ id: asked.id, ok: (await requests[asked.do](asked)) ?? null })
  } catch (err) {
    say({ id: asked.id, error: String(err?.message ?? err) })
  }
}

function end() {
  for (const s of servers.values()) s.http.closeAllConnections?.()
  process.exit(0)
}

const lines = createInterface({ input: process.stdin })
lines.on('line', answer)
lines.on('close', end)
process.on('SIGTERM', end)
process.on('SIGINT', end)

say({ ready: true, version })
