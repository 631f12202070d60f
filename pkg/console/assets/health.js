// The page of the platform's health.

import { get } from './api.js';
import { h, patch } from './dom.js';
import { watch } from './live.js';
import { card, facts, moment, state, table } from './parts.js';
import { inTurn, Newest } from './turns.js';
import { count, encode, lasting, size, some } from './words.js';

const late = 10_000; // behind, in ms

export async function show(main) {
  const page = new Health(main);
  watch({ status: (status) => page.told(status), back: () => page.load() });
  await page.load();
}

class Health {
  constructor(main) {
    this.main = main;
    this.lags = new Map();
    this.newest = new Newest();
    this.list = inTurn(() => this.ask());
  }

  async load() {
    try {
      const status = await this.newest.of(get('/status'));
      if (status) this.status(status);
    } catch (error) {
      patch(this.main, h('h1', {}, 'Health'), h('p', { class: 'problem', role: 'alert' }, error.message));
    }
  }

  told(status) {
    this.newest.told();
    this.status(status);
  }

  status(status) {
    const aside = `${status.parked.count}/${status.quarantined.count}/${status.active}`;
    this.view = status;
    for (const c of status.consumers) {
      const lags = this.lags.get(c.name) ?? [];
      lags.push(c.behindMillis ?? 0);
      this.lags.set(c.name, lags.slice(-60));
    }
    if (aside !== this.aside) {
      this.aside = aside;
      this.list();
    }
    this.draw();
  }

  async ask() {
    const [parked, quarantine] = await Promise.allSettled([get('/parked?limit=50'), get('/quarantine?limit=50')]);
    this.parked = parked.value?.parked ?? [];
    this.quarantine = quarantine.value?.records ?? [];
    this.refused = parked.reason?.message ?? quarantine.reason?.message;
    this.draw();
  }

  draw() {
    const { view } = this;
    patch(
      this.main,
      h('h1', {}, 'Health'),
      this.alarms(),
      this.consumers(),
      h('div', { class: 'two', key: 'two' }, this.generations(), this.storage()),
      this.setAside(),
      card(
        'Streams',
        { key: 'streams' },
        table(
          'Streams',
          [{ name: 'Stream' }, { name: 'Shards', class: 'num' }, { name: 'Newest record' }],
          view.streams.map((one) =>
            h(
              'tr',
              { key: one.name },
              h('th', { scope: 'row' }, one.name),
              h('td', { class: 'num' }, count(one.shards)),
              h('td', {}, moment(one.newest)),
            ),
          ),
          'None.',
        ),
      ),
    );
  }

  alarms() {
    const { view } = this;
    const list = [
      ...(view.unreadable ?? []).map((name) => `Stored data of ${name} cannot be read.`),
      ...(view.storage?.warnings ?? []),
      view.storage && view.storage.state !== 'ok' && `The disk is ${view.storage.state}: writes are refused.`,
      ...view.generations
        .filter((g) => g.lost && g.id === view.active)
        .map((g) => `The active generation ${g.id} is lost: rebuild it with a replay.`),
      view.code?.differing > 0 &&
        `For ${some(view.code.differing, 'entity', 'entities')} the projections' code gives other states ` +
          'than the active generation has.',
      ...view.consumers
        .filter((c) => c.behindMillis > late)
        .map((c) => `${c.name} is ${lasting(c.behindMillis)} behind.`),
    ].filter(Boolean);
    const look = [
      view.parked.count > 0 && `${some(view.parked.count, 'entity is', 'entities are')} parked: see why below.`,
      view.quarantined.count > 0 &&
        `${some(view.quarantined.count, 'record is', 'records are')} quarantined: see why below.`,
    ].filter(Boolean);
    if (!list.length && !look.length) return h('p', { class: 'verdict good', key: 'verdict' }, 'Nothing is wrong.');
    return h(
      'ul',
      { class: `reason${list.length ? ' bad' : ''}`, key: 'verdict' },
      [...list, ...look].map((text) => h('li', {}, text)),
    );
  }

  consumers() {
    return card(
      'Consumers',
      { key: 'consumers' },
      table(
        'Lag of consumers',
        [
          { name: 'Consumer' },
          { name: 'Stream', class: 'wide' },
          { name: 'Records behind', class: 'num' },
          { name: 'Lag', class: 'num' },
          { name: 'Lately', class: 'wide' },
        ],
        this.view.consumers.map((c) =>
          h(
            'tr',
            { key: c.name },
            h('th', { scope: 'row' }, c.name),
            h('td', { class: 'wide' }, c.stream),
            h('td', { class: 'num' }, count(c.behindRecords)),
            h('td', { class: 'num' }, lasting(c.behindMillis)),
            h('td', { class: 'wide' }, sparks(this.lags.get(c.name))),
          ),
        ),
        'None.',
      ),
    );
  }

  generations() {
    const { view } = this;
    const shapes = { active: 'succeeded', following: 'running', building: 'running', retired: 'cancelled' };
    return card(
      'Generations',
      { key: 'generations' },
      table(
        'Generations',
        [{ name: 'Generation' }, { name: 'State' }, { name: 'Built by' }],
        view.generations.map((g) =>
          h(
            'tr',
            { key: g.id },
            h('th', { scope: 'row' }, g.id, h('span', { class: 'sub' }, moment(g.created))),
            h(
              'td',
              {},
              state(
                g.lost ? 'failed' : (shapes[g.status] ?? 'cancelled'),
                g.lost ? 'LOST' : g.status.toUpperCase(),
              ),
            ),
            h(
              'td',
              {},
              g.replay
                ? h('a', { href: `/console/replays/${encodeURIComponent(g.replay)}` }, g.replay)
                : 'the live path',
            ),
          ),
        ),
        'None.',
      ),
    );
  }

  storage() {
    const { view } = this;
    return card(
      'Log and disk',
      { key: 'storage' },
      facts([
        ['Events', count(view.log.events)],
        ['Their size', size(view.log.bytes)],
        ['Lanes', count(view.log.lanes)],
        ['Newest event', moment(view.log.newest)],
        ['On disk', size(view.diskBytes)],
        view.storage && [
          'Free',
          size(view.storage.freeBytes),
          `writes stop below ${size(view.storage.reserveBytes)}`,
        ],
      ]),
    );
  }

  setAside() {
    const { view } = this;
    const more = (bounded) => (bounded.complete ? '' : ' or more');
    return card(
      'Set aside',
      { key: 'aside' },
      this.refused && h('p', { class: 'problem' }, this.refused),
      h('h3', {}, `${some(view.parked.count, 'parked entity', 'parked entities')}${more(view.parked)}`),
      table(
        'Parked entities',
        [{ name: 'Entity' }, { name: 'Event type' }, { name: 'Reason' }, { name: 'Waiting', class: 'num' }],
        (this.parked ?? []).map((p) =>
          h(
            'tr',
            { key: p.entity },
            h('th', { scope: 'row' }, h('a', { href: `/console/entities/${encode(p.entity)}` }, p.entity)),
            h('td', {}, p.type),
            h('td', {}, p.reason),
            h('td', { class: 'num' }, count(p.waiting)),
          ),
        ),
        'No entity is parked.',
      ),
      h(
        'h3',
        {},
        `${some(view.quarantined.count, 'quarantined record', 'quarantined records')}${more(view.quarantined)}`,
      ),
      table(
        'Quarantined records',
        [{ name: 'Position' }, { name: 'Reason' }, { name: 'Arrived' }, { name: 'Size', class: 'num' }],
        (this.quarantine ?? []).map((q) =>
          h(
            'tr',
            { key: `${q.lane}/${q.position}` },
            h('th', { scope: 'row' }, h('code', {}, q.position)),
            h('td', {}, `${q.reason}: ${q.detail}`),
            h('td', {}, moment(q.arrival)),
            h('td', { class: 'num' }, size(q.bytes)),
          ),
        ),
        'No record is quarantined.',
      ),
    );
  }
}

function sparks(lags = []) {
  const most = Math.max(...lags, 1);
  const marks = '▁▂▃▄▅▆▇█';
  const text = lags
    .map((lag) => marks[Math.min(Math.floor((lag / Math.max(most, 1000)) * marks.length), marks.length - 1)])
    .join('');
  return h('span', { class: 'sparks', role: 'img', 'aria-label': `at most ${lasting(most)} lately` }, text);
}
