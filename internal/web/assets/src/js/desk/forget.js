// Signing out on purpose leaves nothing of this person's texts in the browser.
export default function forget(form) {
  form.addEventListener('submit', () => {
    document.dispatchEvent(new Event('arengo:forget'));
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith('arengo:')) localStorage.removeItem(key);
      }
    } catch {
      // Storage is off: nothing was kept.
    }
  });
}
