// A small toolbar for a Markdown text: <div class="ar-toolbar" data-module="markdown"
// data-for="f-body" hidden>, made by the partial "markdown-toolbar". One stop of the
// Tab key, arrows move inside (ARIA toolbar pattern).
const marks = {
  bold: ['**', '**'],
  italic: ['*', '*'],
  link: ['[', '](https://)'],
};
const lines = { heading: '## ', list: '- ', quote: '> ' };

export default function markdown(toolbar) {
  const field = document.getElementById(toolbar.dataset.for);
  if (!field) return;
  toolbar.hidden = false;
  const buttons = [...toolbar.querySelectorAll('button')];
  buttons.forEach((button, i) => {
    button.tabIndex = i === 0 ? 0 : -1;
    button.addEventListener('click', () => apply(field, button.dataset.mark));
  });
  toolbar.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.indexOf(document.activeElement);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
  });
  field.addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const mark = { b: 'bold', i: 'italic', k: 'link' }[event.key.toLowerCase()];
    if (!mark) return;
    event.preventDefault();
    apply(field, mark);
  });
}

function apply(field, mark) {
  const { selectionStart: from, selectionEnd: to, value } = field;
  if (lines[mark]) {
    const start = value.lastIndexOf('\n', from - 1) + 1;
    const changed = value.slice(start, to).split('\n').map((line) => lines[mark] + line).join('\n');
    insert(field, start, to, changed, start + changed.length, start + changed.length);
    return;
  }
  const [before, after] = marks[mark];
  const inside = value.slice(from, to);
  const text = before + inside + after;
  const url = mark === 'link' && inside;
  const start = url ? from + before.length + inside.length + 2 : from + before.length;
  insert(field, from, to, text, start, url ? start + 'https://'.length : start + inside.length);
}

/** Replaces a part of the text so that the browser's undo still works. */
function insert(field, from, to, text, start, end) {
  field.focus();
  field.setSelectionRange(from, to);
  // execCommand is old but is the only way that keeps undo.
  if (!document.execCommand('insertText', false, text)) {
    field.setRangeText(text, from, to);
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }
  field.setSelectionRange(start, end);
}
