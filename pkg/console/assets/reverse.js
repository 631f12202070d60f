// The dialog that reverses an event: first what would follow, then, with a reason, the
// reversal itself.

import { post } from './api.js';
import { h, patch, say } from './dom.js';
import { command, table } from './parts.js';
import { some } from './words.js';

const mostChanges = 50;

/** Asks what would follow, and reverses the event if it is confirmed; shell quotes an id. */
export function reverse(path, entity, { position, event }, shell, done) {
  const shown = { reason: '', who: '' };
  const box = h('dialog', { class: 'ask reverse', 'aria-labelledby': 'asked' });
  const ask = (body) => post(`${path}/reverse`, { event: position, ...body });
  const draw = () => patch(box, ...content(shown, { position, event, entity, shell }, act, draw, () => box.close()));

  async function act() {
    shown.busy = true;
    draw();
    try {
      const made = await ask({ reason: shown.reason, who: shown.who });
      box.close();
      say(`It is reversed at ${made.position}`);
      done();
    } catch (error) {
      shown.problem = error.message;
      shown.busy = false;
      draw();
    }
  }

  box.addEventListener('close', () => box.remove());
  document.body.append(box);
  draw();
  box.showModal();
  ask({ reason: 'a preview', dryRun: true })
    .then((preview) => {
      shown.preview = preview;
    })
    .catch((error) => {
      shown.refused = error.status === 403 ? 'To reverse an event needs the permission correct.' : error.message;
    })
    .finally(draw);
}

function content(shown, { position, event, entity, shell }, act, redraw, leave) {
  const { preview, refused, problem, busy, reason } = shown;
  return [
    h('h2', { id: 'asked' }, `Reverse ${event.type}?`),
    h(
      'p',
      {},
      'Nothing is edited: an event that takes it back is appended to the log, with who and why. Reversing that one brings it back.',
    ),
    refused && h('p', { class: 'problem', role: 'alert', key: 'refused' }, `It cannot be reversed: ${refused}`),
    !refused && !preview && h('p', { class: 'sub', key: 'wait' }, 'Looking what would follow…'),
    preview && h('div', { key: 'preview', class: 'past' }, ...follows(preview)),
    preview && asked('why', 'Why, which the log keeps', (text) => (shown.reason = text), redraw),
    preview && asked('who', 'Who you are, if the log is to keep it', (text) => (shown.who = text), redraw),
    problem && h('p', { class: 'problem', role: 'alert', key: 'problem' }, problem),
    h(
      'p',
      { class: 'row', key: 'command' },
      command(`reverse ${shell(entity)} --event ${position} --reason TEXT --dry-run`),
    ),
    h(
      'p',
      { class: 'row end', key: 'end' },
      h('button', { type: 'button', onclick: leave }, 'Leave it as it is'),
      h(
        'button',
        { type: 'button', class: 'danger', disabled: !preview || !reason || busy, onclick: act },
        'Reverse it',
      ),
    ),
  ];
}

const asked = (id, label, keep, redraw) => [
  h('label', { for: id, key: `label ${id}` }, label),
  h('input', {
    id,
    key: id,
    autocomplete: 'off',
    maxlength: id === 'why' ? 250 : 50,
    oninput: (typed) => {
      keep(typed.target.value.trim());
      redraw();
    },
  }),
];

// What was sent for the event, and what follows.
function outside(effects) {
  if (!effects) return [];
  const text = (call) => `${call.system}/${call.name} ${JSON.stringify(call.body) ?? ''}`;
  return [
    ...effects.sent.map((call, i) => h('p', { key: `sent ${i}` }, `Sent, and stays as it is: ${text(call)}`)),
    ...effects.wanted.map((call, i) => h('p', { key: `wanted ${i}` }, `Is sent because of it: ${text(call)}`)),
    effects.unknown && h('p', { key: 'unknown' }, `More may be sent: ${effects.unknown}`),
  ];
}

function follows(preview) {
  const { changes, changed, inverse, sameAsWithout, before, after, version } = preview;
  const how = inverse
    ? `It is undone by ${inverse.type} ${JSON.stringify(inverse.data)}, which leads to ${
        sameAsWithout ? 'the state without the event' : 'another state than without the event'
      }.`
    : 'The entity is folded again without it.';
  return [
    h('p', { key: 'how' }, how),
    table(
      'What would change',
      [{ name: 'Field' }, { name: 'Before' }, { name: 'After' }],
      changes
        .slice(0, mostChanges)
        .map((change) =>
          h(
            'tr',
            { key: change.path },
            h('th', { scope: 'row' }, h('code', {}, change.path || 'the whole state')),
            h('td', {}, value('before', change.old)),
            h('td', {}, value('after', change.new)),
          ),
        ),
      'The state stays as it is.',
    ),
    changed > mostChanges && h('p', { class: 'sub' }, `and ${some(changed - mostChanges, 'more field', 'more fields')}`),
    ...outside(preview.effects),
    h(
      'p',
      { class: 'sub', key: 'counts' },
      `${some(before.count, 'event', 'events')} applied before, ${after.count} after; folded by ${version}`,
    ),
  ].filter(Boolean);
}

const value = (kind, text) =>
  text === undefined ? h('span', { class: 'sub' }, 'not there') : h('code', { class: kind }, text);
