// Shows how far an upload is: <form data-module="upload" enctype="multipart/form-data">
// with the partial "upload-progress" inside. Without this script the browser
// sends the form as usual.
import { replaceContent } from '../lib/page.js';

export default function upload(form) {
  const box = form.querySelector('[data-upload]');
  if (!box) return;
  const bar = box.querySelector('progress');
  const words = box.querySelector('[data-upload-text]');
  form.addEventListener('submit', (event) => {
    const files = [...form.querySelectorAll('input[type=file]')].flatMap((input) => [...input.files]);
    if (event.defaultPrevented || files.length === 0) return;
    event.preventDefault();
    const request = new XMLHttpRequest();
    request.open(form.method, form.action);
    request.setRequestHeader('Accept', 'text/html');
    request.upload.addEventListener('progress', (sent) => {
      if (!sent.lengthComputable) return;
      const share = Math.round((100 * sent.loaded) / sent.total);
      bar.value = share;
      words.textContent = words.dataset.text.replace('{n}', share);
    });
    request.addEventListener('load', () => answered(form, request));
    for (const failure of ['error', 'abort', 'timeout']) {
      request.addEventListener(failure, () => {
        words.textContent = words.dataset.failed;
        for (const button of form.querySelectorAll('button')) button.disabled = false;
      });
    }
    box.hidden = false;
    const data = new FormData(form, event.submitter);
    for (const button of form.querySelectorAll('button')) button.disabled = true;
    request.send(data);
  });
}

/** Follows the redirect of a success; shows the page of a refusal in place. */
function answered(form, request) {
  const page = new DOMParser().parseFromString(request.responseText, 'text/html');
  const main = page.querySelector('main');
  if (request.status < 400 && request.responseURL && request.responseURL !== form.action) {
    location.assign(request.responseURL);
    return;
  }
  if (!main) {
    location.reload();
    return;
  }
  document.title = page.title;
  replaceContent(document.querySelector('main'), main);
  window.scrollTo(0, 0);
}
