// Shortcuts of the inbox, with the dialog that explains them. They work only while
// nobody types, without Ctrl, Alt or Meta, and can be turned off (WCAG 2.1.4).
// What a key does is said by the page: data-key names the control that it uses.
const offKey = 'arengo:keys-off';
const listKey = 'arengo:inbox-list';

const stored = (storage, key) => {
  try {
    return storage.getItem(key);
  } catch {
    return null; // storage is off
  }
};

const store = (storage, key, value) => {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, value);
  } catch {
    // Storage is off: the choice lasts as long as the page.
  }
};

const typing = (element) => element.isContentEditable || ['TEXTAREA', 'SELECT'].includes(element.tagName) || (element.tagName === 'INPUT' && !['checkbox', 'radio', 'button', 'submit'].includes(element.type));

const links = () => [...document.querySelectorAll('[data-row-link]')];
const rowOf = (element) => element && element.closest('[data-row]');
const focusedRow = () => rowOf(document.activeElement);

class Keys {
  constructor(dialog) {
    this.dialog = dialog;
    this.on = stored(localStorage, offKey) === null;
  }

  say(text) {
    document.querySelector('[data-keys-say]').textContent = text;
  }

  remember() {
    const all = links();
    if (all.length) store(sessionStorage, listKey, JSON.stringify(all.map((a) => a.pathname)));
  }

  /** Goes to the row after or before this one; on a conversation, to its page. */
  step(by) {
    const all = links();
    const { none, first, last } = this.dialog.dataset;
    if (all.length) {
      const row = focusedRow();
      const now = row ? all.findIndex((a) => rowOf(a) === row) : by > 0 ? -1 : all.length;
      const next = all[now + by];
      if (!next) return this.say(by > 0 ? last : first);
      next.focus();
      return next.scrollIntoView({ block: 'nearest' });
    }
    const paths = JSON.parse(stored(sessionStorage, listKey) || '[]');
    const now = paths.indexOf(location.pathname);
    if (now < 0) return this.say(none);
    if (!paths[now + by]) return this.say(by > 0 ? last : first);
    return location.assign(paths[now + by]);
  }

  choose(row) {
    const box = row && row.querySelector('input[name="ids"]');
    if (!box) return this.say(this.dialog.dataset.none);
    return box.click();
  }

  /** Uses the control that the page gives to a key. */
  use(key) {
    const control = document.querySelector(`[data-key="${key}"]`);
    if (!control) return key === 'r' && this.reply();
    if ('keyRow' in control.dataset && !document.querySelector('input[name="ids"]:checked')) {
      const row = focusedRow();
      if (!row) return this.say(this.dialog.dataset.none);
      this.choose(row);
    }
    if (control.tagName === 'BUTTON') return control.click();
    const closed = control.closest('details:not([open])');
    if (closed) closed.open = true;
    control.focus();
    return control.scrollIntoView({ block: 'nearest' });
  }

  /** From the list, an answer is written on the conversation's own page. */
  reply() {
    const row = focusedRow();
    if (!row) return this.say(this.dialog.dataset.none);
    return location.assign(`${row.querySelector('[data-row-link]').href}#rispondi`);
  }

  press(key) {
    switch (key) {
      case 'j':
        this.step(1);
        return true;
      case 'k':
        this.step(-1);
        return true;
      case 'x':
        this.choose(focusedRow());
        return true;
      case 'a':
      case 'e':
      case 'r':
      case '/':
        this.use(key);
        return true;
      case '?':
        this.dialog.showModal();
        return true;
    }
    return false;
  }

  turn(on) {
    this.on = on;
    store(localStorage, offKey, on ? null : '1');
    this.say(on ? this.dialog.dataset.enabled : this.dialog.dataset.disabled);
  }
}

/** The boxes of the list: how many are chosen, and all at once. */
function boxes() {
  const all = document.querySelector('[data-all]');
  const said = document.querySelector('[data-chosen]');
  if (!all) return;
  const every = [...document.querySelectorAll('input[name="ids"]')];
  const n = every.filter((box) => box.checked).length;
  all.checked = n > 0 && n === every.length;
  all.indeterminate = n > 0 && n < every.length;
  const text = n === 0 ? '' : n === 1 ? said.dataset.singular : said.dataset.plural.replace('{n}', n);
  if (said.textContent !== text) said.textContent = text;
}

const reveal = () => {
  for (const element of document.querySelectorAll('[data-script], [data-keys-open]')) element.hidden = false;
};

export default function inboxkeys(dialog) {
  if (typeof HTMLDialogElement !== 'function') return;
  const keys = new Keys(dialog);
  reveal();
  keys.remember();
  const box = dialog.querySelector('[data-keys-switch]');
  box.checked = keys.on;
  box.addEventListener('change', () => keys.turn(box.checked));
  dialog.querySelector('[data-keys-close]').addEventListener('click', () => dialog.close());
  document.querySelector('[data-keys-open]').addEventListener('click', () => dialog.showModal());
  document.addEventListener('arengo:swapped', () => {
    reveal();
    keys.remember();
    boxes();
  });
  document.addEventListener('change', (event) => {
    if (event.target.matches('[data-all]')) for (const each of document.querySelectorAll('input[name="ids"]')) each.checked = event.target.checked;
    boxes();
  });
  document.addEventListener('keydown', (event) => {
    if (!keys.on || event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (typing(event.target) || document.querySelector('dialog[open]')) return;
    if (keys.press(event.key)) event.preventDefault();
  });
  boxes();
}
