// How a server of fedify.mjs keeps what it was told: as Fedify understood it, in
// plain words.

const text = (s) => (s == null ? null : String(s))
const kind = (o) => o?.constructor?.name ?? null
const all = async (iterable) => {
  const list = []
  for await (const x of iterable) list.push(x)
  return list
}

// reader returns the function that puts an object of Fedify's vocabulary into
// words.
export const reader = (V, runtime) => async (o, ctx) => {
  const files = await all(o.getAttachments(ctx))
  const tags = await all(o.getTags(ctx))
  const place = await o.getLocation?.(ctx)
  const policy = o.interactionPolicy
  return {
    id: o.id?.href,
    type: kind(o),
    name: text(o.name),
    summary: text(o.summary),
    content: text(o.content),
    languages: Object.fromEntries(o.contents.filter((c) => c instanceof runtime.LanguageString).map((c) => [c.locale.toString(), String(c)])),
    url: o.url instanceof URL ? o.url.href : (o.url?.href?.href ?? null),
    author: o.attributionId?.href ?? null,
    inReplyTo: o.replyTargetId?.href ?? null,
    to: o.toIds.map((u) => u.href),
    cc: o.ccIds.map((u) => u.href),
    published: o.published?.toString() ?? null,
    updated: o.updated?.toString() ?? null,
    sensitive: o.sensitive ?? false,
    media: files.filter((f) => f instanceof V.Document).map((f) => ({
      type: kind(f), mediaType: f.mediaType, url: f.url instanceof URL ? f.url.href : f.url?.href?.href, alt: text(f.name), width: f.width ?? 0, height: f.height ?? 0,
    })),
    tags: tags.map((t) => ({ type: kind(t), name: text(t.name), href: t.href?.href ?? null })),
    start: o.startTime?.toString() ?? null,
    end: o.endTime?.toString() ?? null,
    place: place ? { name: text(place.name), latitude: place.latitude ?? null, longitude: place.longitude ?? null } : null,
    canReply: policy?.canReply ? (policy.canReply.automaticApprovals ?? []).map((u) => u.href) : null,
    deleted: false,
    edits: 0,
  }
}
