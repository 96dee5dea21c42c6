// The files of a message: sent as soon as they are chosen or dropped, two at a
// time, and put in order by dragging or with the buttons. Without this script the
// same buttons send the form.
import { mount } from '../lib/start.js';

const atOnce = 2;

export default function media(box) {
  const list = box.querySelector('[data-list]');
  const input = box.querySelector('input[type=file]');
  const sent = new Progress(box);
  const waiting = [];
  let running = 0;

  const changed = () => {
    [...list.querySelectorAll('[data-number]')].forEach((number, i) => {
      number.textContent = i + 1;
    });
    box.dispatchEvent(new Event('input', { bubbles: true })); // the preview follows
    box.dispatchEvent(new Event('arengo:changed', { bubbles: true })); // and so does the kept text
  };

  const next = () => {
    while (running < atOnce && waiting.length > 0) {
      running += 1;
      const file = waiting.shift();
      send(box.dataset.upload, file, (share) => sent.share(file, share))
        .then((id) => card(box.dataset.upload, id))
        .then((item) => {
          list.append(item);
          mount(item);
          changed();
        })
        .catch((error) => sent.refuse(file, error.said || box.dataset.failed))
        .finally(() => {
          running -= 1;
          sent.done(file);
          next();
        });
    }
  };

  const take = (files) => {
    for (const file of files) {
      sent.add(file);
      waiting.push(file);
    }
    next();
  };

  input.addEventListener('change', () => {
    take([...input.files]);
    input.value = '';
  });
  list.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    const item = button && button.closest('[data-item]');
    if (!item) return;
    event.preventDefault();
    rearrange(item, button, box);
    changed();
  });
  dropFiles(box, take);
  sortByDragging(list, changed);
  // Leaving while files are on their way would lose them.
  window.addEventListener('beforeunload', (event) => {
    if (running > 0) event.preventDefault();
  });
}

function rearrange(item, button, box) {
  if (button.matches('[data-up]') && item.previousElementSibling) item.previousElementSibling.before(item);
  if (button.matches('[data-down]') && item.nextElementSibling) item.nextElementSibling.after(item);
  if (button.matches('[data-remove]')) {
    const near = item.nextElementSibling || item.previousElementSibling;
    item.remove();
    (near ? near.querySelector('[data-remove]') : box).focus();
    return;
  }
  button.focus();
}

/** Sends one file; resolves to its identifier. */
function send(url, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', url);
    request.setRequestHeader('Accept', 'application/json');
    request.responseType = 'json';
    request.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable) progress(event.loaded / event.total);
    });
    request.addEventListener('load', () => {
      const answer = request.response || {};
      if (request.status === 201) resolve(answer.media[0].id);
      else reject(Object.assign(new Error(`upload: ${request.status}`), { said: Object.values(answer.fields || {})[0] || answer.detail }));
    });
    for (const failure of ['error', 'abort', 'timeout']) request.addEventListener(failure, () => reject(new Error(failure)));
    const body = new FormData();
    body.append('files', file, file.name);
    request.send(body);
  });
}

/** The entry of an uploaded file. */
async function card(url, id) {
  const response = await fetch(`${url}/${id}/scheda`, { headers: { Accept: 'text/html' } });
  if (!response.ok) throw new Error(`card: ${response.status}`);
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  return document.importNode(page.querySelector('[data-item]'), true);
}

/** Says how far all the files are, and which were refused. */
class Progress {
  constructor(box) {
    this.status = box.querySelector('[data-status]');
    this.bar = this.status.querySelector('progress');
    this.words = this.status.querySelector('[data-words]');
    this.text = box.dataset.progress;
    this.refused = box.querySelector('[data-refused]');
    this.files = new Map();
  }

  add(file) {
    if (![...this.files.values()].some((share) => share < 1)) {
      this.files.clear();
      this.refused.replaceChildren();
    }
    this.files.set(file, 0);
    this.show();
  }

  share(file, share) {
    this.files.set(file, Math.min(share, 0.99));
    this.show(false);
  }

  done(file) {
    this.files.set(file, 1);
    this.show();
  }

  refuse(file, why) {
    const line = document.createElement('li');
    line.className = 'ar-problem-blocking';
    line.textContent = `${file.name}: ${why}`;
    this.refused.append(line);
  }

  show(aloud = true) {
    const shares = [...this.files.values()];
    const finished = shares.filter((share) => share === 1).length;
    this.status.hidden = finished === shares.length;
    this.bar.value = (100 * shares.reduce((sum, share) => sum + share, 0)) / shares.length;
    if (aloud) this.words.textContent = this.text.replace('{n}', finished).replace('{all}', shares.length);
  }
}

function dropFiles(box, take) {
  const files = (event) => event.dataTransfer && [...event.dataTransfer.types].includes('Files');
  box.addEventListener('dragover', (event) => {
    if (!files(event)) return;
    event.preventDefault();
    box.classList.add('ar-drop-here');
  });
  box.addEventListener('dragleave', () => box.classList.remove('ar-drop-here'));
  box.addEventListener('drop', (event) => {
    box.classList.remove('ar-drop-here');
    if (!files(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}

function sortByDragging(list, changed) {
  let dragged = null;
  list.addEventListener('pointerdown', (event) => {
    const item = event.target.closest('[data-item]');
    if (item) item.draggable = Boolean(event.target.closest('[data-handle]'));
  });
  list.addEventListener('dragstart', (event) => {
    dragged = event.target.closest('[data-item]');
    if (dragged) event.dataTransfer.effectAllowed = 'move';
  });
  list.addEventListener('dragover', (event) => {
    const over = event.target.closest('[data-item]');
    if (!dragged || !over) return;
    event.preventDefault();
    if (over === dragged) return;
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(dragged);
    else over.after(dragged);
  });
  list.addEventListener('dragend', () => {
    if (dragged) changed();
    dragged = null;
  });
}
