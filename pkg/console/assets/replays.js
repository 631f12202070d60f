// The page of all replays.

import { get } from './api.js';
import { h, patch } from './dom.js';
import { watch } from './live.js';
import { Pager } from './pager.js';
import { Painter } from './painter.js';
import { card, replayRow, table } from './parts.js';
import { Samples } from './rate.js';
import { StartForm } from './start.js';
import { inTurn, Newest } from './turns.js';
import { count, lagOf, lasting, selects, some } from './words.js';

const columns = (last) => [
  { name: 'Replay' },
  { name: 'State' },
  { name: 'Done' },
  { name: last, class: 'num wide' },
  { name: 'Started', class: 'wide' },
];
const shown = 100; // ended replays at a time
const mostPages = 20; // of 500 replays

export async function show(main) {
  const page = new Replays(main);
  watch({
    status: (view) => page.hears(view),
    replays: (views) => page.hearsOf(views),
    back: () => page.load(),
  });
  await page.load();
}

class Replays {
  constructor(main) {
    this.main = main;
    this.painter = new Painter(() => this.paint());
    this.all = new Map();
    this.samples = new Map();
    this.pager = new Pager(shown, () => this.draw());
    this.filter = '';
    this.form = new StartForm();
    this.load = inTurn(() => this.ask());
    this.newest = new Newest();
  }

  async ask() {
    try {
      const status = await this.newest.of(this.list());
      if (status) this.status(status);
    } catch (error) {
      this.problem = error.message;
    }
    this.draw();
  }

  // Takes all replays but those that the feed tells of meanwhile, and returns the status.
  async list() {
    this.heard = new Set();
    const unheard = (views) => views.filter((view) => !this.heard.has(view.id));
    const status = await get('/status');
    this.replays(unheard(status.replays));
    let after = '';
    for (let i = 0; i < mostPages && after !== undefined; i++) {
      const page = await get(`/replays?limit=500${after ? `&after=${encodeURIComponent(after)}` : ''}`);
      for (const view of unheard(page.replays)) this.all.set(view.id, view);
      after = page.next;
    }
    this.cut = after !== undefined;
    return status;
  }

  status(view) {
    this.view = view;
    this.problem = undefined;
    this.draw();
  }

  hears(status) {
    this.newest.told();
    this.status(status);
  }

  hearsOf(views) {
    for (const view of views) this.heard?.add(view.id);
    this.replays(views);
  }

  replays(views) {
    for (const view of views) {
      this.all.set(view.id, view);
      if (!this.samples.has(view.id)) this.samples.set(view.id, new Samples(view.id));
      this.samples.get(view.id).add(view);
    }
    this.draw();
  }

  draw() {
    this.painter.now();
  }

  paint() {
    const all = [...this.all.values()].sort((a, b) => (a.created < b.created ? 1 : -1));
    const running = all.filter((view) => !view.ended);
    patch(
      this.main,
      h('div', { class: 'title' }, h('h1', {}, 'Replays'), this.form.opener()),
      this.problem && h('p', { class: 'problem', role: 'alert', key: 'problem' }, this.problem),
      this.view && tiles(this.view, running),
      this.form.card(),
      card(
        'Running now',
        { key: 'running' },
        table(
          'Running replays',
          columns('Events/s'),
          running.slice(0, shown).map((view) => replayRow(view, this.rate(view))),
          'No replay is running.',
        ),
      ),
      this.ended(all.filter((view) => view.ended)),
    );
  }

  ended(ended) {
    const found = ended.filter((view) => !this.filter || textOf(view).includes(this.filter));
    return card(
      'Ended',
      { key: 'ended' },
      ended.length > shown && this.finder(),
      this.cut && h('p', { class: 'sub' }, `Only the first ${count(mostPages * 500)} replays by id are listed.`),
      table(
        'Ended replays',
        columns('Events'),
        this.pager.of(found).map((view) => replayRow(view)),
        this.filter ? 'None has this text.' : 'None yet.',
      ),
      this.pager.controls(found.length, 'replays'),
    );
  }

  finder() {
    return h(
      'div',
      { class: 'row filter' },
      h('label', { for: 'find' }, 'Filter'),
      h('input', {
        id: 'find',
        type: 'search',
        autocomplete: 'off',
        spellcheck: 'false',
        placeholder: 'name, state, or selection',
        oninput: (event) => {
          this.filter = event.target.value.trim().toLowerCase();
          this.pager.turn(0);
        },
      }),
    );
  }

  rate(view) {
    const now = this.samples.get(view.id)?.now();
    return now === undefined ? '–' : count(now);
  }
}

const textOf = (view) => `${view.id} ${view.status} ${selects(view.input)}`.toLowerCase();

function tiles(view, running) {
  const lag = lagOf(view);
  const safe = lag < 10_000;
  const { parked, quarantined } = view;
  const aside = parked.count + quarantined.count;
  return h(
    'ul',
    { class: 'tiles', key: 'tiles', 'aria-label': 'At a glance' },
    tile('run', 'Running', count(running.length), running.length ? 'see below' : 'nothing to wait for'),
    tile(
      safe ? 'good' : 'bad',
      'Live traffic',
      safe ? 'Safe' : 'Behind',
      `slowest consumer ${lasting(lag)} behind`,
    ),
    tile(
      aside ? 'warn' : 'good',
      'Set aside',
      aside ? count(aside) : 'Nothing',
      `${some(parked.count, 'entity', 'entities')} parked, ${some(quarantined.count, 'record', 'records')} quarantined`,
    ),
    tile('log', 'In the log', count(view.log.events), 'events'),
  );
}

const tile = (kind, name, value, hint) =>
  h(
    'li',
    { class: `tile ${kind}`, key: name },
    h('span', { class: 'name' }, name),
    h('span', { class: 'value' }, value),
    h('span', { class: 'sub' }, hint),
  );
