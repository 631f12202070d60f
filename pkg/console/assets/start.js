// The form that starts a replay, made from the JSON schema of its input.

import { get, missing, post } from './api.js';
import { h, patch, say } from './dom.js';
import { command } from './parts.js';
import { count, lasting, size } from './words.js';

// The parts of the form. What a schema has beside them comes last.
const parts = [
  ['What for', ['rebuild', 'promote', 'target']],
  ['Which events', ['from', 'to', 'types', 'entities', 'prefixes', 'attribute']],
  ['How', ['ordering', 'slice', 'parallelism', 'rate', 'budget']],
];

const patience = 250; // before a plan is asked for again

export class StartForm {
  constructor() {
    this.open = location.hash === '#start';
    this.values = new Map();
    this.asked = 0;
    this.name = newName();
  }

  opener() {
    return h(
      'button',
      {
        type: 'button',
        class: 'main',
        'aria-expanded': String(this.open),
        'aria-controls': 'start',
        onclick: () => this.toggle(),
      },
      'Start a replay',
    );
  }

  toggle() {
    this.open = !this.open;
    this.draw();
    if (this.open) document.querySelector('#start input')?.focus();
  }

  card() {
    this.element ??= h('section', { class: 'card start', id: 'start', key: 'start' });
    this.draw();
    return this.element; // the same each time, so that nobody's typing is disturbed
  }

  draw() {
    this.element.hidden = !this.open;
    document.querySelector('[aria-controls=start]')?.setAttribute('aria-expanded', String(this.open));
    if (!this.open || this.drawn) return;
    this.drawn = true;
    this.load();
  }

  async load() {
    try {
      this.schema = await get('/input-schema');
    } catch (error) {
      patch(this.element, h('p', { class: 'problem', role: 'alert' }, error.message));
      this.drawn = false;
      return;
    }
    this.plan = h('div', { class: 'plan', 'aria-live': 'polite' });
    this.send = h('button', { class: 'main', disabled: true }, 'Start');
    this.element.replaceChildren(
      h('h2', {}, 'Start a replay'),
      h(
        'form',
        { novalidate: true, onsubmit: (event) => this.submit(event), oninput: () => this.changed() },
        this.parts(),
        this.plan,
        h('p', { class: 'row end' }, this.send),
      ),
    );
    this.changed();
    this.element.querySelector('input').focus();
  }

  parts() {
    const all = this.schema.properties;
    const placed = new Set(['dryRun', 'verification', ...parts.flatMap(([, names]) => names)]);
    return [...parts, ['More', Object.keys(all).filter((name) => !placed.has(name))]].map(([title, names], i) => {
      const fields = names.filter((name) => all[name]).map((name) => this.field(name, all[name]));
      if (i === 0) fields.unshift(this.named());
      return fields.length > 0 && h('fieldset', {}, h('legend', {}, title), h('div', { class: 'fields' }, fields));
    });
  }

  named() {
    return field(
      'name',
      'Name',
      'Names the replay for good: letters, digits, - and _.',
      h('input', {
        id: 'in-name',
        name: 'name',
        value: this.name,
        autocomplete: 'off',
        spellcheck: 'false',
        'aria-describedby': 'about-name',
      }),
    );
  }

  field(name, of) {
    const props = {
      id: `in-${name}`,
      name,
      'aria-describedby': `about-${name}`,
      autocomplete: 'off',
      spellcheck: 'false',
    };
    const kind = of.enum ? 'enum' : (of.type ?? (of.$ref?.endsWith('/time') ? 'time' : 'string'));
    const title = of.title ?? name;
    if (kind === 'boolean') {
      return h(
        'div',
        { class: 'field check' },
        h('input', { ...props, type: 'checkbox' }),
        h('label', { for: props.id }, title),
        h('p', { class: 'sub', id: `about-${name}` }, of.description),
      );
    }
    const hint = of.examples ? JSON.stringify(of.examples[0]).replace(/^"|"$/g, '') : undefined;
    switch (kind) {
      case 'enum':
        return field(
          name,
          title,
          of.description,
          h(
            'select',
            props,
            choices(of).map((value) => h('option', { value, selected: value === absent(of) }, value)),
          ),
        );
      case 'integer':
        return field(
          name,
          title,
          of.description,
          h('input', { ...props, inputmode: 'numeric', placeholder: of.default }),
        );
      case 'array':
        return field(name, title, `${of.description} One a line.`, h('textarea', { ...props, rows: 2 }));
      case 'object':
        return field(
          name,
          title,
          of.description,
          h('input', { ...props, placeholder: of.properties.dollars ? '2.50usd' : 'name=value' }),
        );
      default:
        return field(name, title, of.description, h('input', { ...props, placeholder: hint }));
    }
  }

  /** The input that the fields describe; a field that is left empty is absent. */
  input() {
    const input = {};
    for (const [name, of] of Object.entries(this.schema.properties)) {
      const field = this.element.querySelector(`[name="${name}"]`);
      if (!field) continue;
      const text = field.value.trim();
      if (of.type === 'boolean') {
        if (field.checked) input[name] = true;
      } else if (text === '' || (of.enum && text === absent(of))) {
        continue;
      } else if (of.type === 'integer') {
        input[name] = /^\d+$/.test(text) ? Number(text) : text;
      } else if (of.type === 'array') {
        input[name] = text
          .split('\n')
          .map((line) => line.trim())
          .filter(Boolean);
      } else if (of.type === 'object' && of.properties.dollars) {
        input[name] = amount(text);
      } else if (of.type === 'object') {
        const at = text.indexOf('=');
        input[name] = at < 0 ? { name: text } : { name: text.slice(0, at), value: text.slice(at + 1) };
      } else {
        input[name] = text;
      }
    }
    return input;
  }

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.forecast(), patience);
  }

  // The platform itself judges the input: the form has no rules of its own.
  async forecast() {
    const asked = ++this.asked;
    const name = this.element.querySelector('[name=name]').value.trim();
    const input = this.input();
    try {
      const plan = await post('/plans', { name, input });
      if (asked === this.asked) this.accept(planned(plan), name, input);
    } catch (error) {
      if (asked !== this.asked) return;
      if (missing(error)) this.accept(undefined, name, input);
      else this.refuse(error.message);
    }
  }

  accept(plan, name, input) {
    this.send.disabled = false;
    patch(this.plan, plan, command(`replay start ${flags(input)}--name ${name}`));
  }

  refuse(text) {
    this.send.disabled = true;
    patch(this.plan, h('p', { class: 'problem' }, text));
  }

  async submit(event) {
    event.preventDefault();
    if (this.send.disabled) return;
    this.send.disabled = true;
    try {
      const view = await post('/replays', {
        name: this.element.querySelector('[name=name]').value.trim(),
        input: this.input(),
      });
      say(`${view.id} is started`);
      location.assign(`/console/replays/${encodeURIComponent(view.id)}`);
    } catch (error) {
      this.refuse(error.message);
    }
  }
}

/** The words among the values of a member; true and false mean the same as some of them. */
const choices = (of) => of.enum.filter((value) => typeof value === 'string');

/** The choice that stands for no value. */
const absent = (of) => (typeof of.default === 'string' ? of.default : choices(of)[0]);

const field = (name, title, about, input) =>
  h(
    'div',
    { class: 'field' },
    h('label', { for: `in-${name}` }, title),
    input,
    h('p', { class: 'sub', id: `about-${name}` }, about),
  );

function planned(plan) {
  const range = (r, write) =>
    r.atMost === null
      ? `at least ${write(r.atLeast)}`
      : r.atLeast === r.atMost
        ? write(r.atMost)
        : `${write(r.atLeast)} to ${write(r.atMost)}`;
  const time = range(plan.duration, (seconds) => lasting(seconds * 1000));
  const money = plan.cost && range(plan.cost.dollars, (d) => `$${d.toFixed(4)}`);
  return h(
    'dl',
    { class: 'facts roomy' },
    fact('Events to read', range(plan.read, count)),
    fact('Size, at most', size(plan.bytes)),
    fact('Lane groups × slices', `${count(plan.groups)} × ${count(plan.slices)}`),
    fact('Readers', count(plan.readers)),
    fact('Expected time', time, plan.duration.basis),
    fact('Expected price', money ?? 'nothing is charged here'),
  );
}

const fact = (name, value, hint) =>
  h('div', {}, h('dt', {}, name), h('dd', {}, value, hint && h('span', { class: 'sub' }, hint)));

/** Reads an amount as the command line takes it; the platform refuses what is none. */
function amount(text) {
  const [, number, unit] = /^(\d+\.?\d*)(usd|ru)$/.exec(text) ?? [];
  if (unit === 'usd') return { dollars: Number(number) };
  return unit ? { readUnits: Number(number) } : text;
}

const flag = (name, value) =>
  `--${name} ${/^[\w.:@%+=,/-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`} `;

function flags(input) {
  const single = {
    types: 'type',
    entities: 'entity',
    prefixes: 'prefix',
    toleratedFailures: 'tolerated-failures',
  };
  return Object.entries(input)
    .map(([name, value]) => {
      if (value === true) return `--${name} `;
      if (name === 'promote') return value === 'auto' ? '--promote ' : `--promote=${value} `;
      if (Array.isArray(value)) return value.map((one) => flag(single[name] ?? name, one)).join('');
      if (value.dollars) return flag(name, `${value.dollars}usd`);
      if (value.readUnits) return flag(name, `${value.readUnits}ru`);
      if (typeof value === 'object') return flag(name, `${value.name}=${value.value}`);
      return flag(single[name] ?? name, String(value));
    })
    .join('');
}

function newName() {
  const at = new Date().toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-');
  return `replay-${at}`;
}
