// The page of the generations of the Data Store.

import { get, offers, post } from './api.js';
import { changes } from './change.js';
import { differences } from './difference.js';
import { confirm } from './confirm.js';
import { h, patch, say } from './dom.js';
import { watch } from './live.js';
import { card, command, facts, moment, state } from './parts.js';
import { inTurn } from './turns.js';
import { count, lasting, size, some } from './words.js';

export async function show(main) {
  const page = new Generations(main);
  watch({ status: (status) => page.status(status), back: () => page.load() });
  await page.load();
}

const shapes = { active: 'succeeded', following: 'running', building: 'running', retired: 'cancelled' };

class Generations {
  constructor(main) {
    this.main = main;
    this.load = inTurn(() => this.ask());
  }

  // The list is asked for again if the log has grown, or a generation has changed.
  status(status) {
    this.consumers = status.consumers;
    const { log, generations, parked: aside, replays } = status;
    const seen = JSON.stringify([log.events, generations, aside, replays.map((one) => one.progress)]);
    if (this.seen !== undefined && this.seen !== seen) this.load();
    this.seen = seen;
    this.draw();
  }

  async ask() {
    try {
      this.view = await get('/generations');
      this.wipes ??= await offers('/state/wipe');
      this.offered ??= {
        promote: await offers('/generations/{id}/promote'),
        rollback: await offers('/generations/{id}/rollback'),
        drop: await offers('/generations/{id}/drop'),
        diff: await offers('/generations/{id}/diff'),
      };
      this.problem = undefined;
    } catch (error) {
      this.problem = error.message;
    }
    this.draw();
  }

  draw() {
    const { view } = this;
    const all = [...(view?.generations ?? [])].sort((a, b) => rank(view, a) - rank(view, b));
    patch(
      this.main,
      h('h1', {}, 'Generations'),
      h(
        'p',
        { class: 'lead' },
        'A generation is one version of the Data Store, folded from the whole log. Readers see the active one.',
      ),
      this.problem && h('p', { class: 'problem', role: 'alert', key: 'problem' }, this.problem),
      view && !all.length && h('p', { class: 'quiet', key: 'none' }, 'There is none yet.'),
      all.map((one) => this.one(one)),
      h(
        'p',
        { class: 'row', key: 'rebuild' },
        'A rebuild folds the log into a new one: ',
        command('replay start --rebuild --promote'),
      ),
    );
  }

  one(g) {
    const { active, previous } = this.view;
    const lag = (this.consumers ?? []).find((c) => c.name.endsWith(g.id))?.behindMillis;
    const { detail } = g;
    const word = g.lost ? 'LOST' : g.status.toUpperCase();
    return h(
      'section',
      { class: `card generation${g.id === active ? ' chosen' : ''}`, key: g.id, 'aria-label': `Generation ${g.id}` },
      h(
        'div',
        { class: 'title' },
        h('h2', {}, g.id),
        state(g.lost ? 'failed' : (shapes[g.status] ?? 'cancelled'), word),
        h('span', { class: 'sub' }, kept(g, active, previous)),
      ),
      g.loss && h('p', { class: 'reason bad' }, `Lane ${g.loss.lane}: ${g.loss.why}, since `, moment(g.loss.at)),
      facts([
        ['Built by', builder(g)],
        ['Projections', g.version],
        ['Events taken in', count(detail?.events)],
        g.status !== 'building' && [
          'Behind the log',
          behind(detail?.behind),
          detail?.behind && lag !== undefined ? lasting(lag) : undefined,
        ],
        ['Parked', parked(detail?.parked), 'entities'],
        ['Size', size(detail?.bytes || null)], // stores measure it late: 0 is not known yet
        ['Verified', ...verified(detail?.verified)],
        ['Begun', moment(g.created)],
        (g.promoted || g.id === active) && [
          g.id === active ? 'Active since' : 'Last made active',
          g.activated ? moment(g.activated) : 'not recorded',
        ],
        detail?.keptUntil && ['Kept until', moment(detail.keptUntil)],
      ]),
      g.id === active && !g.lost && this.wipes && this.empty(g.id),
      this.diffs?.[g.id] && differences(this.diffs[g.id]),
      changes(
        g,
        this.view,
        this.offered ?? {},
        (path, body, done) => this.change(path, body, done),
        () => this.compare(g.id),
      ),
    );
  }

  async compare(id) {
    try {
      this.diffs = { ...this.diffs, [id]: await get(`/generations/${encodeURIComponent(id)}/diff`) };
      say(`${id} is compared`);
    } catch (error) {
      this.problem = error.message;
    }
    this.draw();
  }

  async change(path, body, done) {
    try {
      say(done(await post(path, body)));
      await this.load();
    } catch (error) {
      this.problem = error.message;
      this.draw();
    }
  }

  empty(id) {
    return h(
      'ul',
      { class: 'actions' },
      h(
        'li',
        { class: 'action' },
        h(
          'button',
          {
            type: 'button',
            class: 'danger',
            onclick: () =>
              confirm(
                `Empty ${id}?`,
                'Readers get an error instead of every entity, until a rebuild has made another generation active. ' +
                  'The log stays as it is.',
                'Empty it',
                () => this.wipe(id),
                id,
              ),
          },
          'Empty…',
        ),
        h('span', { class: 'sub' }, 'Removes its rows, so that it has to be rebuilt from the log.'),
        command('state wipe'),
      ),
    );
  }

  async wipe(generation) {
    try {
      await post('/state/wipe', { generation });
      say(`${generation} is empty`);
      await this.load();
    } catch (error) {
      this.problem = error.message;
      this.draw();
    }
  }
}

const order = ['active', 'following', 'building', 'retired'];

const rank = (view, g) => (g.id === view.active ? -1 : order.indexOf(g.status));

const behind = (n) => (n === undefined || n === null ? 'not known' : n ? some(n, 'event', 'events') : 'nothing');

const parked = (bounded) => (bounded ? `${count(bounded.count)}${bounded.complete ? '' : ' or more'}` : '–');

/** When it was last verified, and what was found. */
function verified(last) {
  if (!last) return ['never'];
  const found = last.status === 'CLEAN' ? 'nothing is wrong' : 'drift was found';
  return [moment(last.at), `${found}, by ${last.verification}`];
}

const builder = (g) =>
  g.replay ? h('a', { href: `/console/replays/${encodeURIComponent(g.replay)}` }, g.replay) : 'the live path';

/** Says what a generation is for, and until when it is kept. */
function kept(g, active, previous) {
  if (g.id === active) return 'what readers see';
  if (g.lost) return 'nothing is folded into it any more; a rebuild replaces it';
  if (g.verification) return `throwaway of verification ${g.verification}, which drops it when it ends`;
  if (g.id === previous) return 'was active before; kept to go back to until another rebuild ends';
  if (g.withdrawn === 'CANCELLED') return 'its replay was cancelled: it can never become active';
  if (g.withdrawn) return 'its replay has failed, and may be continued';
  if (g.status === 'building') return 'being built';
  if (g.status === 'following') return 'complete and kept up to date; kept until another rebuild ends';
  return 'no longer kept up to date';
}
