// What an operator can do with a generation.

import { confirm } from './confirm.js';
import { h } from './dom.js';
import { command } from './parts.js';
import { lasting } from './words.js';

/**
 * What can be done with a generation now, each with the command that does the same;
 * act(path, body, done) asks for it, and done(answer) says in words what came of it.
 * compare() compares it with the active one.
 */
export function changes(g, view, offered, act, compare) {
  const rows = [];
  const action = (name, title, about, kind, line, press) =>
    rows.push(
      h(
        'li',
        { key: name, class: 'action' },
        h('button', { type: 'button', class: kind, onclick: press }, title),
        h('span', { class: 'sub' }, about),
        command(line),
      ),
    );
  const path = (name, id) => `/generations/${encodeURIComponent(id)}/${name}`;
  const flipped = (answer) =>
    answer.replay
      ? `Approved: ${answer.replay} makes ${answer.generation} active`
      : `${answer.active} is active; the consumer of ${answer.previous} was held for ${lasting(answer.heldMillis)}`;
  const { active, previous } = view;
  const ready = g.status === 'following' && !g.lost && g.withdrawn !== 'CANCELLED';
  if (offered.diff && ready) {
    action(
      'diff',
      'Compare',
      `Shows what would change for readers of ${active}.`,
      '',
      `generation diff ${g.id}`,
      compare,
    );
  }
  if (offered.rollback && ready && g.id === previous) {
    action('rollback', 'Go back to it…', 'It was kept in step: nothing is lost.', 'main', 'generation rollback', () =>
      confirm(
        `Go back to ${g.id}?`,
        `Readers see ${g.id} instead of ${active}, which stays in step and can be promoted again.`,
        'Go back',
        () => act(path('rollback', active), {}, flipped),
      ),
    );
  } else if (offered.promote && ready && !g.verification) {
    action('promote', 'Promote…', 'Makes it what readers see.', 'main', `generation promote ${g.id}`, () =>
      confirm(
        `Promote ${g.id}?`,
        `Readers see ${g.id} instead of ${active}, which stays in step and can be gone back to.`,
        'Promote it',
        () => act(path('promote', g.id), { instead: active }, flipped),
      ),
    );
  }
  if (offered.drop && g.id !== active && g.status === 'following' && !g.verification) {
    action('drop', 'Drop…', 'Takes it out of use for good.', 'danger', `generation drop ${g.id} --yes`, () =>
      confirm(
        `Drop ${g.id}?`,
        'It gets no events any more and its table is removed. The log and the active generation stay as they are.',
        'Drop it',
        () => act(path('drop', g.id), {}, () => `${g.id} is dropped`),
        g.id,
      ),
    );
  }
  return rows.length > 0 && h('ul', { class: 'actions', 'aria-label': `What can be done with ${g.id}` }, rows);
}
