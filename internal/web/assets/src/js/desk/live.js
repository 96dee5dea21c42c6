// Refreshes a region when the server says that it changed:
// <section id="deliveries" data-module="live" data-stream="/…/eventi" data-event="delivery">.
// The region is taken again from its page (data-source, or this one), so what a
// reader sees with and without this script is the same. A region in which
// somebody is typing, or which holds the focus, waits until that is over.
import { fetchPage, replaceContent } from '../lib/page.js';

const pause = 300; // milliseconds: a burst of events is one refresh
const streams = new Map();

/** The one connection of this page to a stream of events. */
export function stream(url) {
  if (!streams.has(url)) streams.set(url, new EventSource(url));
  return streams.get(url);
}

const busy = (region) => {
  const active = document.activeElement;
  return region.contains(active) && active !== region;
};

export default function live(region) {
  let timer = 0;
  let waiting = false;
  const refresh = async () => {
    timer = 0;
    if (busy(region)) {
      waiting = true;
      return;
    }
    waiting = false;
    try {
      const { page } = await fetchPage(region.dataset.source || location.href, { cache: 'no-store' });
      const fresh = page.getElementById(region.id);
      if (fresh && !busy(region)) replaceContent(region, fresh);
    } catch {
      // The next event, or the next page, shows it.
    }
  };
  const soon = () => {
    if (!timer) timer = setTimeout(refresh, pause);
  };
  const source = stream(region.dataset.stream);
  source.addEventListener(region.dataset.event || 'message', soon);
  // Something may have happened before the stream was open, or while it was lost.
  source.addEventListener('open', soon);
  region.addEventListener('focusout', () => {
    if (waiting) soon();
  });
}
