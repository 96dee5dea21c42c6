// What is pasted from Word, Outlook, a browser or an old site comes in as the Markdown
// that a person would have typed: its words, links, lists and tables, and nothing of
// its fonts and colours. The document is parsed and never shown, so nothing in it runs.
const dropped = 'script,style,meta,link,title,template,noscript,object,iframe,svg,xml,[hidden],[data-style*="mso-hide:all"],[data-style*="display:none"],[data-style*="display: none"]';
const block = /^(p|div|ul|ol|li|table|h[1-6]|blockquote|pre|hr|section|article|header|footer|main|aside|center|dl|dt|dd|figure|address|form|fieldset)$/;
const source = /^\s*<(!doctype|html|body|p|div|ul|ol|table|h[1-6]|center|font|span|b|strong|em|i|a|br)\b[^>]*>[\s\S]*(<\/[a-z0-9]+>|<br\s*\/?>)/i;

/** Stands beside "markdown" on the toolbar of a text: data-for names the field. */
export default function paste(toolbar) {
  const field = document.getElementById(toolbar.dataset.for);
  field?.addEventListener('paste', (event) => {
    const made = pasted(event.clipboardData.getData('text/html'), event.clipboardData.getData('text/plain'));
    if (made === null) return;
    event.preventDefault();
    // execCommand is old but is the only way that keeps undo.
    if (document.execCommand('insertText', false, made)) return;
    field.setRangeText(made, field.selectionStart, field.selectionEnd, 'end');
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });
}

/** The Markdown of what is on the clipboard; null: the browser pastes it as it is. */
function pasted(html, text) {
  if (!html && source.test(text)) html = text; // the source of a page
  if (!html) return null;
  // The page's content policy complains of styles even in a document that nobody shows.
  const calm = html.replace(/<style\b[\s\S]*?<\/style>/gi, '').replace(/<[^>]+>/g, (tag) => tag.replace(/\sstyle\s*=/gi, ' data-style='));
  const body = new DOMParser().parseFromString(calm, 'text/html').body;
  // Copied from a program's editor: white space is meant, and there are no words to format.
  if (body.querySelector('[data-style*="white-space: pre"],[data-style*="white-space:pre"]')) return null;
  body.querySelectorAll(dropped).forEach((e) => e.remove());
  const made = blocks(body).trim().replace(/[ \t]+$/gm, '').replace(/\n{3,}/g, '\n\n');
  return made === '' ? null : made;
}

/** The blocks of an element, parted by empty lines. */
function blocks(element) {
  let out = '';
  let line = '';
  const flush = () => {
    if (line.trim()) out += gap(out) + tidy(line);
    line = '';
  };
  for (const node of [...element.childNodes]) {
    const name = node.nodeName.toLowerCase();
    if (!block.test(name)) {
      // Old sites wrap whole pages in <font> or <b>, Google in a <b> that is none.
      if (node.nodeType === 1 && [...node.querySelectorAll('*')].some((e) => block.test(e.nodeName.toLowerCase()))) {
        flush();
        const inner = blocks(node);
        if (inner) out += gap(out) + inner;
      } else line += inline(node);
      continue;
    }
    flush();
    const made = one(node, name);
    if (!made) continue;
    const close = listItem(node) && listItem(node.previousElementSibling); // Word's items are paragraphs
    out += (close && out ? '\n' : gap(out)) + made;
  }
  flush();
  return out;
}

const gap = (out) => (out ? '\n\n' : '');

function one(node, name) {
  switch (name) {
    case 'ul':
    case 'ol':
      return list(node, name === 'ol');
    case 'table':
      return table(node);
    case 'hr':
      return '---';
    case 'pre':
      return '```\n' + node.textContent.replace(/\n$/, '') + '\n```';
    case 'blockquote':
      return blocks(node).replace(/^/gm, '> ');
    case 'h1':
    case 'h2':
    case 'h3':
    case 'h4':
    case 'h5':
    case 'h6': {
      const words = tidy(inline(node)).replace(/\n/g, ' ').replace(/^\*\*(.*)\*\*$/, '$1');
      return words && (name < 'h3' ? '## ' : '### ') + words;
    }
  }
  const item = listItem(node);
  if (!item) return blocks(node);
  const marker = [...node.querySelectorAll('[data-style*="mso-list:Ignore"],[data-style*="mso-list: Ignore"]')];
  const number = /^\W*(\d+|[a-z])[.)]/i.exec(marker.map((m) => m.textContent).join('').trim());
  marker.forEach((m) => m.remove());
  const words = tidy(inline(node));
  return words && '  '.repeat(item - 1) + (number ? `${/\d/.test(number[1]) ? number[1] : 1}. ` : '- ') + words;
}

/** The level of one of Word's list paragraphs; 0 for any other element. */
function listItem(node) {
  const found = /mso-list:\s*l\d+\s+level(\d)/i.exec(node?.getAttribute?.('data-style') ?? '');
  return found ? Number(found[1]) : 0;
}

function list(node, ordered) {
  let n = Number(node.getAttribute('start') ?? 1);
  const out = [];
  for (const item of node.children) {
    if (/^[uo]l$/i.test(item.nodeName)) { // a list that stands beside the item it belongs to
      out.push(indent(list(item, item.nodeName === 'OL')));
      continue;
    }
    const words = blocks(item).replace(/\n\n(?=\s*(?:- |\d+\. ))/g, '\n');
    if (words) out.push((ordered ? `${n++}. ` : '- ') + indent(words).trimStart());
  }
  return out.join('\n');
}

const indent = (text) => text.replace(/^(?=.)/gm, '   ');

/** A table with rows of equal length is one; any other only arranged a page. */
function table(node) {
  const rows = [...node.rows].map((r) => [...r.cells]).filter((r) => r.some((c) => c.textContent.trim()));
  const data = rows.length > 1 && rows[0].length > 1 && rows.every((r) => r.length === rows[0].length) && !node.querySelector('table,ul,ol');
  if (!data) return rows.map((r) => r.map(blocks).filter(Boolean).join('\n\n')).join('\n\n');
  const lines = rows.map((r) => `| ${r.map((c) => blocks(c).replace(/\s*\n+\s*/g, ' ').replace(/\|/g, '\\|')).join(' | ')} |`);
  lines.splice(1, 0, `|${' --- |'.repeat(rows[0].length)}`);
  return lines.join('\n');
}

/** The words of a line with their marks; a break is "\n". */
function inline(node) {
  if (node.nodeType === 3) return escape(node.data.replace(/\u00ad|\ufeff/g, '').replace(/[\s\u00a0]+/g, ' '));
  if (node.nodeType !== 1) return '';
  const name = node.nodeName.toLowerCase();
  if (name === 'br') return '\n';
  // Emoji are pictures in WhatsApp and Gmail; a real picture is uploaded, not pasted.
  if (name === 'img') return /emoji|emote/i.test(node.className) || node.dataset.plainText || node.alt.length < 5 ? node.dataset.plainText ?? node.alt : '';
  let words = [...node.childNodes].map(inline).join('');
  if (name === 'a') return link(words, node.getAttribute('href') ?? '');
  const style = node.getAttribute('data-style') ?? '';
  const weight = /font-weight:\s*(\w+)/i.exec(style)?.[1];
  if (weight ? /^(bold|[6-9]00)/.test(weight) : /^(b|strong)$/.test(name)) words = around(words, '**');
  if (/font-style:\s*italic/i.test(style) || (/^(i|em)$/.test(name) && !/font-style:\s*normal/i.test(style))) words = around(words, '*');
  if (/^(del|s|strike)$/.test(name) || /text-decoration[^;]*line-through/i.test(style)) words = around(words, '~~');
  return words;
}

/** Marks stand close to the words, and around each line of them. */
function around(words, mark) {
  return words.replace(/[^\n]+/g, (line) => {
    const [, before, inside, after] = /^(\s*)(.*?)(\s*)$/.exec(line);
    return inside && !inside.includes(mark) ? before + mark + inside + mark + after : line;
  });
}

function link(words, href) {
  const shown = words.trim();
  let to = href.trim();
  try { // through a door that a mail program or a search engine put before it
    const u = new URL(to);
    if (/\.safelinks\.protection\.outlook\.com$/.test(u.hostname)) to = u.searchParams.get('url') ?? to;
    if (/^(www\.)?google\.\w+$/.test(u.hostname) && u.pathname === '/url') to = u.searchParams.get('q') ?? u.searchParams.get('url') ?? to;
  } catch { /* no whole address */ }
  if (!shown || !/^(https?:\/\/|mailto:|tel:|\/)/i.test(to)) return words;
  const plain = shown.replace(/\\(?=[_*])/g, '');
  if (plain === to || `mailto:${plain}` === to) return words.replace(shown, plain);
  return words.replace(shown, () => `[${shown.replace(/\n/g, ' ')}](${to.replace(/[\s()]/g, encodeURIComponent).replace(/\(/g, '%28').replace(/\)/g, '%29')})`);
}

/** A sign that would be taken for a mark gets a backslash; others stay readable. */
function escape(text) {
  return text.replace(/\*(?=\S)|(?<=\S)\*|(?<![\p{L}\p{N}])_(?=\S)|(?<=\S)_(?![\p{L}\p{N}])|`|~~|\](?=\()/gu, '\\$&');
}

function tidy(line) {
  return line.replace(/ *\n */g, '\n').replace(/ {2,}/g, ' ').trim().replace(/^(#{1,6} )/gm, '\\$1')
    .replace(/^[•·▪●○◦§]\s*(?=\S)/gm, '- ');
}
