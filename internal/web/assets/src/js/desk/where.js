// Offers to take the place from where the person stands: only on request, and
// the browser asks for consent. Without this script the place is typed.
export default function where(box) {
  const field = document.getElementById(box.dataset.for);
  if (!field || !('geolocation' in navigator)) return;
  const said = box.querySelector('[role=status]');
  box.hidden = false;
  box.querySelector('button').addEventListener('click', () => {
    said.textContent = '';
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        field.value = `${coords.latitude.toFixed(5)}, ${coords.longitude.toFixed(5)}`;
        field.dispatchEvent(new Event('input', { bubbles: true }));
        field.focus();
      },
      () => {
        said.textContent = box.dataset.failed;
      },
      { enableHighAccuracy: true, timeout: 15000 },
    );
  });
}
