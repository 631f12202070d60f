// What a replay would have sent to external systems otherwise, and its approval.

import { get, offers, post } from './api.js';
import { confirm } from './confirm.js';
import { h, say } from './dom.js';
import { card, command, facts, moment, state, table } from './parts.js';
import { inTurn } from './turns.js';
import { count, encode, some } from './words.js';

const classes = {
  same: 'Same as sent',
  changed: 'Sent otherwise',
  surplus: 'Not sent, and would be',
  missing: 'Sent, and would not be',
  silent: 'New since then',
  unanswered: 'Not known: the reaction could not end',
  undecided: 'Not known',
  ahead: 'Not yet reached live',
};

const approvable = ['changed', 'surplus', 'missing'];

// Differences on the page; the command line lists all.
const shown = 20;

export class Comparison {
  constructor(id, draw) {
    this.id = id;
    this.draw = draw;
    this.read = inTurn(() => this.ask());
  }

  async ask() {
    try {
      const path = `/comparisons/${encodeURIComponent(this.id)}`;
      this.offered ??= await offers('/comparisons/{id}/approve');
      const view = await get(path);
      while (view.next && view.differences.length < shown) {
        const page = await get(`${path}?after=${encodeURIComponent(view.next)}`);
        view.differences.push(...page.differences);
        view.next = page.next;
      }
      this.view = view;
      this.problem = undefined;
    } catch (error) {
      this.problem = error.message;
    }
    this.draw();
    clearTimeout(this.again);
    if (this.view?.approvals.some((one) => !one.ended)) this.again = setTimeout(() => this.read(), 2000);
  }

  card() {
    const { view } = this;
    if (!view && !this.problem) return undefined;
    return card(
      'Effects: what this code would have sent',
      { key: 'effects' },
      this.problem && h('p', { class: 'problem', role: 'alert' }, this.problem),
      view && this.summary(),
      view && this.list(),
      view && this.approve(),
    );
  }

  summary() {
    const { counts, complete, approvals } = this.view;
    return h(
      'div',
      {},
      !complete && h('p', { class: 'reason' }, 'The replay has not compared everything: nothing can be approved yet.'),
      facts(Object.keys(classes).map((name) => counts[name] && [classes[name], some(counts[name], 'call', 'calls')])),
      approvals.map((one) =>
        h(
          'p',
          { key: `approval ${one.number}` },
          state(one.ended ? (one.failed ? 'failed' : 'succeeded') : 'running', one.ended ? 'CARRIED OUT' : 'UNDER WAY'),
          ` approved by ${one.by}: ${one.reason}. ${count(one.sent)} sent, ${count(one.undone)} undone, `,
          `${count(one.failed)} failed. `,
          moment(one.at),
        ),
      ),
    );
  }

  list() {
    const { differences, next } = this.view;
    return h(
      'div',
      {},
      table(
        'Calls that differ',
        ['What', 'Entity', 'Event', 'Call', 'Sent', 'Would be sent', 'Approved'].map((name) => ({ name })),
        differences.map((one) => this.row(one)),
        'No call differs from what was sent.',
      ),
      next && h('p', { class: 'sub' }, `The first ${count(differences.length)}; all: `, command(`effects show ${this.id}`)),
    );
  }

  row(one) {
    const call = one.system ? `${one.system}/${one.name}${one.part ? ` ${one.part}` : ''}` : '–';
    const link = `/console/entities/${encode(one.entity)}`;
    return h(
      'tr',
      { key: `${one.entity} ${one.position} ${call}` },
      h('th', { scope: 'row' }, one.class),
      h('td', {}, h('a', { href: link }, one.entity)),
      h('td', {}, one.type),
      h('td', {}, call),
      h('td', {}, text(one.sent)),
      h('td', {}, one.reason || text(one.wanted)),
      h('td', {}, settled(one.approved)),
    );
  }

  approve() {
    const { counts, complete, approvals } = this.view;
    const left = approvable.reduce((sum, name) => sum + (counts[name] ?? 0), 0);
    if (!this.offered || !complete || !left || approvals.some((one) => !one.ended)) return undefined;
    return h(
      'p',
      { class: 'row', key: 'approve' },
      h(
        'button',
        {
          type: 'button',
          class: 'danger',
          onclick: () =>
            confirm(
              'Send the difference?',
              'External systems are called: what should not have been sent is undone where that is possible, and what ' +
                'should have been is sent, each once. What was approved before is left out.',
              'Send it',
              () => this.send(),
              this.id,
            ),
        },
        'Approve…',
      ),
      command(`effects approve ${this.id} --reason TEXT`),
    );
  }

  async send() {
    try {
      await post(`/comparisons/${encodeURIComponent(this.id)}/approve`, { reason: 'approved in the console' });
      say('The difference is being sent');
    } catch (error) {
      this.problem = error.message;
    }
    await this.read();
  }
}

const text = (body) => (body === undefined ? '–' : h('code', {}, JSON.stringify(body).slice(0, 200)));

function settled(one) {
  if (!one) return '–';
  if (one.failed) return `failed: ${one.error}`;
  if (!one.done) return one.error ? `is tried again: ${one.error}` : 'not yet';
  return [one.undone && 'undone', one.sent && 'sent'].filter(Boolean).join(', ');
}
