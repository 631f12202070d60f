// What would change if a generation became the active one.

import { h } from './dom.js';
import { facts, table } from './parts.js';
import { count, some } from './words.js';

const kinds = {
  'only-old': 'Only in the old one',
  'only-new': 'Only in the new one',
  state: 'Other state',
  parked: 'Other parking',
};

const columns = (...names) => names.map((name) => ({ name }));

const path = (text) => (text === '' ? 'the whole state' : text);

/** The comparison of two generations, as the API gives it. */
export function differences(diff) {
  const found = diff.kinds ?? {};
  return h(
    'div',
    { class: 'diff', key: 'diff' },
    h('p', {}, said(diff)),
    facts(Object.keys(kinds).map((kind) => found[kind] && [kinds[kind], some(found[kind], 'entity', 'entities')])),
    diff.fields && fields(diff),
    diff.samples &&
      table('Entities that differ', columns('Entity', 'Differs in', 'Old', 'New'), diff.samples.flatMap(sample), ''),
  );
}

function said({ old, compared, differing, unsettled, complete }) {
  const all = complete ? '' : ' Not all were looked at.';
  const moving = unsettled ? ` ${some(unsettled, 'entity', 'entities')} stood at different events.` : '';
  if (!differing) return `${some(compared, 'entity was', 'entities were')} compared with ${old}: none differs.${moving}${all}`;
  return `${count(differing)} of ${some(compared, 'entity', 'entities')} differ from ${old}.${moving}${all}`;
}

const fields = (diff) =>
  table(
    'Fields that differ',
    columns('Field', 'Entities'),
    diff.fields.map((one) => row(one.path, path(one.path), count(one.entities))),
    '',
  );

const row = (key, ...cells) =>
  h(
    'tr',
    { key },
    cells.map((cell) => h('td', {}, cell)),
  );

function sample(one) {
  const { entity, kind, changes = [] } = one;
  if (kind === 'only-old') return [row(`${kind} ${entity}`, entity, 'existence', 'there', '–')];
  if (kind === 'only-new') return [row(`${kind} ${entity}`, entity, 'existence', '–', 'there')];
  if (kind === 'parked')
    return [row(`${kind} ${entity}`, entity, 'parking', one.oldParked || '–', one.newParked || '–')];
  return changes.map((change, i) =>
    row(`${entity} ${change.path}`, i ? '' : entity, path(change.path), change.old ?? '–', change.new ?? '–'),
  );
}
