// The part of a long list that is shown: so many rows at a time, however long it is.

import { h } from './dom.js';
import { count } from './words.js';

/** A window over a list; redraw is called when it moves. */
export class Pager {
  constructor(size, redraw) {
    this.size = size;
    this.redraw = redraw;
    this.from = 0;
  }

  /** The rows that are shown. */
  of(list) {
    if (this.from >= list.length) this.from = Math.max(0, Math.floor((list.length - 1) / this.size) * this.size);
    return list.slice(this.from, this.from + this.size);
  }

  turn(to) {
    this.from = Math.max(0, to);
    this.redraw();
  }

  /**
   * What leads to the other parts, undefined if there are none. further() fetches more
   * behind the end of the list.
   */
  controls(total, what, further) {
    if (total <= this.size && !further) return undefined;
    const end = Math.floor((total - 1) / this.size) * this.size;
    const last = this.from >= end;
    const button = (name, off, press) =>
      h('button', { type: 'button', disabled: off, onclick: press }, name);
    const next = async () => {
      if (last && further) await further();
      if (!last || total < this.from + this.size + 1) this.turn(this.from + this.size);
    };
    return h(
      'nav',
      { class: 'row pager', 'aria-label': `Parts of ${what}` },
      button('First', this.from === 0, () => this.turn(0)),
      button('Previous', this.from === 0, () => this.turn(this.from - this.size)),
      button('Next', last && !further, next),
      button('Last', last, () => this.turn(end)),
      h(
        'span',
        { class: 'sub', role: 'status' },
        `${count(Math.min(this.from + 1, total))} to ${count(Math.min(this.from + this.size, total))} of ` +
          `${count(total)}${further ? ' or more' : ''} ${what}`,
      ),
    );
  }
}
