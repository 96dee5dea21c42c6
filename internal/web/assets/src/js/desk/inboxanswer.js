// Puts a canned answer where the caret is. Its values are already in it; without
// this script the same button asks the server to put it at the end.
export default function inboxanswer(form) {
  const button = form.querySelector('[data-canned]');
  const field = form.querySelector('textarea');
  if (!button) return;
  const choice = form.querySelector('select[name="canned"]');
  button.addEventListener('click', (event) => {
    event.preventDefault();
    const { text } = choice.selectedOptions[0].dataset;
    if (!text) {
      choice.focus();
      return;
    }
    const before = field.value.slice(0, field.selectionStart);
    const after = field.value.slice(field.selectionEnd);
    const gap = (part, edge) => (part && !edge.test(part) ? '\n\n' : '');
    field.focus();
    field.setRangeText(gap(before, /\n$/) + text + gap(after, /^\n/), field.selectionStart, field.selectionEnd, 'end');
    field.dispatchEvent(new Event('input', { bubbles: true }));
    form.dispatchEvent(new Event('arengo:changed', { bubbles: true }));
  });
}
