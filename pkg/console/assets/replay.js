// The page of one replay.

import { actions } from './actions.js';
import { get, missing, offers, post, replayPath } from './api.js';
import { chart } from './chart.js';
import { Comparison } from './comparison.js';
import { differences } from './difference.js';
import { h, patch, say } from './dom.js';
import { graph } from './graph.js';
import { Groups } from './groups.js';
import { Highest } from './highest.js';
import { History } from './history.js';
import { watch } from './live.js';
import { Painter } from './painter.js';
import { card, facts, stateOf } from './parts.js';
import { line, planned, stalls } from './progress.js';
import { Samples } from './rate.js';
import { inTurn, Newest } from './turns.js';
import { count, lagOf, proved, reason, selects, size, time } from './words.js';

export async function show(main, id) {
  const page = new Replay(main, id);
  watch({
    status: (status) => page.health(status),
    replays: (views) => page.replays(views),
    beat: () => page.beat(),
    back: () => page.load(),
  });
  await page.load();
}

const routes = ['pause', 'resume', 'continue', 'progress', 'rate', 'samples'];

class Replay {
  constructor(main, id) {
    this.main = main;
    this.id = id;
    this.opened = Date.now();
    this.samples = new Samples(id);
    this.highest = new Highest();
    this.painter = new Painter(() => this.paint());
    this.history = new History(id, this.painter);
    this.groups = new Groups(id, () => this.painter.now());
    this.comparison = new Comparison(id, () => this.painter.now());
    this.progress = inTurn(() => this.ask());
    this.newest = new Newest();
  }

  async load() {
    try {
      const view = await this.newest.of(get(replayPath(this.id)));
      if (view) this.take(view);
      this.offered ??= Object.fromEntries(
        await Promise.all(routes.map(async (name) => [name, await offers(`/replays/{id}/${name}`)])),
      );
      this.offered.promote ??= await offers('/generations/{id}/promote');
      this.problem = undefined;
    } catch (error) {
      this.problem = error.message;
    }
    this.painter.soon();
    await Promise.all([this.past(), this.progress(), this.forecast(), this.history.read(), this.effects()]);
  }

  // What the platform has kept of the time before this page was opened.
  async past() {
    if (!this.offered?.samples) return;
    try {
      this.samples.take((await get(`${replayPath(this.id)}/samples`)).samples);
    } catch (error) {
      if (missing(error)) this.offered.samples = false; // a deployment keeps none
    }
    this.painter.soon();
  }

  effects() {
    return this.view?.input.effects ? this.comparison.read() : undefined;
  }

  async forecast() {
    if (this.plan || !this.view) return;
    try {
      this.plan = await post('/plans', { input: this.view.input });
    } catch {
      // the outcome is shown without a plan
    }
    this.painter.soon();
  }

  health(status) {
    this.lag = lagOf(status);
    this.diverging(status.replays);
  }

  // A replay that has left the list of the running ones is asked for.
  diverging(views) {
    if (this.view && !this.view.ended && !views.some((view) => view.id === this.id)) this.load();
  }

  replays(views) {
    const view = views.find((one) => one.id === this.id);
    if (!view) return;
    this.newest.told();
    this.take(view);
    this.history.read();
    this.progress();
  }

  take(view) {
    const before = this.view;
    this.view = view;
    if (!view.ended || this.samples.all.length) this.samples.add(view, this.lag);
    if (before && before.status !== view.status) {
      say(`${view.id} is ${view.status.toLowerCase()}`);
      this.effects();
    }
    this.painter.soon();
  }

  // The execution goes on for a while after what the replay's row says of it: it waits
  // only once all readers have paused, and ends after the replay has.
  beat() {
    if (!this.view) return;
    if (!this.view.ended) this.progress();
    if (!this.view.ended || this.history.open) this.history.read();
  }

  async ask() {
    if (!this.offered?.progress) return;
    try {
      this.detail = this.highest.raise(await get(`${replayPath(this.id)}/progress`));
    } catch (error) {
      if (missing(error)) this.offered.progress = false;
    }
    this.painter.soon();
  }

  async act(path, done, body) {
    try {
      const to = path.startsWith('/') ? path : `${replayPath(this.id)}/${path}`;
      const answer = await this.newest.of(post(to, body));
      if (answer?.id === this.id) this.take(answer);
      else if (answer) await this.load();
      this.problem = undefined;
      say(done);
    } catch (error) {
      this.problem = error.message;
    }
    this.painter.now();
  }

  paint() {
    if (this.view) this.render();
    else if (this.problem)
      patch(this.main, h('h1', {}, this.id), h('p', { class: 'problem', role: 'alert' }, this.problem));
  }

  render() {
    const { view } = this;
    const why = reason(view);
    patch(
      this.main,
      h('p', { class: 'crumb' }, h('a', { href: '/' }, 'Replays')),
      h('div', { class: 'title' }, h('h1', {}, view.id), stateOf(view)),
      h('p', { class: 'lead' }, selects(view.input)),
      why && h('p', { class: `reason${view.failure ? ' bad' : ''}`, key: 'reason' }, why),
      stalls(this.detail),
      this.problem && h('p', { class: 'problem', role: 'alert', key: 'problem' }, this.problem),
      line(view, this.detail, this.highest, this.lag),
      actions(view, this.offered ?? {}, (path, done, body) => this.act(path, done, body)),
      this.groups.card(this.detail),
      h(
        'div',
        { class: 'two', key: 'two' },
        this.machine(),
        h('div', { class: 'stack' }, this.rates(), planned(view, this.detail, this.plan), this.proof()),
      ),
      view.comparison &&
        card('What the promotion changes', { key: 'comparison' }, differences(view.comparison)),
      this.comparison.card(),
      this.history.card(),
      h(
        'details',
        { class: 'card raw', key: 'raw' },
        h('summary', {}, 'Raw JSON'),
        h('pre', {}, JSON.stringify(view, null, 2)),
      ),
    );
  }

  machine() {
    if (!this.history.definition) return undefined;
    return card('State machine', { key: 'machine' }, graph(this.history.definition, this.history.marks()));
  }

  rates() {
    const { all } = this.samples;
    if (this.view.ended && all.length < 3) return undefined;
    const first = all[0]?.at ?? this.opened;
    const by = this.samples.kept ? 'when the platform first saw it' : 'when this page was opened';
    const late = first - new Date(this.view.created) > 5000;
    return card(
      'Rate and lag',
      { key: 'rates' },
      chart(this.samples.series(), this.samples.marks(), late ? `Numbers since ${time(first)}, ${by}.` : ''),
    );
  }

  proof() {
    const { proof } = this.view;
    return card(
      'Proof',
      { key: 'proof' },
      h('p', { class: `proof ${proof ? (proof.complete ? 'good' : 'bad') : ''}` }, proved(proof)),
      proof &&
        facts([
          !proof.scoped && ['Manifests expect', count(proof.expected.count), size(proof.expected.bytes)],
          ['Read', count(proof.read.count), size(proof.read.bytes)],
          ['Selected', count(proof.selected.count), size(proof.selected.bytes)],
          ['Taken in', count(proof.applied.count), size(proof.applied.bytes)],
          proof.rows && ['Entities', count(proof.rows.entities)],
          proof.rows && ['Duplicates', count(proof.rows.duplicates)],
          proof.rows && ['Parked', count(proof.rows.parked)],
        ]),
      proof && h('p', { class: 'sub digest' }, 'Digest ', h('code', {}, proof.applied.digest)),
    );
  }
}
