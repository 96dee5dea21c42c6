// Counts the characters of a text field aloud, politely, in the element that
// data-counter names. Its text has a {n}: data-text="{n} caratteri su 500".
export default function counter(field) {
  const output = document.getElementById(field.dataset.counter);
  if (!output) return;
  const limit = Number(field.dataset.limit || 0);
  const segments = typeof Intl.Segmenter === 'function' ? new Intl.Segmenter(document.documentElement.lang) : null;
  const length = (text) => (segments ? [...segments.segment(text)].length : [...text].length);
  const show = () => {
    const n = length(field.value);
    output.textContent = output.dataset.text.replace('{n}', n.toLocaleString(document.documentElement.lang));
    output.classList.toggle('ar-counter-over', limit > 0 && n > limit);
  };
  field.addEventListener('input', show);
  show();
}
