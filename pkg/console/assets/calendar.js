// A calendar of nights: a row for each week, a cell for each day.

import { h } from './dom.js';

const weeks = 13;
const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const named = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' });
const short = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

// What counts most of a day comes first.
const outcomes = [
  { status: 'DRIFT', name: 'drift', mark: '✗', word: 'drift' },
  { status: 'FAILED', name: 'broken', mark: '!', word: 'failed' },
  { status: 'REBUILDING', name: 'going', mark: '…', word: 'rebuilding' },
  { status: 'RUNNING', name: 'going', mark: '…', word: 'running' },
  { status: 'PLANNED', name: 'going', mark: '…', word: 'planned' },
  { status: 'CLEAN', name: 'clean', mark: '✓', word: 'clean' },
  { status: 'CANCELLED', name: 'none', mark: '–', word: 'cancelled' },
  { status: 'SKIPPED', name: 'none', mark: '–', word: 'skipped' },
];

/** The outcome of some verifications that counts most. */
export const worst = (views) => outcomes.find(({ status }) => views.some((view) => view.status === status));

const keyOf = (day) => `${day.getFullYear()}-${day.getMonth()}-${day.getDate()}`;

const after = (day, n) => new Date(day.getFullYear(), day.getMonth(), day.getDate() + n);

/** Draws the last weeks up to today; all are verifications. */
export function calendar(all, today) {
  const byDay = new Map();
  for (const view of all) {
    const key = keyOf(new Date(view.created));
    byDay.set(key, [...(byDay.get(key) ?? []), view]);
  }
  const monday = after(today, -((today.getDay() + 6) % 7));
  const begins = Array.from({ length: weeks }, (_, i) => after(monday, 7 * (i - weeks + 1)));
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Calendar of the verifications' },
    h(
      'table',
      { class: 'calendar' },
      h('caption', { class: 'unseen' }, 'The verifications of the last weeks, by day'),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, 'Week of'),
          days.map((day) => h('th', { scope: 'col' }, day)),
        ),
      ),
      h(
        'tbody',
        {},
        begins.map((begin) =>
          h(
            'tr',
            { key: keyOf(begin) },
            h('th', { scope: 'row' }, short.format(begin)),
            days.map((_, i) => cell(after(begin, i), byDay, today)),
          ),
        ),
      ),
    ),
  );
}

function cell(day, byDay, today) {
  const views = byDay.get(keyOf(day)) ?? [];
  if (!views.length) {
    const future = day > today;
    return h('td', { class: future ? 'future' : 'empty' }, h('span', { class: 'day' }, day.getDate()));
  }
  const { name, mark, word, status } = worst(views);
  const shown = views.find((view) => view.status === status);
  const full = views.some((view) => view.scope === 'full');
  const told = `${named.format(day)}: ${word}${full ? ', everything' : ''}${
    views.length > 1 ? `, ${views.length} verifications` : ''
  }`;
  return h(
    'td',
    { class: `${name}${full ? ' full' : ''}` },
    h(
      'a',
      { href: `#${shown.id}`, 'aria-label': told, title: told },
      h('span', { class: 'day' }, day.getDate()),
      h('span', { class: 'mark', 'aria-hidden': 'true' }, mark),
    ),
  );
}
