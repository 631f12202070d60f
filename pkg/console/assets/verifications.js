// The page of the verifications: a calendar of nights, and how they have gone.

import { calendar, worst } from './calendar.js';
import { get } from './api.js';
import { h, patch, s } from './dom.js';
import { watch } from './live.js';
import { card, command, moment, state, table } from './parts.js';
import { inTurn } from './turns.js';
import { count, date, lasting, some } from './words.js';

const pages = 10; // of 500 verifications that are read at most
const listed = 30;
const drawn = 60; // in a trend
const fresh = 30_000; // how long a list is shown without asking again, in ms

export async function show(main) {
  const page = new Verifications(main);
  watch({ status: () => page.due(), beat: () => page.runs() && page.load(), back: () => page.load() });
  await page.load();
}

const shapes = { CLEAN: 'succeeded', DRIFT: 'failed', FAILED: 'failed', REBUILDING: 'running', RUNNING: 'running', PLANNED: 'running' };

const going = (view) => ['RUNNING', 'REBUILDING', 'PLANNED'].includes(view.status);

class Verifications {
  constructor(main) {
    this.main = main;
    this.all = undefined;
    this.load = inTurn(() => this.ask());
  }

  runs() {
    return this.all?.some(going);
  }

  // A list is asked for again when it is old, or at once while something runs.
  due() {
    if (this.runs() || Date.now() - this.asked > fresh) this.load();
  }

  async ask() {
    this.asked = Date.now();
    try {
      this.all = await everything();
      this.problem = undefined;
    } catch (error) {
      this.problem = error.message;
    }
    this.draw();
  }

  draw() {
    const all = this.all ?? [];
    patch(
      this.main,
      h('h1', {}, 'Verifications'),
      h(
        'p',
        { class: 'lead' },
        'A verification folds the log again and compares every row that it is about. ' +
          'Most nights look at what has changed since the one before, some at everything. ' +
          'One of depth rebuild also rebuilds a throwaway generation, verifies it, and drops it.',
      ),
      this.problem && h('p', { class: 'problem', role: 'alert', key: 'problem' }, this.problem),
      this.all && card('Nights', { key: 'nights' }, said(all), calendar(all, new Date())),
      this.all && card('Trend', { key: 'trend' }, trends(all)),
      this.all && card('Latest', { key: 'latest', class: 'card nights' }, list(all)),
      h('p', { class: 'row', key: 'start' }, 'Verify now: ', command('verify start --wait')),
      h('p', { class: 'row', key: 'rebuild' }, 'With a rebuild: ', command('verify start --depth rebuild --wait')),
    );
  }
}

// The newest verification is first.
async function everything() {
  const all = [];
  for (let page = 0, after = ''; page < pages; page++) {
    const { verifications, next } = await get(`/verifications?limit=500${after}`);
    all.push(...verifications);
    if (!next) break;
    after = `&after=${encodeURIComponent(next)}`;
  }
  return all.sort((a, b) => (a.created < b.created ? 1 : -1));
}

/** Says in a sentence how the last verifications have gone. */
function said(all) {
  const verdict = all.find((view) => view.status === 'CLEAN' || view.status === 'DRIFT');
  if (!verdict) return h('p', {}, 'None has come to a verdict yet.');
  const full = all.find((view) => view.scope === 'full' && view.status === verdict.status);
  const words = { CLEAN: 'The last verdict found nothing wrong', DRIFT: 'The last verdict found drift' };
  return h(
    'p',
    { class: verdict.status === 'DRIFT' ? 'reason bad' : undefined },
    `${words[verdict.status]}, `,
    moment(verdict.created),
    full && full !== verdict && ['. Everything was last looked at ', moment(full.created)],
    '.',
  );
}

function list(all) {
  const columns = [
    { name: 'Verification' },
    { name: 'Outcome' },
    { name: 'Looked at' },
    { name: 'Rows', class: 'num' },
    { name: 'Events', class: 'num' },
    { name: 'Took', class: 'num' },
    { name: 'Cost', class: 'num' },
    { name: 'Found' },
  ];
  return table('The latest verifications', columns, all.slice(0, listed).map(row), 'There is none yet.');
}

function row(view) {
  const { report } = view;
  return h(
    'tr',
    { key: view.id, id: view.id },
    h('th', { scope: 'row' }, view.id, h('span', { class: 'sub' }, moment(view.created))),
    h('td', {}, state(shapes[view.status] ?? 'cancelled', view.status)),
    h('td', {}, looked(view)),
    h('td', { class: 'num' }, report ? count(report.rows) : '–'),
    h('td', { class: 'num' }, report ? count(report.events) : '–'),
    h('td', { class: 'num' }, view.ended ? lasting(took(view)) : '–'),
    h('td', { class: 'num' }, report?.cost ? dollars(report.cost.dollars) : '–'),
    h('td', {}, found(view), view.status === 'DRIFT' && command(`verify report ${view.id}`)),
  );
}

/** Says what a verification looks at, and links the replay of one that rebuilds. */
function looked(view) {
  const scope = { full: 'everything', incremental: 'what changed' }[view.scope];
  const what = scope ?? (going(view) ? 'not known yet' : '–');
  if (view.depth !== 'rebuild') return what;
  const { replay } = view.rebuild ?? {};
  return [
    `${what}, and `,
    replay ? h('a', { href: `/console/replays/${encodeURIComponent(replay)}` }, 'a rebuild') : 'a rebuild',
  ];
}

function found(view) {
  const drift = Object.entries(view.report?.drift ?? {}).map(([kind, n]) => `${count(n)} ${kind}`);
  const parts = [...drift];
  if (view.failure) parts.push(`${view.failure.error}: ${view.failure.cause}`);
  return parts.join(', ') || (view.status === 'CLEAN' ? 'nothing' : '–');
}

const took = (view) => new Date(view.ended) - new Date(view.created);

const dollars = (n) => `$${n.toFixed(4)}`;

/** Draws what the last nights with a verdict took. */
function trends(all) {
  const nights = all
    .filter((view) => view.report && view.ended)
    .slice(0, drawn)
    .reverse();
  if (nights.length < 2) return h('p', { class: 'quiet' }, 'There are too few for a trend yet.');
  return h(
    'div',
    { class: 'trends' },
    trend('Events read', nights, (view) => view.report.events, count),
    trend('Cost', nights, (view) => view.report.cost?.dollars ?? 0, dollars),
    trend('Time', nights, took, lasting),
    h(
      'p',
      { class: 'sub' },
      h('span', { class: 'key full' }, 'everything'),
      h('span', { class: 'key part' }, 'what changed'),
    ),
  );
}

const wide = 320;
const high = 72;

function trend(name, nights, value, write) {
  const values = nights.map(value);
  const top = Math.max(...values) || 1;
  const step = wide / Math.max(nights.length, 12);
  const last = nights.at(-1);
  const told =
    `${name} of ${some(nights.length, 'verification', 'verifications')} ` +
    `since ${date(nights[0].created)}: at most ${write(top)}, last ${write(value(last))}.`;
  return h(
    'figure',
    { class: 'trend' },
    h('figcaption', {}, name, h('span', { class: 'sub' }, `at most ${write(top)}, last ${write(value(last))}`)),
    s(
      'svg',
      { viewBox: `0 0 ${wide} ${high}`, role: 'img', 'aria-label': told },
      s('path', { class: 'base', d: `M0 ${high - 0.5} H${wide}` }),
      nights.map((view, i) => {
        const tall = Math.max((values[i] / top) * (high - 4), 1.5);
        return s(
          'rect',
          {
            class: `${view.scope === 'full' ? 'full' : 'part'}${view.status === 'CLEAN' ? '' : ' bad'}`,
            x: (i * step + 1).toFixed(1),
            y: (high - tall).toFixed(1),
            width: Math.max(step - 2, 1).toFixed(1),
            height: tall.toFixed(1),
          },
          s('title', {}, `${view.id}, ${worst([view]).word}: ${write(values[i])}`),
        );
      }),
    ),
  );
}
