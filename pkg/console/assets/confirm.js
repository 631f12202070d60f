// What asks before something is done that cannot be undone.

import { h } from './dom.js';

/**
 * A dialog that says what will be done, and does it if it is confirmed; word has to be
 * typed for that, unless it is undefined.
 */
export function confirm(title, text, yes, act, word) {
  const press = h(
    'button',
    {
      type: 'button',
      class: 'danger',
      disabled: word !== undefined,
      onclick: () => {
        box.close();
        act();
      },
    },
    yes,
  );
  const box = h(
    'dialog',
    { class: 'ask', 'aria-labelledby': 'asked' },
    h('h2', { id: 'asked' }, title),
    h('p', {}, text),
    word !== undefined && [
      h('label', { for: 'typed' }, `Type ${word} to confirm`),
      h('input', {
        id: 'typed',
        autocomplete: 'off',
        spellcheck: 'false',
        oninput: (event) => {
          press.disabled = event.target.value !== word;
        },
      }),
    ],
    h(
      'p',
      { class: 'row end' },
      h('button', { type: 'button', onclick: () => box.close() }, 'Leave it as it is'),
      press,
    ),
  );
  box.addEventListener('close', () => box.remove());
  document.body.append(box);
  box.showModal();
}
