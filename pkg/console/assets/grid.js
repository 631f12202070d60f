// The grid of lane groups and time slices: a row is a group, a cell a slice of it. The
// fill is the part that was read, a mark says that something is wrong, and a row leads to
// the execution that reads it. A row is one picture, so that hundreds of groups and slices
// stay light.

import { h, s } from './dom.js';
import { count, some } from './words.js';

const size = 10; // of a cell, in units of the picture

/** How much of a slice of a group was read, from 0 to 1. */
export function part(group, slice, slices) {
  if (group.done) return 1;
  const read = group.total ? Math.min(group.read / group.total, 0.999) : 0;
  if (group.slice < 0) return read;
  if (slice !== group.slice) return Number(slice < group.slice);
  // Slices weigh about the same, so this is an estimate.
  return Math.min(Math.max(read * slices - slice, 0), 0.99);
}

/** The address of the page of a group's execution. */
export const groupPage = (id, group) => `/console/replays/${encodeURIComponent(id)}/groups/${group}`;

/** Draws groups; cursor is the cell that is told about, and point(group, slice) moves it. */
export function grid(id, groups, slices, cursor, point) {
  const many = groups.length > 64;
  return h(
    'div',
    { class: 'grid' },
    h(
      'div',
      { class: many ? 'tall' : '', tabindex: many ? 0 : undefined, role: 'region', 'aria-label': 'Grid' },
      h(
        'ol',
        {},
        groups.map((group) => h('li', { key: group.group }, row(id, group, slices, many, cursor, point))),
      ),
    ),
    slices.length > 1 &&
      h('p', { class: 'axis-row' }, h('span', {}, day(slices[0].from)), h('span', {}, ending(slices.at(-1)))),
    h('p', { class: 'where-at', role: 'status' }, told(groups, slices, cursor)),
  );
}

// A bucket that begins with a day is written as the day.
const day = (bucket) => bucket.replace(/T00$/, '');

const ending = ({ from, to }) => (to ? day(to) : `${day(from)} to the cut`);

function row(id, group, slices, small, cursor, point) {
  const shown = `${Math.floor(100 * whole(group))} %`;
  const here = cursor?.group === group.group ? cursor.slice : undefined;
  return h(
    'a',
    {
      class: `lane${small ? ' small' : ''}${group.stalled ? ' wrong' : ''}`,
      href: groupPage(id, group.group),
      onfocus: () => cursor?.group === group.group || point(group.group, Math.max(group.slice, 0)),
      onpointermove: (event) => point(group.group, sliceUnder(event, slices.length)),
      onkeydown: (event) => keys(event, group, slices.length, here ?? 0, point),
    },
    h('span', { class: 'name' }, `${group.stalled ? '✕ ' : ''}group ${group.group}`),
    cells(group, slices.length, here),
    h('span', { class: 'part' }, shown),
    h('span', { class: 'unseen' }, ` read, ${stateOf(group)}`),
  );
}

const whole = (group) => (group.done ? 1 : group.total ? Math.min(group.read / group.total, 0.999) : 0);

function sliceUnder(event, slices) {
  const box = event.currentTarget.querySelector('svg').getBoundingClientRect();
  const share = (event.clientX - box.left) / Math.max(box.width, 1);
  return Math.min(Math.max(Math.floor(share * slices), 0), slices - 1);
}

// Left and right go from slice to slice, up and down from group to group.
function keys(event, group, slices, at, point) {
  const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (move) point(group.group, at, move, slices);
  const item = event.currentTarget.parentElement;
  const next = { ArrowUp: item.previousElementSibling, ArrowDown: item.nextElementSibling }[event.key];
  if (next) next.firstElementChild.focus();
  if (move || next) event.preventDefault();
}

function cells(group, slices, here) {
  const width = slices * size;
  const now = group.slice >= 0 && !group.done ? group.slice : undefined;
  const filled = group.done ? width : now === undefined ? 0 : now * size;
  const every = slices > 120 ? Math.ceil(slices / 60) : 1; // else nothing but gaps would be seen
  const cuts = Array.from({ length: Math.ceil(slices / every) - 1 }, (_, i) => `M${(i + 1) * every * size} 0V${size}`);
  const x = (now ?? 0) * size;
  return s(
    'svg',
    {
      class: `cells${slices > 40 ? ' many' : ''}`,
      viewBox: `0 0 ${width} ${size}`,
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    },
    s('rect', { class: 'ground', width, height: size }),
    s('rect', { class: 'fill', width: filled, height: size }),
    now !== undefined && s('rect', { class: 'now', x, width: size * part(group, now, slices), height: size }),
    // Without an order, all slices are read side by side.
    group.slice < 0 && !group.done && s('rect', { class: 'now', width: width * whole(group), height: size }),
    s('path', { class: 'cuts', d: cuts.join('') }),
    group.stalled && s('rect', { class: 'wrong', x, width: now === undefined ? width : size, height: size }),
    group.stalled && s('path', { class: 'cross', d: `M${x} 0l${size} ${size}M${x + size} 0l${-size} ${size}` }),
    here !== undefined && s('rect', { class: 'at', x: here * size, width: size, height: size }),
  );
}

/** Says in words what a group does. */
export function stateOf(group) {
  if (group.stalled) return `stands still: ${group.stalled.why}`;
  if (group.done) return group.consumed >= group.delivered ? 'done' : 'read; its consumer goes on';
  if (!group.moved) return 'not begun';
  return group.slice >= 0 ? `reads slice ${group.slice + 1}` : 'reads';
}

function told(groups, slices, cursor) {
  const group = groups.find((one) => one.group === cursor?.group);
  if (!group) return 'A row is a lane group, a cell a time slice. A row shows the execution that reads it.';
  const at = slices[cursor.slice];
  const span = at && (at.from || at.to) ? ` (${day(at.from) || 'the begin'} to ${day(at.to) || 'the cut'})` : '';
  const read = Math.floor(100 * part(group, cursor.slice, slices.length));
  return (
    `Group ${group.group}, slice ${cursor.slice + 1} of ${slices.length}${span}: ${read} % read. ` +
    `The group ${stateOf(group)}` +
    (group.parked ? `; ${some(group.parked, 'entity', 'entities')} parked` : '') +
    `; ${count(group.read)} of ${group.total ? count(group.total) : 'an unknown number of'} events read.`
  );
}
