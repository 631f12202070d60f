// The page of an entity, and the form that leads there.

import { get, offers } from './api.js';
import { Calls } from './calls.js';
import { h, patch } from './dom.js';
import { watch } from './live.js';
import { Pager } from './pager.js';
import { card, command, facts, moment } from './parts.js';
import { reverse } from './reverse.js';
import { Timeline } from './timeline.js';
import { inTurn } from './turns.js';
import { count, encode, live } from './words.js';

const page = 500; // events that are asked for at a time
const shown = 50;

export async function show(main, id) {
  if (document.body.dataset.page === 'entities') {
    find(main);
    watch({});
    return;
  }
  const shown = new Entity(main, id);
  watch({ status: (status) => shown.changed(status), back: () => shown.load() });
  await shown.load();
}

function find(main) {
  const form = main.querySelector('form');
  form?.addEventListener('submit', (event) => {
    event.preventDefault();
    location.assign(`/console/entities/${encode(form.elements.id.value)}`);
  });
}

class Entity {
  constructor(main, id) {
    this.main = main;
    this.id = id;
    this.path = `/entities/${encode(id)}`;
    this.events = [];
    this.load = inTurn(() => this.ask());
    this.pager = new Pager(shown, () => this.draw());
    this.timeline = new Timeline(id, () => this.draw());
    this.calls = new Calls(`/effects/${encode(id)}`, () => this.draw());
  }

  // Nothing is asked for again while the log does not grow, and nothing is taken in.
  changed(status) {
    const seen = JSON.stringify([status.log.events, live(status).map((c) => c.behindRecords)]);
    if (this.seen !== undefined && this.seen !== seen) this.load();
    this.seen = seen;
  }

  async ask() {
    this.reversible ??= await offers('/entities/{id}/reverse');
    const [row, history] = await Promise.allSettled([get(this.path), this.read()]);
    this.row = row.value;
    this.erased ||= marked(row.value?.state);
    this.problem = row.reason?.message;
    this.lost = history.reason?.message;
    this.draw();
    await this.calls.read();
  }

  async read() {
    const after = this.next ? `&after=${encodeURIComponent(this.next)}` : '';
    const answer = await get(`${this.path}/events?limit=${page}${after}`);
    const last = this.events.at(-1)?.position ?? '';
    this.events.push(...answer.events.filter((event) => event.position > last));
    this.erased ||= marked(answer.events);
    this.more = answer.next;
  }

  async further() {
    this.next = this.more;
    await this.read();
    this.draw();
  }

  draw() {
    const { row } = this;
    const further = this.more ? () => this.further() : undefined;
    patch(
      this.main,
      h('p', { class: 'crumb' }, h('a', { href: '/console/entities' }, 'Entities')),
      h(
        'div',
        { class: 'title' },
        h('h1', {}, this.id),
        row &&
          h(
            'span',
            { class: `state ${row.parked ? 'paused' : 'succeeded'}` },
            row.parked ? 'PARKED' : 'UP TO DATE',
          ),
      ),
      this.problem && h('p', { class: 'problem', role: 'alert', key: 'problem' }, this.problem),
      row?.parked && this.parked(row.parked),
      this.erased &&
        h(
          'p',
          { class: 'reason', key: 'erased' },
          'Personal fields of this entity were erased: ',
          h('code', {}, '{"$erased": true}'),
          ' stands for each of them, with the time.',
        ),
      row &&
        h(
          'div',
          { class: 'two', key: 'two' },
          card('State now', { key: 'state' }, h('pre', { class: 'json' }, JSON.stringify(row.state, null, 2))),
          card(
            'Row',
            { key: 'row' },
            facts([
              ['Events applied', count(row.count)],
              ['Duplicates', count(row.duplicates)],
              row.conflicts > 0 && ['Conflicts', count(row.conflicts)],
              row.ignored > 0 && ['Ignored', count(row.ignored)],
              ['Projection', row.projection || '–'],
              ['Generation', row.generation],
              ['Built by', row.replay || 'the live path'],
              ['Last position', h('code', {}, row.position)],
            ]),
          ),
        ),
      this.timeline.card(this.events, further),
      this.calls.card(shell(this.id)),
      card(
        'History',
        { key: 'history' },
        this.lost && h('p', { class: 'problem' }, this.lost),
        h(
          'ol',
          { class: 'events' },
          this.pager.of(this.events).map((one, i) => this.event(one, this.pager.from + i)),
        ),
        this.pager.controls(this.events.length, 'events', further),
      ),
      h('p', { class: 'row', key: 'command' }, command(`events ${shell(this.id)} --explain`)),
    );
  }

  event(one, index) {
    const { type, id, source, data, data_base64: raw, ...rest } = one.event;
    const here = index === this.timeline.index(this.events);
    return h(
      'li',
      { key: one.position, class: `${one.duplicate ? 'duplicate' : ''}${here ? ' here' : ''}` },
      h(
        'div',
        { class: 'row' },
        h('strong', {}, type),
        one.duplicate && h('span', { class: 'state cancelled' }, 'DUPLICATE'),
        !this.timeline.absent &&
          h(
            'button',
            {
              type: 'button',
              class: 'link',
              'aria-label': `state after it: event ${index + 1}`,
              onclick: () => {
                this.timeline.go(index, this.events);
                this.main.querySelector('.scrub').scrollIntoView({ block: 'center' });
              },
            },
            'state after it',
          ),
        this.reversible &&
          !one.duplicate &&
          !type.startsWith('reprise.') &&
          h(
            'button',
            {
              type: 'button',
              class: 'link',
              'aria-label': `Reverse… event ${index + 1}`,
              onclick: () => reverse(this.path, this.id, one, shell, () => this.load()),
            },
            'Reverse…',
          ),
        moment(one.logged),
      ),
      h('code', { class: 'data' }, data === undefined ? (raw ?? 'no data') : JSON.stringify(data)),
      h(
        'details',
        {},
        h('summary', {}, `id ${id}`),
        h('pre', {}, JSON.stringify({ source, ...rest, position: one.position }, null, 2)),
      ),
    );
  }

  parked(parked) {
    return h(
      'div',
      { class: 'reason bad', key: 'parked' },
      h(
        'p',
        {},
        `Parked at an event of type ${parked.type}: ${parked.reason}. `,
        parked.waiting ? `${count(parked.waiting)} later events wait for it.` : '',
      ),
      h(
        'p',
        {},
        'Ways out: mend the projection and rebuild, or step over the event: ',
        command(`parked skip ${shell(this.id)} --event ${parked.position} --reason TEXT`),
      ),
    );
  }
}

// marked tells whether a value has the mark of an erased one.
const marked = (value) => JSON.stringify(value ?? null).includes('"$erased":true');

const shell = (id) => (/^[\w.:@%+=,/-]+$/.test(id) ? id : `'${id.replaceAll("'", "'\\''")}'`);
