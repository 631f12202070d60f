// The timeline of an entity: its events on a slider, and for each of them the state after
// it with what has changed.

import { get, missing } from './api.js';
import { h } from './dom.js';
import { card, moment, state, table } from './parts.js';
import { count, encode, some } from './words.js';

const remembered = 200; // states
const mostChanges = 200;
const mostText = 2048; // of an event's line
const forbidden = 'To look into the past needs the permission trace.';

const outcomes = {
  applied: ['succeeded', 'APPLIED'],
  duplicate: ['cancelled', 'DUPLICATE'],
  conflict: ['failed', 'CONFLICT'],
  ignored: ['cancelled', 'IGNORED'],
  parked: ['failed', 'PARKED'],
  waiting: ['paused', 'WAITS'],
  correction: ['running', 'CORRECTION'],
};

export class Timeline {
  constructor(id, redraw) {
    this.path = `/past/${encode(id)}/state`;
    this.redraw = redraw;
    this.known = new Map();
    this.at = undefined; // the index of the event; undefined is the last one
  }

  /** The index of the event that is shown. */
  index(events) {
    return Math.min(this.at ?? events.length - 1, events.length - 1);
  }

  go(to, events) {
    this.at = to >= events.length - 1 ? undefined : Math.max(to, 0);
    this.redraw();
  }

  // While somebody scrubs, only the latest place is asked for.
  async ask(position) {
    if (this.known.has(position) || this.asked === position) return;
    this.stop?.abort();
    this.stop = new AbortController();
    this.asked = position;
    const { signal } = this.stop;
    try {
      this.keep(position, await get(`${this.path}?at=${encodeURIComponent(position)}`, signal));
    } catch (error) {
      if (signal.aborted) return;
      if (missing(error)) this.absent = true;
      else if (error.status === 403) this.keep(position, { problem: forbidden });
      else this.keep(position, { problem: error.message });
    }
    this.asked = undefined;
    this.redraw();
  }

  keep(position, answer) {
    this.known.set(position, answer);
    if (this.known.size > remembered) this.known.delete(this.known.keys().next().value);
  }

  card(events, further) {
    if (!events.length || this.absent) return undefined;
    const at = this.index(events);
    const { position, logged, event } = events[at];
    this.ask(position);
    const shown = this.known.get(position) ?? this.last;
    const current = this.known.has(position);
    if (current) this.last = shown;
    const step = (name, to, off) =>
      h('button', { type: 'button', disabled: off, onclick: () => this.go(to, events) }, name);
    const place = `Event ${count(at + 1)} of ${count(events.length)}${further ? ' or more' : ''}`;
    return card(
      'Through time',
      { key: 'timeline' },
      h(
        'div',
        { class: 'scrub' },
        step('Earlier', at - 1, at === 0),
        this.slider(at, events, `${place}, ${event.type}`),
        step('Later', at + 1, at >= events.length - 1),
      ),
      h(
        'p',
        { class: 'moment', role: 'status' },
        h('strong', {}, place),
        h('span', {}, event.type),
        current && shown.outcome && state(...(outcomes[shown.outcome] ?? ['cancelled', shown.outcome])),
        moment(logged),
      ),
      h('code', { class: 'line' }, line(event)),
      shown?.problem
        ? h('p', { class: 'problem' }, shown.problem)
        : shown && h('div', { class: current ? 'past' : 'past old' }, ...pictures(shown)),
    );
  }

  slider(at, events, told) {
    const slider = h('input', {
      type: 'range',
      min: 0,
      max: Math.max(events.length - 1, 0),
      step: 1,
      'aria-label': 'Event',
      'aria-valuetext': told,
      oninput: (event) => this.go(Number(event.target.value), events),
    });
    slider.value = String(at);
    return slider;
  }
}

// The event as the log has it, cut if it is long.
function line(event) {
  const text = JSON.stringify(event);
  return text.length > mostText ? `${text.slice(0, mostText)}…` : text;
}

function pictures(shown) {
  const changes = differences(shown.before, shown.state);
  return [
    table(
      'What the event has changed',
      [{ name: 'Field' }, { name: 'Before' }, { name: 'After' }],
      changes
        .slice(0, mostChanges)
        .map(([field, before, after]) =>
          h(
            'tr',
            { key: field },
            h('th', { scope: 'row' }, h('code', {}, field)),
            h('td', {}, value('before', before)),
            h('td', {}, value('after', after)),
          ),
        ),
      'The event has changed nothing in the state.',
    ),
    changes.length > mostChanges &&
      h('p', { class: 'sub' }, `and ${some(changes.length - mostChanges, 'more field', 'more fields')}`),
    shown.parked &&
      h('p', { class: 'parked' }, `Parked at an event of type ${shown.parked.type}: ${shown.parked.reason}`),
    h('h3', {}, `State after it, ${some(shown.count, 'event', 'events')} applied`),
    h('p', { class: 'sub' }, `Folded from the log by ${shown.version}`),
    h('pre', { class: 'json' }, JSON.stringify(shown.state, null, 2)),
  ].filter(Boolean);
}

const value = (kind, text) =>
  text === undefined ? h('span', { class: 'sub' }, 'not there') : h('code', { class: kind }, text);

/** The fields that differ between two states: [path, text before, text after]. */
export function differences(before, after) {
  const a = fields(before);
  const b = fields(after);
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((field) => a.get(field) !== b.get(field))
    .map((field) => [field, a.get(field), b.get(field)]);
}

function fields(value, path = '', into = new Map()) {
  if (value === null || typeof value !== 'object' || !Object.keys(value).length) {
    if (path || value !== null) into.set(path || 'state', JSON.stringify(value));
    return into;
  }
  const list = Array.isArray(value);
  for (const [name, inner] of Object.entries(value)) {
    fields(inner, list ? `${path}[${name}]` : path ? `${path}.${name}` : name, into);
  }
  return into;
}
