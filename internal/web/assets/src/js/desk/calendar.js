// Moves messages in the calendar: by dragging one to another day, or from the
// keyboard with the arrows on its "move" link, Enter to confirm and Escape to
// leave it. The form behind that link does the same without this script. The
// time of day is the one the message has; the server says what a change of
// clocks, or the past, does not allow.
import { fetchPage, replaceContent } from '../lib/page.js';

const threshold = 6; // pixels before a press becomes a drag
const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
const noWall = '09:00'; // for a message that has no moment yet

const mark = (day, name, on) => day && day.classList.toggle(name, on);

/** The day at a number of days from another, as the page writes days. */
function shifted(day, days) {
  const date = new Date(`${day}T12:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

/** A calendar region: what is said, where the days are, and how a message moves. */
class Calendar {
  constructor(region) {
    this.region = region;
    this.busy = false;
  }

  say(text) {
    this.region.querySelector('[data-say]').textContent = text;
  }

  day(name) {
    return this.region.querySelector(`[data-day="${name}"]`);
  }

  wall(item) {
    return item.dataset.wall || noWall;
  }

  async move(item, day) {
    if (this.busy) return;
    this.busy = true;
    item.classList.add('ar-cal-waiting');
    try {
      const body = new URLSearchParams({ due: `${day.dataset.day}T${this.wall(item)}`, next: this.region.dataset.next });
      const { response, page } = await fetchPage(item.dataset.move, { method: 'POST', body });
      const fresh = page.getElementById(this.region.id);
      if (fresh) {
        replaceContent(document.getElementById('messages'), page.getElementById('messages'));
        replaceContent(this.region, fresh);
        this.focus(item.id);
      } else {
        this.refused(page, response);
      }
    } catch {
      this.say(this.region.dataset.sayFailed);
    } finally {
      this.busy = false;
      item.classList.remove('ar-cal-waiting');
    }
  }

  /** Says why the server did not move it: the same words as in its form. */
  refused(page, response) {
    const why = page.querySelector('.ar-summary');
    if (!why) throw new Error(`no reason in the answer ${response.status}`);
    const messages = document.getElementById('messages');
    const said = document.createElement('div');
    said.className = 'alert alert-danger ar-alert';
    const text = document.createElement('p');
    text.textContent = [...why.querySelectorAll('li')].map((line) => line.textContent).join(' ') || why.textContent;
    said.append(text);
    messages.replaceChildren(said);
    this.region.querySelectorAll('.ar-cal-target').forEach((day) => mark(day, 'ar-cal-target', false));
  }

  focus(id) {
    const link = document.querySelector(`#${CSS.escape(id)} .ar-cal-move`);
    if (link) link.focus();
  }
}

/** Arrows choose a day, Enter moves the message there, Escape leaves it. */
function keys(calendar) {
  let chosen = null; // { item, day }
  const leave = (words) => {
    if (!chosen) return;
    mark(chosen.day, 'ar-cal-target', false);
    chosen = null;
    if (words) calendar.say(words);
  };
  calendar.region.addEventListener('keydown', (event) => {
    const link = event.target.closest('.ar-cal-move');
    const item = link && link.closest('[data-move]');
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in steps) {
      event.preventDefault();
      const own = item.closest('[data-day]');
      const from = (chosen && chosen.item === item && chosen.day) || own || calendar.region.querySelector('.ar-cal-today') || calendar.region.querySelector('[data-day]');
      const day = calendar.day(own || chosen ? shifted(from.dataset.day, steps[event.key]) : from.dataset.day);
      if (!day) return calendar.say(calendar.region.dataset.sayOutside);
      leave('');
      chosen = { item, day };
      mark(day, 'ar-cal-target', true);
      day.scrollIntoView({ block: 'nearest' });
      calendar.say(calendar.region.dataset.sayTarget.replace('{day}', day.dataset.name).replace('{time}', calendar.wall(item)));
    } else if (chosen && chosen.item === item && event.key === 'Enter') {
      event.preventDefault();
      const { day } = chosen;
      leave('');
      if (day !== item.closest('[data-day]')) calendar.move(item, day);
    } else if (chosen && event.key === 'Escape') {
      leave(calendar.region.dataset.sayBack);
    }
  });
  calendar.region.addEventListener('focusout', () => leave(''));
}

/** A press on a message that moves becomes a drag; where it ends is the day. */
function dragging(calendar) {
  const { region } = calendar;
  region.addEventListener('dragstart', (event) => event.preventDefault());
  region.addEventListener('pointerdown', (event) => {
    const item = event.target.closest('[data-move]');
    if (!item || event.button !== 0 || event.pointerType === 'touch') return;
    const start = { x: event.clientX, y: event.clientY };
    let moving = false;
    let over = null;
    const move = (at) => {
      if (!moving && Math.hypot(at.clientX - start.x, at.clientY - start.y) < threshold) return;
      if (!moving) {
        moving = true;
        item.setPointerCapture(event.pointerId);
        item.classList.add('ar-cal-dragged');
        // A region that holds the focus is not refreshed under the hand.
        item.querySelector('.ar-cal-move').focus({ preventScroll: true });
      }
      item.style.transform = `translate(${at.clientX - start.x}px, ${at.clientY - start.y}px)`;
      const under = document.elementFromPoint(at.clientX, at.clientY);
      const day = under && under.closest('[data-day]');
      if (day === over) return;
      mark(over, 'ar-cal-target', false);
      over = day;
      mark(over, 'ar-cal-target', true);
    };
    const end = (at) => {
      document.removeEventListener('pointermove', move);
      document.removeEventListener('pointerup', end);
      document.removeEventListener('pointercancel', end);
      document.removeEventListener('keydown', escape);
      item.style.transform = '';
      item.classList.remove('ar-cal-dragged');
      mark(over, 'ar-cal-target', false);
      if (!moving) return;
      // The press that ended a drag is not a click on the link below it.
      const swallow = (click) => click.preventDefault();
      item.addEventListener('click', swallow, { capture: true });
      setTimeout(() => item.removeEventListener('click', swallow, { capture: true }));
      if (at.type === 'pointerup' && over && over !== item.closest('[data-day]')) calendar.move(item, over);
    };
    const escape = (key) => key.key === 'Escape' && end(key);
    document.addEventListener('pointermove', move);
    document.addEventListener('pointerup', end);
    document.addEventListener('pointercancel', end);
    document.addEventListener('keydown', escape);
  });
}

export default function start(region) {
  const calendar = new Calendar(region);
  keys(calendar);
  dragging(calendar);
}
