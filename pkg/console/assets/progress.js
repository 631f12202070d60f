// The line of a replay's progress, and its plan beside what came of it.

import { h } from './dom.js';
import { card, facts, moment } from './parts.js';
import { count, done, lasting, percent, phase, size } from './words.js';

const tookOf = (view) => (view.ended ? new Date(view.ended) : Date.now()) - new Date(view.created);

/** The line that says it all: percent, counts, rates, lag, what is left. */
export function line(view, detail, highest, lag) {
  const shown = highest.counts('', detail ?? view.progress);
  const part = highest.of('percent', view.status === 'SUCCEEDED' ? 100 : (detail?.percent ?? 100 * done(view)));
  const share = Number.isFinite(part) ? part / 100 : undefined;
  return h(
    'section',
    { class: 'card line', key: 'line', 'aria-label': 'Progress' },
    h(
      'div',
      { class: 'big' },
      h('span', { class: 'value' }, percent(share) || phase(view)),
      h('span', { class: 'sub' }, view.ended ? view.status.toLowerCase() : phase(view)),
    ),
    h('progress', {
      max: 100,
      value: part >= 0 ? part : undefined,
      'aria-label': 'Part that is done',
    }),
    facts([
      [
        'Read',
        view.progress.total ? `${count(shown.read)} of ${count(view.progress.total)}` : count(shown.read),
        shown.filtered ? `${count(shown.filtered)} left out` : undefined,
      ],
      ['Delivered', count(shown.delivered)],
      ['Taken in', count(shown.consumed), folded(view, shown)],
      ...pace(view, detail),
      !view.ended && ['Live lag', lag === undefined ? '–' : lasting(lag)],
      shown.parked > 0 && ['Parked', count(shown.parked), 'entities'],
      view.cost && ['Cost so far', `$${view.cost.total.dollars.toFixed(4)}`],
    ]),
  );
}

function folded(view, shown) {
  if (!view.input.rebuild) return undefined;
  const twice = shown.duplicates ? `, ${count(shown.duplicates)} duplicates` : '';
  return `${count(shown.applied)} applied${twice}`;
}

function pace(view, detail) {
  const took = tookOf(view);
  if (view.ended) {
    return [
      ['On average', `${count((1000 * (detail?.consumed ?? view.progress.consumed)) / Math.max(took, 1))} events/s`],
      ['Took', lasting(took)],
    ];
  }
  const limit = view.pace?.limit ? `of at most ${count(view.pace.limit)}` : undefined;
  const paused = view.status === 'PAUSED';
  return [
    ['Rate now', paused ? 'paused' : detail ? `${count(detail.rate)} events/s` : '–', limit],
    ['On average', detail ? `${count(detail.average)} events/s` : '–', 'taken in, pauses included'],
    ['Time left', paused ? 'paused' : left(detail?.eta), `running for ${lasting(took)}`],
  ];
}

function left(eta) {
  if (!eta) return 'not known yet';
  const a = lasting(1000 * eta.leastSeconds);
  const b = lasting(1000 * eta.mostSeconds);
  return a === b ? a : `${a} to ${b}`;
}

/** Groups that stand still, each with since when and why. */
export function stalls(detail) {
  const all = (detail?.groups ?? []).filter((group) => group.stalled);
  if (!all.length) return undefined;
  return h(
    'ul',
    { class: 'reason bad', key: 'stalls' },
    all
      .slice(0, 5)
      .map((group) =>
        h('li', {}, `Group ${group.group} stands still since `, moment(group.stalled.since), `: ${group.stalled.why}`),
      ),
    all.length > 5 && h('li', {}, `and ${count(all.length - 5)} more: see the table of groups`),
  );
}

const range = (r, write) => (r.atLeast === r.atMost ? write(r.atMost) : `${write(r.atLeast)} to ${write(r.atMost)}`);

/** The plan of the same input, and what came of it so far. */
export function planned(view, detail, plan) {
  const { proof, progress } = view;
  const took = tookOf(view);
  const time = plan?.duration;
  const seconds = (n) => lasting(1000 * n);
  const expected = !time
    ? '–'
    : time.atMost === null
      ? `at least ${seconds(time.atLeast)}`
      : range(time, seconds);
  const rows = [
    [
      'Events',
      progress.total ? count(progress.total) : plan ? range(plan.read, count) : '–',
      count(detail?.read ?? progress.read),
    ],
    [
      'Size',
      proof && !proof.scoped ? size(proof.expected.bytes) : plan ? size(plan.bytes) : '–',
      proof ? size(proof.read.bytes) : 'known at the end',
    ],
    ['Time', expected, view.ended ? lasting(took) : `${lasting(took)} so far`],
    [
      'Price',
      plan?.cost ? range(plan.cost.dollars, (d) => `$${d.toFixed(4)}`) : plan ? 'nothing is charged' : '–',
      view.cost ? `$${view.cost.total.dollars.toFixed(4)}` : 'nothing is charged',
    ],
    ['Lanes read again', '0', count(view.plan.passes)],
    ...(view.plan.catchUps ? [['Cut moved', '0', count(view.plan.catchUps)]] : []),
  ];
  return card(
    'Plan and outcome',
    { key: 'plan' },
    h(
      'table',
      { class: 'beside' },
      h('caption', { class: 'unseen' }, 'What was planned, and what came of it'),
      h(
        'thead',
        {},
        h('tr', {}, [h('td', {}), ...['Planned', 'So far'].map((name) => h('th', { scope: 'col' }, name))]),
      ),
      h(
        'tbody',
        {},
        rows.map(([name, a, b]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', {}, a), h('td', {}, b))),
      ),
    ),
    plan && h('p', { class: 'sub' }, `Time and price: a plan of the same input, made now; ${plan.duration.basis}.`),
    about(view),
  );
}

function about(view) {
  const { plan } = view;
  return facts([
    ['Lane groups × slices', `${count(plan.groups)} × ${count(plan.slices)}`, `${count(plan.lanes)} lanes`],
    ['Started', moment(view.created)],
    ['Cut', moment(view.cut), 'later events are left out'],
    view.ended && ['Ended', moment(view.ended)],
    view.generation && [
      'Generation',
      h('a', { href: '/console/generations' }, view.generation),
      view.promoted ? 'promoted' : 'not active',
    ],
    view.damaged && ['Damaged records dropped', count(view.damaged)],
  ]);
}
