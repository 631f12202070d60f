// The page of a lane group of a replay: the child execution that reads it.

import { get, replayPath } from './api.js';
import { h, patch } from './dom.js';
import { graph } from './graph.js';
import { groupPage, stateOf } from './grid.js';
import { Highest } from './highest.js';
import { History } from './history.js';
import { watch } from './live.js';
import { Painter } from './painter.js';
import { card, facts, moment, state } from './parts.js';
import { inTurn } from './turns.js';
import { count, some } from './words.js';

export async function show(main, id) {
  const page = new Group(main, id, Number(document.body.dataset.part));
  watch({
    replays: (views) => views.some((view) => view.id === id) && page.load(),
    beat: () => page.history.open && page.load(),
    back: () => page.load(),
  });
  await page.load();
}

const statuses = { RUNNING: 'running', SUCCEEDED: 'succeeded' };

class Group {
  constructor(main, id, group) {
    Object.assign(this, { main, id, group, highest: new Highest() });
    this.painter = new Painter(() => this.render());
    this.history = new History(id, this.painter, group);
    this.load = inTurn(() => this.ask());
  }

  async ask() {
    try {
      this.detail = this.highest.raise(await get(`${replayPath(this.id)}/progress`));
      this.problem = undefined;
    } catch (error) {
      this.problem = error.message;
    }
    await this.history.read();
  }

  render() {
    const { execution, definition } = this.history;
    const all = this.detail?.groups.length ?? 0;
    const to = (group, name) => h('a', { href: groupPage(this.id, group) }, name);
    patch(
      this.main,
      h(
        'p',
        { class: 'crumb' },
        h('a', { href: '/' }, 'Replays'),
        ' / ',
        h('a', { href: `/console/replays/${encodeURIComponent(this.id)}` }, this.id),
      ),
      h(
        'div',
        { class: 'title' },
        h('h1', {}, `Lane group ${this.group}`),
        execution && state(statuses[execution.status] ?? 'failed', execution.status.replace('_', ' ')),
        h(
          'nav',
          { class: 'row others', 'aria-label': 'Other groups' },
          this.group > 0 && to(this.group - 1, 'previous group'),
          this.group + 1 < all && to(this.group + 1, 'next group'),
        ),
      ),
      execution?.error &&
        h('p', { class: 'reason bad', key: 'error' }, `${execution.error}: ${execution.cause ?? ''}`),
      this.problem && h('p', { class: 'problem', role: 'alert', key: 'problem' }, this.problem),
      this.numbers(),
      definition &&
        card('What a reader does', { key: 'machine' }, graph(definition, this.history.marks())),
      this.history.card(),
    );
  }

  numbers() {
    const group = this.detail?.groups.find((one) => one.group === this.group);
    if (!group) return undefined;
    const { slices } = this.detail;
    const at = slices[group.slice];
    const { execution } = this.history;
    return card(
      'Progress of the group',
      { key: 'numbers' },
      h('p', {}, `It ${stateOf(group)}.`),
      facts([
        ['Lanes', lanes(group.lanes), some(group.lanes.length, 'lane', 'lanes')],
        !group.done && at && ['Slice', `${group.slice + 1} of ${slices.length}`, at.from],
        ['Read', group.total ? `${count(group.read)} of ${count(group.total)}` : count(group.read)],
        ['Left out', count(group.filtered)],
        ['Delivered', count(group.delivered)],
        ['Taken in', count(group.consumed)],
        ['Applied', count(group.applied)],
        ['Duplicates', count(group.duplicates)],
        ['Parked', count(group.parked)],
        !group.done && ['Rate now', `${count(group.rate)} events/s`],
        ['Last read', moment(group.moved)],
        execution && ['Execution', h('code', {}, execution.name)],
        execution && ['Started', moment(execution.started)],
        execution?.stopped && ['Ended', moment(execution.stopped)],
      ]),
    );
  }
}

/** Lanes in a row are written as a range. */
function lanes(all) {
  const parts = [];
  for (let i = 0; i < all.length;) {
    let end = i;
    while (all[end + 1] === all[end] + 1) end++;
    parts.push(end > i + 1 ? `${all[i]}–${all[end]}` : all.slice(i, end + 1).join(', '));
    i = end + 1;
  }
  return parts.slice(0, 12).join(', ') + (parts.length > 12 ? ' …' : '');
}
