// Starts modules on the elements that name them: <form data-module="draft confirm">.
// A module is a function that takes the element; it runs once for each element,
// also for those that arrive later.
const started = new WeakMap();

let modules = {};

export function mount(root) {
  const found = [...root.querySelectorAll('[data-module]')];
  if (root.matches && root.matches('[data-module]')) found.unshift(root);
  for (const element of found) {
    const done = started.get(element) || new Set();
    started.set(element, done);
    for (const name of element.dataset.module.split(/\s+/)) {
      if (!modules[name] || done.has(name)) continue;
      done.add(name);
      try {
        modules[name](element);
      } catch (error) {
        // The page works without any module: one that fails must not stop the rest.
        console.error(`module ${name}`, error);
      }
    }
  }
}

export function start(all) {
  modules = all;
  mount(document);
  document.addEventListener('htmx:load', (event) => mount(event.detail.elt));
}
