// The latest messages of an institution, in the place of the script that loads
// this file: <script src="…/embed.js" data-n="5" data-profilo="biblioteca" async>.
// It reads the public feed without cookies and draws it in a shadow tree, so that
// neither page disturbs the other's style. Nothing is sent about who reads.
(() => {
  const script = document.currentScript;
  if (!script) return;
  const origin = new URL(script.src).origin;
  const { profilo, argomento, n } = script.dataset;
  const path = profilo ? `/p/${encodeURIComponent(profilo)}` : argomento ? `/argomenti/${encodeURIComponent(argomento)}` : '';
  const most = Math.min(Math.max(parseInt(n, 10) || 5, 1), 20);

  const place = document.createElement('div');
  script.after(place);
  const root = place.attachShadow({ mode: 'open' });

  const make = (name, text, parent) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    parent.append(element);
    return element;
  };

  const dress = () => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
      :host { display: block; font: 16px/1.5 'Titillium Web', system-ui, sans-serif; color: #1a1f26; }
      ul { list-style: none; margin: 0; padding: 0; }
      li { padding: .8em 0; border-top: 1px solid #d5dde6; display: grid; grid-template-columns: 1fr auto; gap: 0 1em; }
      li:first-child { border-top: 0; }
      a { color: #0052a3; font-weight: 600; }
      a:focus-visible { outline: 3px solid #0066cc; outline-offset: 2px; }
      time { color: #455b71; font-size: .9em; grid-column: 1; }
      img { width: 6em; height: 4.5em; object-fit: cover; border-radius: 6px; grid-column: 2; grid-row: 1 / span 2; }
      p { margin: .6em 0 0; }`);
    root.adoptedStyleSheets = [sheet];
  };

  const draw = (feed) => {
    dress();
    const list = make('ul', '', root);
    for (const item of feed.items.slice(0, most)) {
      const line = make('li', '', list);
      if (item.language) line.lang = item.language;
      const link = make('a', item.title, line);
      link.href = item.url;
      const date = new Date(item.date_published);
      make('time', date.toLocaleDateString(feed.language || 'it', { dateStyle: 'long' }), line).dateTime = item.date_published;
      if (item.image) {
        const image = make('img', '', line);
        image.src = item.image;
        image.alt = '';
        image.loading = 'lazy';
      }
    }
    const more = make('a', feed.title, make('p', '', root));
    more.href = feed.home_page_url;
  };

  fetch(`${origin}${path}/feed.json`, { credentials: 'omit' })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
    .then(draw)
    .catch(() => {
      // The list cannot be read now: a link to it is better than nothing.
      make('a', origin.replace(/^https?:\/\//, ''), root).href = origin + (path || '/');
    });
})();
