// The page on which a message is written. What only serves readers without
// scripts is hidden, and a text that "draft" has restored gets back what is no
// plain field: the list of files and the variants written by hand.
import htmx from 'htmx.org';
import { replaceContent } from '../lib/page.js';

export default function editor(form) {
  for (const element of form.querySelectorAll('[data-without-script]')) element.hidden = true;
  form.addEventListener('arengo:restored', async (event) => {
    const body = new URLSearchParams();
    for (const [name, values] of Object.entries(event.detail)) {
      for (const value of values) body.append(name, value);
    }
    await Promise.allSettled([
      refresh(form.querySelector('[data-list]'), form.dataset.files, body),
      refresh(form.querySelector('#variants'), form.dataset.preview, body, { 'HX-Target': 'variants' }),
    ]);
    form.dispatchEvent(new Event('arengo:changed', { bubbles: true }));
  });
}

async function refresh(target, url, body, headers = {}) {
  const response = await fetch(url, { method: 'POST', body, headers: { Accept: 'text/html', 'HX-Request': 'true', ...headers } });
  if (!response.ok || response.headers.has('X-Arengo-Status')) return;
  const page = new DOMParser().parseFromString(`<main>${await response.text()}</main>`, 'text/html');
  replaceContent(target, page.querySelector('main'));
  htmx.process(target);
}
