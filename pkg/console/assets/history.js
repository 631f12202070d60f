// The events of an execution: asked for in pages, shown newest first, 50 at a time, filtered by text.

import { get, missing, replayPath } from './api.js';
import { h } from './dom.js';
import { marksOf } from './graph.js';
import { Pager } from './pager.js';
import { card, moment } from './parts.js';
import { inTurn } from './turns.js';
import { count, some } from './words.js';

const page = 500;
const shown = 50;

export class History {
  /** The events of a replay's execution, or of its child for a lane group. */
  constructor(id, painter, group) {
    this.path = `${replayPath(id)}/execution?limit=${page}${group === undefined ? '' : `&group=${group}`}`;
    this.painter = painter;
    this.pager = new Pager(shown, () => painter.now());
    this.filter = '';
    this.read = inTurn(() => this.readAll());
    this.begin();
  }

  begin() {
    this.events = [];
    this.name = this.definition = this.marked = undefined;
  }

  /** Whether there may be more than what was read. */
  get open() {
    return this.status === 'RUNNING';
  }

  // What has happened since the last time.
  async readAll() {
    if (this.absent) return;
    try {
      for (let more = true; more;) more = await this.next();
      this.problem = undefined;
    } catch (error) {
      if (missing(error)) this.absent = true;
      else this.problem = error.message;
    }
    this.painter.soon();
  }

  // A replay that is continued, or a group that is read again, has another execution.
  async next() {
    const after = this.events.at(-1)?.id ?? 0;
    const answer = await get(`${this.path}&after=${after}`);
    if (this.name && this.name !== answer.name) {
      this.begin();
      return true;
    }
    const { events, more, ...rest } = answer;
    Object.assign(this, { name: rest.name, status: rest.status, execution: rest });
    this.definition ??= rest.definition;
    this.events.push(...events.filter((event) => event.id > after));
    return more && events.length > 0;
  }

  /** The states of the machine with their marks, and the ways that were taken. */
  marks() {
    const key = `${this.events.length}/${this.status}`;
    if (this.marked?.key !== key) this.marked = { key, ...marksOf(this.events, this.status) };
    return this.marked;
  }

  card() {
    if (this.absent) return undefined;
    const found = this.events.filter((event) => !this.filter || textOf(event).includes(this.filter)).reverse();
    return card(
      'Event history',
      { key: 'history' },
      h(
        'div',
        { class: 'row filter' },
        h('label', { for: 'filter' }, 'Filter'),
        h('input', {
          id: 'filter',
          type: 'search',
          autocomplete: 'off',
          spellcheck: 'false',
          placeholder: 'state, type, or text',
          oninput: (event) => {
            this.filter = event.target.value.trim().toLowerCase();
            this.pager.turn(0);
          },
        }),
        h(
          'span',
          { class: 'sub', role: 'status' },
          this.filter
            ? `${count(found.length)} of ${some(this.events.length, 'event', 'events')}`
            : some(this.events.length, 'event', 'events'),
        ),
      ),
      this.problem && h('p', { class: 'problem' }, this.problem),
      found.length > 0 &&
        h(
          'div',
          { class: 'scroll tall', tabindex: 0, role: 'region', 'aria-label': 'Event history' },
          h(
            'table',
            { class: 'history' },
            h('caption', { class: 'unseen' }, 'Events of the execution, newest first'),
            h(
              'thead',
              {},
              h(
                'tr',
                {},
                ['#', 'Time', 'Event', 'State', 'Details'].map((name, i) =>
                  h('th', { scope: 'col', class: i ? '' : 'num' }, name),
                ),
              ),
            ),
            h('tbody', {}, this.pager.of(found).map(row)),
          ),
        ),
      this.pager.controls(found.length, 'events'),
    );
  }
}

function textOf(event) {
  return (event.searched ??= JSON.stringify(event).toLowerCase());
}

const words = (type) => type.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();

const bad = (type) => /Failed|TimedOut|Aborted/.test(type);

function row(event) {
  const details = ['error', 'cause', 'input', 'output', 'parameters', 'resource', 'mapRun'].filter(
    (name) => event[name],
  );
  return h(
    'tr',
    { key: event.id, class: bad(event.type) ? 'bad' : '' },
    h('td', { class: 'num' }, event.id),
    h('td', {}, moment(event.at, true)),
    h('td', {}, bad(event.type) && h('span', { class: 'cross', 'aria-hidden': 'true' }, '✕ '), words(event.type)),
    h('td', {}, event.state ?? (event.index === undefined ? '' : `item ${event.index}`)),
    h(
      'td',
      {},
      details.length > 0 &&
        h(
          'details',
          {},
          h('summary', {}, details.join(', ')),
          h(
            'dl',
            { class: 'payload' },
            details.map((name) => [h('dt', {}, name), h('dd', {}, h('pre', {}, pretty(event[name])))]),
          ),
          event.truncated && h('p', { class: 'sub' }, 'Long texts are cut.'),
        ),
    ),
  );
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
