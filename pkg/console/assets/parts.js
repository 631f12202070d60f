// The small parts that pages share.

import { h, s, say } from './dom.js';
import { count, date, done, percent, selects, time, utc } from './words.js';

/** A state: a shape, a word, and a colour. */
export const state = (word, shown) => h('span', { class: `state ${word.toLowerCase()}` }, shown ?? word);

export function stateOf(view) {
  if (view.status === 'AWAITING_APPROVAL') return state('paused', 'ASKING');
  return view.pausing ? state('pausing', 'PAUSING') : state(view.status);
}

/** A time, local with its zone; the title has it in UTC. */
export const moment = (text, short) =>
  text
    ? h(
        'time',
        { datetime: text, title: `${short ? `${date(text)} · ` : ''}${utc(text)}` },
        short ? time(text) : date(text),
      )
    : '–';

export function bar(view) {
  const share = done(view);
  const shown = percent(share);
  return h(
    'span',
    { class: 'bar-cell' },
    h(
      'progress',
      { max: 100, value: share === undefined ? undefined : 100 * share, 'aria-label': 'Part that is done' },
      shown,
    ),
    h('span', { class: 'num' }, shown),
  );
}

export const card = (title, props, ...children) =>
  h('section', { class: 'card', ...props }, h('h2', {}, title), ...children);

export const facts = (pairs) =>
  h(
    'dl',
    { class: 'facts' },
    pairs
      .filter(Boolean)
      .map(([name, value, hint]) =>
        h('div', { key: name }, h('dt', {}, name), h('dd', {}, value, hint && h('span', { class: 'sub' }, hint))),
      ),
  );

export function table(caption, columns, rows, empty) {
  if (!rows.length) return h('p', { class: 'quiet' }, empty);
  return h(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h('caption', { class: 'unseen' }, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          columns.map((c) => h('th', { scope: 'col', class: c.class }, c.name)),
        ),
      ),
      h('tbody', {}, rows),
    ),
  );
}

// Where commands look for a platform by themselves.
const usual = 'http://127.0.0.1:8787';

/** The command that does the same, to copy. */
export function command(text) {
  const flags = document.body.dataset.flags || (location.origin === usual ? '' : `--endpoint ${location.origin}`);
  const whole = `reprise ${text}${flags ? ` ${flags}` : ''}`;
  return h(
    'span',
    { class: 'command' },
    h('code', {}, whole),
    h(
      'button',
      {
        type: 'button',
        class: 'copy',
        title: 'Copy this command',
        'aria-label': `Copy: ${whole}`,
        onclick: async (event) => {
          const button = event.currentTarget;
          try {
            await navigator.clipboard.writeText(whole);
          } catch {
            getSelection().selectAllChildren(button.previousElementSibling);
            say('The command is selected: copy it with the keyboard');
            return;
          }
          say('Copied');
          button.classList.add('done');
          setTimeout(() => button.classList.remove('done'), 1500);
        },
      },
      copyMark(),
    ),
  );
}

const copyMark = () =>
  s(
    'svg',
    { viewBox: '0 0 16 16', 'aria-hidden': 'true' },
    s('rect', { x: 5.5, y: 5.5, width: 8, height: 8, rx: 1.5 }),
    s('path', { d: 'M10.5 3.5v-1h-8v8h1' }),
  );

/** A row of the list of replays. */
export function replayRow(view, rate) {
  const link = `/console/replays/${encodeURIComponent(view.id)}`;
  return h(
    'tr',
    { key: view.id },
    h('th', { scope: 'row' }, h('a', { href: link }, view.id), h('span', { class: 'sub' }, selects(view.input))),
    h('td', {}, stateOf(view)),
    h('td', {}, bar(view)),
    h('td', { class: 'num wide' }, rate ?? count(view.progress.total)),
    h('td', { class: 'wide' }, moment(view.created)),
  );
}
