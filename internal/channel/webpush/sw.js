// The worker that the browser wakes for a notice. It keeps nothing and answers no
// request of a page.
self.addEventListener('push', (event) => {
  let notice = {};
  try {
    notice = event.data.json();
  } catch {
    // A notice that cannot be read still leads to the site: a browser that shows
    // nothing loses the right to be woken.
  }
  const place = new URL(notice.link || '/', self.location.origin);
  event.waitUntil(
    self.registration.showNotification(notice.title || self.location.hostname, {
      body: notice.body || '',
      icon: notice.icon || undefined,
      lang: notice.lang || undefined,
      tag: notice.tag || undefined,
      timestamp: notice.at || Date.now(),
      data: { link: place.origin === self.location.origin ? place.href : self.location.origin },
    }),
  );
});

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const link = (event.notification.data && event.notification.data.link) || '/';
  event.waitUntil(
    self.clients.matchAll({ type: 'window', includeUncontrolled: true }).then((all) => {
      const open = all.find((client) => client.url === link);
      return open ? open.focus() : self.clients.openWindow(link);
    }),
  );
});

// The push service gave the browser another address: the choices pass on to it.
self.addEventListener('pushsubscriptionchange', (event) => {
  const old = event.oldSubscription;
  const key = old && old.options && old.options.applicationServerKey;
  const fresh = event.newSubscription ? Promise.resolve(event.newSubscription) : key ? self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }) : Promise.reject(new Error('no key'));
  event.waitUntil(
    fresh.then((subscription) => {
      const { endpoint, keys } = subscription.toJSON();
      const body = new URLSearchParams({ endpoint, p256dh: keys.p256dh, auth: keys.auth, old: old ? old.endpoint : '' });
      return fetch('/avvisi/iscrizione', { method: 'POST', body });
    }),
  );
});
