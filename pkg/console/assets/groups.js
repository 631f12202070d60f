// The progress of a replay by lane group: the grid, and the table behind it.

import { h } from './dom.js';
import { grid, groupPage, stateOf } from './grid.js';
import { Pager } from './pager.js';
import { card, table } from './parts.js';
import { count } from './words.js';

const inGrid = 256;
const inTable = 64;

const columns = [
  { name: 'Group' },
  { name: 'Lanes', class: 'num' },
  { name: 'Slice', class: 'num' },
  { name: 'Read', class: 'num' },
  { name: 'Left out', class: 'num' },
  { name: 'Delivered', class: 'num' },
  { name: 'Taken in', class: 'num' },
  { name: 'Applied', class: 'num' },
  { name: 'Duplicates', class: 'num' },
  { name: 'Parked', class: 'num' },
  { name: 'Events/s', class: 'num' },
  { name: 'State' },
];
const counts = ['read', 'filtered', 'delivered', 'consumed', 'applied', 'duplicates', 'parked'];

export class Groups {
  constructor(id, redraw) {
    this.id = id;
    this.redraw = redraw;
    this.pages = { grid: new Pager(inGrid, redraw), table: new Pager(inTable, redraw) };
    this.as = 'grid';
  }

  card(detail) {
    if (!detail?.groups.length) return undefined;
    const pager = this.pages[this.as];
    const shown = pager.of(detail.groups);
    return card(
      'Lane groups and time slices',
      { key: 'grid' },
      h(
        'div',
        { class: 'legend' },
        h(
          'span',
          { class: 'choice', role: 'group', 'aria-label': 'Show as' },
          this.button('grid', 'Grid'),
          this.button('table', 'Table'),
        ),
        h('span', { class: 'sub' }, `${count(detail.groups.length)} × ${count(detail.slices.length)}`),
      ),
      this.as === 'grid'
        ? grid(this.id, shown, detail.slices, this.cursor, (group, at, by = 0, slices = at + 1) => {
            // Keys may come faster than pictures.
            const from = by && this.cursor?.group === group ? this.cursor.slice : at;
            const slice = Math.min(Math.max(from + by, 0), slices - 1);
            if (this.cursor?.group === group && this.cursor.slice === slice) return;
            this.cursor = { group, slice };
            this.redraw();
          })
        : this.table(shown, detail),
      pager.controls(detail.groups.length, 'groups'),
    );
  }

  button(as, name) {
    return h(
      'button',
      {
        type: 'button',
        'aria-pressed': String(this.as === as),
        onclick: () => {
          this.as = as;
          this.redraw();
        },
      },
      name,
    );
  }

  table(shown, detail) {
    const made = table(
      'Progress by lane group',
      columns,
      shown.map((group) =>
        h(
          'tr',
          { key: group.group },
          h('th', { scope: 'row' }, h('a', { href: groupPage(this.id, group.group) }, `group ${group.group}`)),
          h('td', { class: 'num' }, count(group.lanes.length)),
          h('td', { class: 'num' }, group.slice < 0 || group.done ? '–' : count(group.slice + 1)),
          counts.map((name) => h('td', { class: 'num' }, count(group[name]))),
          h('td', { class: 'num' }, group.done ? '–' : count(group.rate)),
          h('td', {}, group.stalled ? '✕ ' : '', stateOf(group)),
        ),
      ),
      'No groups.',
    );
    made.firstElementChild.classList.add('groups');
    made.firstElementChild.append(
      h(
        'tfoot',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'row', colspan: 3 }, 'All groups'),
          counts.map((name) => h('td', { class: 'num' }, count(detail[name]))),
          h('td', { class: 'num' }, count(detail.rate)),
          h('td', {}),
        ),
      ),
    );
    return made;
  }
}
