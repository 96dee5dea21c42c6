// Asks in place. A link with data-module="confirm" leads to a page that asks
// (partial "confirm"); here the same question opens as a dialog instead.
import { fetchPage } from '../lib/page.js';

export default function confirm(link) {
  link.addEventListener('click', async (event) => {
    if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    if (typeof HTMLDialogElement !== 'function') return;
    event.preventDefault();
    try {
      const { page } = await fetchPage(link.href);
      const question = page.querySelector('.ar-confirm');
      if (!question) throw new Error('the page asks nothing');
      open(link, document.importNode(question, true));
    } catch {
      location.assign(link.href);
    }
  });
}

function open(link, question) {
  const dialog = document.createElement('dialog');
  dialog.className = 'ar-dialog';
  const title = question.querySelector('h1');
  const heading = document.createElement('h2');
  heading.id = 'dialog-title';
  heading.textContent = title.textContent;
  title.replaceWith(heading);
  dialog.setAttribute('aria-labelledby', heading.id);
  dialog.append(question);
  const cancel = question.querySelector('.ar-actions a');
  cancel.addEventListener('click', (event) => {
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    link.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  // The safe choice has the focus: a second Enter by mistake does nothing.
  cancel.focus();
}
