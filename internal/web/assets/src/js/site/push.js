// The form by which a browser asks to be told (web push). It is shown where the
// browser can be told; elsewhere the page says which other ways there are.
export default function push(form) {
  if (!('serviceWorker' in navigator) || !('PushManager' in window) || !('Notification' in window)) return;
  const status = document.querySelector('[data-push-status]');
  const off = form.querySelector('[data-push-off]');
  const label = form.querySelector('[data-push-label]');
  const first = label.textContent;
  const say = (text) => {
    status.textContent = text;
  };
  const told = (subscribed) => {
    off.hidden = !subscribed;
    label.textContent = subscribed ? label.dataset.change : first;
  };

  form.hidden = false;
  document.querySelector('[data-push-none]').hidden = true;
  current()
    .then(async (subscription) => {
      if (!subscription) return;
      const answer = await send('scelte', { endpoint: subscription.endpoint });
      const { known, ...chosen } = await answer.json();
      if (!known) return;
      for (const box of form.querySelectorAll('input[type=checkbox]')) box.checked = (chosen[box.name] || []).includes(box.value);
      told(true);
      say(form.dataset.already);
    })
    .catch(() => say(form.dataset.failed));

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const permission = await Notification.requestPermission();
      if (permission !== 'granted') {
        say(form.dataset.denied);
        return;
      }
      const before = await current();
      const { endpoint, keys } = (await subscribe(form.dataset.key)).toJSON();
      const body = new FormData(form);
      body.set('endpoint', endpoint);
      body.set('p256dh', keys.p256dh);
      body.set('auth', keys.auth);
      await send('iscrizione', body);
      told(true);
      say(before ? form.dataset.saved : form.dataset.done);
    } catch (error) {
      say(error.told || form.dataset.failed);
    }
  });

  off.addEventListener('click', async () => {
    try {
      const subscription = await current();
      if (subscription) {
        // Our record first: a browser that is forgotten here is told no more, whatever follows.
        await send('cancella', { endpoint: subscription.endpoint });
        await subscription.unsubscribe();
      }
      told(false);
      say(form.dataset.left);
      form.querySelector('[data-push-on]').focus();
    } catch (error) {
      say(error.told || form.dataset.failed);
    }
  });
}

/** What this browser is subscribed with, or nothing. */
async function current() {
  const registration = await navigator.serviceWorker.getRegistration('/');
  return registration ? registration.pushManager.getSubscription() : null;
}

async function subscribe(key) {
  await navigator.serviceWorker.register('/sw.js');
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: bytes(key) };
  try {
    return await pushManager.subscribe(options);
  } catch (error) {
    // The site has another key than the one the browser knows: begin anew.
    const old = await pushManager.getSubscription();
    if (error.name !== 'InvalidStateError' || !old) throw error;
    await old.unsubscribe();
    return pushManager.subscribe(options);
  }
}

/** Posts a form; the error has the text for the reader, when the site said one. */
async function send(path, values) {
  const answer = await fetch(`/avvisi/${path}`, { method: 'POST', body: new URLSearchParams(values) });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(`${path}: ${answer.status}`), { told: problem.detail });
}

function bytes(base64url) {
  const text = atob(base64url.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
