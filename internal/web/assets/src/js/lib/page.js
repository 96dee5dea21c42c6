// Fetches pages of this site and takes parts out of them.
import { mount } from './start.js';

/** The document at an address; fails when the answer is no page. */
export async function fetchPage(url, options = {}) {
  const response = await fetch(url, { credentials: 'same-origin', ...options, headers: { Accept: 'text/html', ...options.headers } });
  if (!(response.headers.get('Content-Type') || '').startsWith('text/html')) throw new Error(`no page at ${url}: ${response.status}`);
  const text = await response.text();
  return { response, page: new DOMParser().parseFromString(text, 'text/html') };
}

/** Puts the children of one element in the place of another's and starts their modules. */
export function replaceContent(target, source) {
  target.replaceChildren(...[...source.childNodes].map((node) => document.importNode(node, true)));
  mount(target);
  const wanted = target.querySelector('[autofocus]');
  if (wanted) wanted.focus();
}
