// A <details> menu that closes with Escape, and when the focus or a click goes
// elsewhere. Without this script it opens and closes by its summary.
export default function menu(details) {
  const close = (focus) => {
    if (!details.open) return;
    details.open = false;
    if (focus) details.querySelector('summary').focus();
  };
  details.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') close(true);
  });
  details.addEventListener('focusout', (event) => {
    if (event.relatedTarget && !details.contains(event.relatedTarget)) close(false);
  });
  document.addEventListener('click', (event) => {
    if (!details.contains(event.target)) close(false);
  });
}
