// Draws a state machine: the way to success straight down, what leaves it to the right,
// loops on the left. A state's mark differs by shape as well as by colour.

import { h, s } from './dom.js';
import { some } from './words.js';

const row = 58;
const column = 236;
const box = { width: 196, height: 36 };
const margin = { x: 64, y: 14 };

/** Returns the graph of a definition, with what marksOf says of an execution. */
export function graph(definition, { marks, taken }) {
  const places = lay(definition);
  const all = [...places.entries()];
  const width = margin.x * 2 + Math.max(...all.map(([, p]) => p.column)) * column + box.width;
  const height = margin.y * 2 + Math.max(...all.map(([, p]) => p.row)) * row + box.height;
  const lines = all.flatMap(([name]) => leads(definition.States[name]).map((to) => line(places, taken, name, to)));
  for (const [name, mark] of Object.entries(marks)) {
    if (mark.kind === 'failed')
      for (const c of definition.States[name]?.Catch ?? []) lines.push(line(places, taken, name, c.Next, true));
  }
  return h(
    'div',
    { class: 'scroll graph', tabindex: 0, role: 'region', 'aria-label': 'State machine' },
    s(
      'svg',
      { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': told(definition, marks) },
      s('defs', {}, arrow('tip', ''), arrow('tip-on', 'on')),
      lines.filter(Boolean),
      all.map(([name, place]) => node(definition.States[name], name, place, marks[name])),
    ),
  );
}

const arrow = (id, kind) =>
  s(
    'marker',
    { id, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' },
    s('path', { class: `tip ${kind}`, d: 'M0 0.5 L7 4 L0 7.5 Z' }),
  );

function told(definition, marks) {
  const names = (kind) =>
    Object.entries(marks)
      .filter(([, mark]) => mark.kind === kind)
      .map(([name]) => name);
  const current = names('current');
  const failed = names('failed');
  return (
    `State machine of ${some(Object.keys(definition.States).length, 'state', 'states')}. ` +
    (current.length ? `Now at ${current.join(', ')}. ` : '') +
    (failed.length ? `Failed at ${failed.join(', ')}. ` : '') +
    `Done: ${names('done').join(', ') || 'none'}.`
  );
}

/** Where a state leads to without an error. */
const leads = (state) => [
  ...new Set([state.Default, ...(state.Choices ?? []).map((c) => c.Next), state.Next].filter(Boolean)),
];

/** Puts each state into a row and a column. */
function lay(definition) {
  const spine = way(definition);
  const places = new Map(spine.map((name, i) => [name, { row: i, column: 0 }]));
  const taken = new Set(spine.map((_, i) => `0/${i}`));
  const waiting = spine.flatMap((name) => sides(definition.States[name]).map((to) => [name, to]));
  while (waiting.length) {
    const [from, name] = waiting.shift();
    if (places.has(name) || !definition.States[name]) continue;
    const before = places.get(from);
    const at = { column: Math.max(before.column, 1), row: before.row };
    while (taken.has(`${at.column}/${at.row}`)) at.row++;
    taken.add(`${at.column}/${at.row}`);
    places.set(name, at);
    waiting.unshift(...sides(definition.States[name]).map((to) => [name, to]));
  }
  return places;
}

const sides = (state) => [...leads(state), ...(state.Catch ?? []).map((c) => c.Next)];

/** The longest way from the start to a state that succeeds. */
function way(definition) {
  const { States: states, StartAt: start } = definition;
  const best = new Map();
  const walk = (name, seen) => {
    if (best.has(name)) return best.get(name);
    const state = states[name];
    if (!state || seen.has(name)) return undefined;
    if (state.Type === 'Succeed' || state.End) return [name];
    seen.add(name);
    let longest;
    for (const next of leads(state)) {
      const rest = walk(next, seen);
      if (rest && !rest.includes(name) && rest.length > (longest?.length ?? 0)) longest = rest;
    }
    seen.delete(name);
    const found = longest && [name, ...longest];
    if (found) best.set(name, found);
    return found;
  };
  return walk(start, new Set()) ?? [start];
}

const center = (place) => ({ x: margin.x + place.column * column, y: margin.y + place.row * row });

function line(places, taken, from, to, caught) {
  const a = places.get(from);
  const b = places.get(to);
  if (!a || !b) return undefined;
  const p = center(a);
  const q = center(b);
  const on = taken.has(`${from} ${to}`);
  return s('path', {
    class: `edge${on ? ' on' : ''}${caught ? ' caught' : ''}`,
    d: curve(a, b, p, q),
    'marker-end': on ? 'url(#tip-on)' : 'url(#tip)',
  });
}

function curve(a, b, p, q) {
  const half = box.height / 2;
  if (a.column === b.column && b.row === a.row + 1) {
    // straight down
    const x = p.x + box.width / 2;
    return `M${x} ${p.y + box.height} V${q.y - 1}`;
  }
  if (a.column === b.column) {
    // around the left
    const depth = Math.min(16 + Math.abs(b.row - a.row) * 7, 54);
    return `M${p.x} ${p.y + half} C${p.x - depth} ${p.y + half} ${p.x - depth} ${q.y + half} ${q.x - 1} ${q.y + half}`;
  }
  const right = b.column > a.column;
  const x1 = right ? p.x + box.width : p.x;
  const x2 = right ? q.x - 1 : q.x + box.width + 1;
  const y1 = p.y + half + (right ? 5 : 0);
  const y2 = q.y + half + (right ? 0 : -5);
  const bend = (x1 + x2) / 2;
  return `M${x1} ${y1} C${bend} ${y1} ${bend} ${y2} ${x2} ${y2}`;
}

function node(state, name, place, mark) {
  const { x, y } = center(place);
  const kind = mark?.kind ?? 'ahead';
  const round = state.Type === 'Choice' ? 18 : state.Type === 'Succeed' || state.Type === 'Fail' ? 18 : 7;
  const text = name.replace(/([a-z])([A-Z])/g, '$1 $2');
  return s(
    'g',
    { class: `node ${kind} ${state.Type.toLowerCase()}`, transform: `translate(${x} ${y})` },
    s('title', {}, `${name} (${state.Type})${state.Comment ? `: ${state.Comment}` : ''}`),
    kind === 'current' &&
      s('rect', { class: 'halo', x: -4, y: -4, width: box.width + 8, height: box.height + 8, rx: round + 4 }),
    s('rect', { class: 'box', width: box.width, height: box.height, rx: round }),
    glyph(kind, state.Type),
    s('text', { x: 34, y: box.height / 2 + 4.5 }, text),
    mark?.times > 1 && s('text', { class: 'times', x: box.width - 10, y: box.height / 2 + 4 }, `×${mark.times}`),
  );
}

function glyph(kind, type) {
  const at = `translate(${18} ${box.height / 2})`;
  switch (kind) {
    case 'done':
      return s('path', { class: 'glyph', transform: at, d: 'M-5 0 L-1.5 3.8 L5.5 -4' });
    case 'current':
      return s('path', { class: 'glyph solid', transform: at, d: 'M-3.6 -5 L5 0 L-3.6 5 Z' });
    case 'failed':
      return s('path', { class: 'glyph', transform: at, d: 'M-4 -4 L4 4 M4 -4 L-4 4' });
    default:
      return type === 'Choice'
        ? s('path', { class: 'glyph', transform: at, d: 'M0 -5 L5 0 L0 5 L-5 0 Z' })
        : s('circle', { class: 'glyph', transform: at, r: 3.6 });
  }
}

/** Marks the states of an execution by its events, and the ways that it has taken. */
export function marksOf(events, status) {
  const marks = {};
  const taken = new Set();
  let last;
  for (const event of events) {
    if (event.type.endsWith('StateEntered')) {
      const mark = (marks[event.state] ??= { times: 0 });
      mark.kind = 'current';
      mark.times++;
      if (last) taken.add(`${last} ${event.state}`);
      last = event.state;
      // A state that is left on an error has no event of its own.
      for (const [name, other] of Object.entries(marks)) {
        if (name !== event.state && other.kind === 'current') other.kind = 'failed';
      }
    } else if (event.type.endsWith('StateExited') && marks[event.state]) {
      marks[event.state].kind = 'done';
    }
  }
  for (const mark of Object.values(marks)) {
    if (mark.kind === 'current' && status && status !== 'RUNNING')
      mark.kind = status === 'SUCCEEDED' ? 'done' : 'failed';
  }
  return { marks, taken };
}
