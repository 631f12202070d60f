// What was sent to external systems for an entity.

import { get } from './api.js';
import { h } from './dom.js';
import { card, command, moment, state, table } from './parts.js';
import { count } from './words.js';

const shapes = { done: 'succeeded', pending: 'running', declined: 'failed', undone: 'cancelled' };

export class Calls {
  constructor(path, draw) {
    this.path = path;
    this.draw = draw;
  }

  // Without business logic that has effects, or without the permission, there is no card.
  async read() {
    try {
      this.page = await get(`${this.path}/calls?limit=20`);
    } catch {
      this.page = undefined;
    }
    this.draw();
  }

  card(id) {
    const calls = this.page?.calls ?? [];
    if (!calls.length) return undefined;
    return card(
      'Sent to external systems',
      { key: 'calls' },
      table(
        'Calls',
        ['Call', 'Event', 'State', 'Sent', 'Answer', 'When'].map((name) => ({ name })),
        calls.map((one) =>
          h(
            'tr',
            { key: `${one.position} ${one.order} ${one.turn ?? 0} ${one.name}` },
            h('th', { scope: 'row' }, `${one.system}/${one.name}`),
            h('td', {}, one.type),
            h('td', {}, state(shapes[one.status] ?? 'cancelled', one.status.toUpperCase())),
            h('td', {}, text(one.body)),
            h('td', {}, one.error || text(one.answer)),
            h('td', {}, moment(one.ended ?? one.begun)),
          ),
        ),
        '',
      ),
      this.page.next &&
        h('p', { class: 'sub' }, `The first ${count(calls.length)}; all: `, command(`effects list ${id}`)),
    );
  }
}

const text = (body) => (body === undefined ? '–' : h('code', {}, JSON.stringify(body).slice(0, 200)));
