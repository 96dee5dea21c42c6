// Shows what arrives while a page of the inbox is open. Each region with
// data-live is read again from its page when the server says that something
// changed; one that is in use (the focus is in it, something in it is opened,
// chosen or typed) is never touched: the news is offered instead, and shown when
// the person asks for it, or leaves the region.
import { fetchPage, replaceContent } from '../lib/page.js';
import { stream } from './live.js';

const pause = 250; // milliseconds: a burst of events is one refresh

const changed = (control) => {
  if (control.type === 'hidden' || control.type === 'submit' || control.type === 'button') return false;
  if (control.type === 'checkbox' || control.type === 'radio') return control.checked !== control.defaultChecked;
  if (control.tagName === 'SELECT') return [...control.options].some((o, i) => o.selected !== (o.defaultSelected || (i === 0 && ![...control.options].some((p) => p.defaultSelected))));
  return control.value !== control.defaultValue;
};

const inUse = (region) => region.contains(document.activeElement) || region.querySelector('details[open]') !== null || [...region.querySelectorAll('input, select, textarea')].some(changed);

/** The rows of a list, by identifier, with a mark that differs when they change. */
const rows = (region) => new Map([...region.querySelectorAll('[data-row]')].map((row) => [row.dataset.row, row.dataset.stamp]));

/** How much a person would call new in what a region is to show. */
function news(from, to) {
  if (!('rows' in from.dataset)) return from.innerHTML === to.innerHTML ? 0 : 1;
  const before = rows(from);
  return [...rows(to)].filter(([id, stamp]) => before.get(id) !== stamp).length;
}

/** Whether the page that was opened shows already what the server has. */
const asOpened = (from, to) => news(from, to) === 0 && rows(from).size === rows(to).size;

class Page {
  constructor(root) {
    this.root = root;
    this.offer = root.querySelector('[data-news-offer]');
    this.waiting = new Map(); // region → its fresh content
    this.shown = new WeakMap(); // region → what the server last gave it to show
    root.querySelector('[data-news-show]').addEventListener('click', () => this.show());
    root.addEventListener('focusout', () => setTimeout(() => this.settle()));
  }

  words(n) {
    return n === 1 ? this.root.dataset.singular : this.root.dataset.plural.replace('{n}', n);
  }

  say(text) {
    this.root.querySelector('[data-news-said]').textContent = text;
  }

  /** Takes what a page holds now: at once where nobody works, else as an offer. */
  take(page) {
    let found = 0;
    for (const region of this.root.querySelectorAll('[data-live]')) {
      const fresh = page.getElementById(region.id);
      if (!fresh) continue;
      const n = news(region, fresh);
      const same = this.shown.has(region) ? this.shown.get(region) === fresh.innerHTML : asOpened(region, fresh);
      region.dataset.live = 'ready';
      if (same) {
        this.shown.set(region, fresh.innerHTML);
        this.waiting.delete(region);
        continue;
      }
      if (inUse(region)) {
        this.waiting.set(region, fresh);
        continue;
      }
      if ('rows' in region.dataset) found += n;
      this.swap(region, fresh);
    }
    if (found) this.say(this.words(found));
    this.offerNews();
  }

  swap(region, fresh) {
    const known = rows(region);
    this.shown.set(region, fresh.innerHTML);
    replaceContent(region, fresh);
    this.waiting.delete(region);
    for (const row of region.querySelectorAll('[data-row]')) {
      if (known.size && known.get(row.dataset.row) !== row.dataset.stamp) row.classList.add('ar-inbox-arrived');
    }
    region.dispatchEvent(new Event('arengo:swapped', { bubbles: true }));
  }

  offerNews() {
    let n = 0;
    for (const [region, fresh] of this.waiting) n += news(region, fresh);
    this.offer.hidden = n === 0;
    if (n) this.root.querySelector('[data-news-words]').textContent = this.words(n);
  }

  /** Shows all that waits, and keeps what was chosen in the list. */
  show() {
    for (const [region, fresh] of [...this.waiting]) {
      const chosen = [...region.querySelectorAll('input[name="ids"]:checked')].map((box) => box.value);
      this.swap(region, fresh);
      for (const box of region.querySelectorAll('input[name="ids"]')) box.checked = chosen.includes(box.value);
      region.dispatchEvent(new Event('change', { bubbles: true }));
    }
    this.offerNews();
    const first = this.root.querySelector('.ar-inbox-arrived [data-row-link]') || this.root.querySelector('[data-row-link]');
    if (first) first.focus();
  }

  /** A region that was left is brought up to date. */
  settle() {
    for (const [region, fresh] of [...this.waiting]) if (!inUse(region)) this.swap(region, fresh);
    this.offerNews();
  }
}

export default function inboxlive(root) {
  if (!root.dataset.stream) return;
  const page = new Page(root);
  let timer = 0;
  const refresh = async () => {
    timer = 0;
    try {
      page.take((await fetchPage(root.dataset.source || location.href, { cache: 'no-store' })).page);
    } catch {
      // The next event, or the next page, shows it.
    }
  };
  const soon = () => {
    if (!timer) timer = setTimeout(refresh, pause);
  };
  const source = stream(root.dataset.stream);
  for (const name of root.dataset.events.split(' ')) source.addEventListener(name, soon);
  // Something may have happened before the stream was open, or while it was lost.
  source.addEventListener('open', soon);
}
