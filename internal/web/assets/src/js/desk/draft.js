// Keeps what is typed in a form in this browser until the server has it, so that
// a lost session, a crash or a reload lose nothing. The form says which text it
// is: <form data-module="draft" data-draft="message-42">; the partial
// "draft-offer" inside it holds the words. The server confirms with a cookie
// (web.Redirect), and only then is the kept text forgotten.
const prefix = 'arengo:draft:';
const week = 7 * 24 * 3600 * 1000;
const delay = 400;

// A hidden field is kept when it says data-keep: such as the list of files, which
// the page itself puts back when it hears "arengo:restored".
const kept = (form) =>
  [...form.elements].filter(
    (e) => e.name && !e.name.startsWith('_') && !['password', 'file', 'submit', 'button'].includes(e.type) && (e.type !== 'hidden' || 'keep' in e.dataset),
  );

function read(form) {
  const values = {};
  for (const e of kept(form)) {
    const value = e.type === 'checkbox' || e.type === 'radio' ? (e.checked ? e.value : null) : e.value;
    if (value !== null) (values[e.name] ||= []).push(value);
    else values[e.name] ||= [];
  }
  return values;
}

function write(form, values) {
  const next = structuredClone(values);
  for (const e of kept(form)) {
    if (!next[e.name] || e.type === 'hidden') continue;
    if (e.type === 'checkbox' || e.type === 'radio') e.checked = next[e.name].includes(e.value);
    else if (next[e.name].length) e.value = next[e.name].shift();
    e.dispatchEvent(new Event('input', { bubbles: true }));
  }
}

function load(key) {
  try {
    const draft = JSON.parse(localStorage.getItem(key));
    if (draft && Date.now() - draft.at < week) return draft;
    localStorage.removeItem(key);
  } catch {
    // Storage is off or holds something else: there is no draft.
  }
  return null;
}

function save(key, values) {
  try {
    localStorage.setItem(key, JSON.stringify({ at: Date.now(), values }));
  } catch {
    // Storage is off or full: the form works as without this script.
  }
}

/** Forgets the drafts that the server has confirmed. */
export function forgetSaved() {
  const saved = document.cookie.match(/(?:^|; )arengo_saved=([^;]+)/);
  if (!saved) return;
  localStorage.removeItem(prefix + decodeURIComponent(saved[1]));
  document.cookie = 'arengo_saved=; Path=/; Max-Age=0; SameSite=Lax';
}

export default function draft(form) {
  try {
    forgetSaved();
  } catch {
    return;
  }
  const key = prefix + form.dataset.draft;
  const offer = form.querySelector('[data-draft-offer]');
  const before = load(key);
  if (before && offer && JSON.stringify(before.values) !== JSON.stringify(read(form))) {
    offer.hidden = false;
    offer.querySelector('[data-draft-restore]').addEventListener('click', () => {
      write(form, before.values);
      offer.hidden = true;
      form.dispatchEvent(new CustomEvent('arengo:restored', { detail: before.values, bubbles: true }));
      const first = kept(form).find((e) => e.type !== 'hidden');
      if (first) first.focus();
    });
    offer.querySelector('[data-draft-discard]').addEventListener('click', () => {
      localStorage.removeItem(key);
      offer.hidden = true;
    });
  }
  let timer = 0;
  let over = false;
  const keep = () => {
    clearTimeout(timer);
    timer = 0;
    if (!over) save(key, read(form));
  };
  // A person who signs out leaves nothing behind (module "forget").
  document.addEventListener('arengo:forget', () => {
    over = true;
  });
  form.addEventListener('input', (event) => {
    // What was found stays until the person chooses, or types something new.
    if (!event.isTrusted) return;
    clearTimeout(timer);
    timer = setTimeout(keep, delay);
  });
  // A script changed the form on the person's behalf.
  form.addEventListener('arengo:changed', () => {
    clearTimeout(timer);
    timer = setTimeout(keep, delay);
  });
  window.addEventListener('pagehide', () => {
    if (timer) keep();
  });
  form.addEventListener('submit', keep);
}
