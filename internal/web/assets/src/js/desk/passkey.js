// Passkeys (WebAuthn): <div data-module="passkey" data-begin="…" data-finish="…"
// hidden> with a button and an element for what went wrong. data-create makes a
// new key, else one signs in. It shows itself only where the browser can do it.
async function post(url, body) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.detail || '');
  return said;
}

async function ceremony(box) {
  const { options, state } = await post(box.dataset.begin, {});
  const credential = box.dataset.create
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  return post(box.dataset.finish, { state, next: box.dataset.next || '', credential: credential.toJSON() });
}

export default function passkey(box) {
  const api = window.PublicKeyCredential;
  if (!api?.parseCreationOptionsFromJSON || !api.parseRequestOptionsFromJSON) return;
  const button = box.querySelector('button');
  const wrong = box.querySelector('[role=alert]');
  box.hidden = false;
  button.addEventListener('click', async () => {
    wrong.hidden = true;
    button.disabled = true;
    try {
      const { next } = await ceremony(box);
      location.assign(next);
    } catch (failure) {
      // The browser's own reasons are in no language that helps a person.
      wrong.textContent = (!(failure instanceof DOMException) && failure.message) || box.dataset.failed;
      wrong.hidden = false;
      button.disabled = false;
    }
  });
}
