// The live feed: one connection a page, or asking every few seconds where the platform
// has none. Whoever watches gets what changed, and is told when numbers get old.

import { get } from './api.js';
import { patch, h } from './dom.js';
import { time } from './words.js';

const silence = 12_000; // the platform sends a beat every 5 s
const again = 2_000;
const every = 3_000;

/**
 * Watches a platform and calls on.status(view) and on.replays(views) when they change, and
 * on.beat() every few seconds, for what changes without them.
 */
export function watch(on) {
  new Feed(on).begin();
}

class Feed {
  constructor(on) {
    this.on = on;
    this.heard = undefined; // when the platform was last heard
    this.lost = undefined; // since when it is not heard
    this.streams = true;
  }

  begin() {
    document.addEventListener('visibilitychange', () => this.visible());
    this.open();
  }

  // A page that nobody looks at takes no connection and no work.
  visible() {
    if (document.hidden) this.end();
    else this.open();
  }

  end() {
    this.source?.close();
    clearTimeout(this.timer);
    this.source = undefined;
  }

  open() {
    this.end();
    if (document.hidden) return;
    if (!this.streams) {
      this.ask();
      return;
    }
    const source = new EventSource('/live');
    this.source = source;
    this.expect();
    source.onerror = () => {
      if (source !== this.source) return;
      if (source.readyState === EventSource.CLOSED && !this.heard) {
        this.streams = false; // the platform has no such route
        this.ask();
        return;
      }
      this.silent();
    };
    for (const name of ['status', 'replays', 'beat']) {
      source.addEventListener(name, (event) => {
        this.hear();
        this.expect();
        const data = JSON.parse(event.data);
        if (name === 'status') this.on.status?.(data);
        if (name === 'replays') this.on.replays?.(data.replays);
        if (name === 'beat') this.on.beat?.();
      });
    }
  }

  expect() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.silent(), silence);
  }

  async ask() {
    clearTimeout(this.timer);
    try {
      const status = await get('/status');
      this.hear();
      this.on.status?.(status);
      this.on.replays?.(status.replays);
      this.on.beat?.();
    } catch (error) {
      this.lose(error.message);
    }
    if (!document.hidden) this.timer = setTimeout(() => this.ask(), every);
  }

  hear() {
    const was = this.lost;
    this.heard = new Date();
    this.lost = undefined;
    show(false, this.streams ? 'live' : `every ${every / 1000} s`);
    if (was) this.on.back?.();
  }

  silent() {
    this.lose();
    this.source?.close();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), again);
  }

  lose(why) {
    this.lost ??= new Date();
    const old = this.heard ? `; numbers are of ${time(this.heard)}` : '';
    show(true, `reconnecting since ${time(this.lost)}${old}`, why);
  }
}

function show(stale, text, why) {
  document.documentElement.classList.toggle('stale', stale);
  const feed = document.querySelector('#live .feed');
  if (feed.textContent !== text) patch(feed, h('span', { title: why }, text));
  const { dataset } = document.getElementById('live');
  const state = stale ? 'lost' : 'live';
  if (dataset.feed !== state) dataset.feed = state;
}
