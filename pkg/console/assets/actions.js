// What an operator can do with a replay.

import { confirm } from './confirm.js';
import { h } from './dom.js';
import { command } from './parts.js';
import { count } from './words.js';

/**
 * What can be done with a replay now, each with the command that does the same; act(path,
 * done, body) asks for it.
 */
export function actions(view, offered, act) {
  const rows = [];
  const action = (name, title, about, kind, press, line = `replay ${name} ${view.id}`) =>
    rows.push(
      h(
        'li',
        { key: name, class: 'action' },
        h('button', { type: 'button', class: kind, onclick: press }, title),
        h('span', { class: 'sub' }, about),
        command(line),
      ),
    );
  const lost = view.generation
    ? `Its unfinished generation ${view.generation} is dropped and never becomes active. `
    : '';
  const running = !view.ended && !view.promoted;
  const asks = view.status === 'AWAITING_APPROVAL';
  if (asks && offered.promote) {
    const path = `/generations/${encodeURIComponent(view.generation)}/promote`;
    action(
      'approve',
      'Approve…',
      `Makes ${view.generation} what readers see.`,
      'main',
      () =>
        confirm(
          `Promote ${view.generation}?`,
          'Readers see it from then on. The generation that is active now stays in step and can be gone back to.',
          'Approve',
          () => act(path, 'It is approved', {}),
        ),
      `generation promote ${view.generation}`,
    );
  }
  if (running && offered.pause && view.status !== 'PAUSED' && !view.pausing && !asks) {
    action('pause', 'Pause', 'Readers stop at their next page and keep their places.', 'main', () =>
      act('pause', 'It will pause'),
    );
  }
  if (running && offered.resume && (view.status === 'PAUSED' || view.pausing)) {
    action('resume', 'Resume', 'Goes on from where the readers stopped.', 'main', () =>
      act('resume', 'It goes on'),
    );
  }
  if (view.status === 'FAILED' && offered.continue) {
    action('continue', 'Continue', 'Goes on from the checkpoints, in a new execution.', 'main', () =>
      act('continue', 'It goes on'),
    );
  }
  if (running && offered.rate) rows.push(setRate(view, act));
  if (running) {
    const about = asks
      ? 'Declines: its generation never becomes active.'
      : 'Stops it for good and drops what it has built.';
    action('cancel', 'Cancel…', about, 'danger', () =>
      confirm(
        `Cancel ${view.id}?`,
        `It stops for good. ${lost}` + 'The log and the active generation stay as they are.',
        'Cancel the replay',
        () => act('cancel', 'It is cancelled'),
      ),
    );
  }
  return rows.length > 0 && h('ul', { class: 'actions', key: 'actions', 'aria-label': 'What can be done' }, rows);
}

// The rate can be set while it runs; what somebody types stays through updates.
function setRate(view, act) {
  const asked = view.pace?.limit ?? view.input.rate ?? 0;
  return h(
    'li',
    { key: 'rate', class: 'action' },
    h(
      'form',
      {
        class: 'rate',
        onsubmit: (event) => {
          event.preventDefault();
          const rate = Number(event.target.elements.rate.value);
          if (Number.isInteger(rate) && rate >= 0)
            act('rate', rate ? `At most ${count(rate)} events a second` : 'No limit', { rate });
          event.target.reset();
        },
      },
      h('button', {}, 'Set rate'),
      h('input', {
        id: 'rate',
        name: 'rate',
        inputmode: 'numeric',
        placeholder: String(asked),
        required: true,
        pattern: '[0-9]{1,8}',
        autocomplete: 'off',
        'aria-label': 'Events a second',
      }),
    ),
    h('span', { class: 'sub' }, 'Events a second over all readers; 0 lifts the limit.'),
    command(`replay set-rate ${view.id} N`),
  );
}
