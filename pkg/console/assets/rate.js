// How a replay went over time: what the platform has kept of it, and what the page sees.

import { count } from './words.js';

const most = 900;
const apart = 200; // ms between two samples
const least = 1000; // ms that a present rate is of, since events come in records

const pressures = { throttled: 'throttled', 'live-lag': 'live traffic lags', 'consumer-lag': 'its consumer lags' };

/** Samples of a replay's progress; without a platform that keeps them they outlast a reload. */
export class Samples {
  constructor(id) {
    this.key = `reprise.samples.${id}`;
    this.kept = false; // whether the platform keeps samples
    try {
      this.all = JSON.parse(sessionStorage.getItem(this.key)) ?? [];
    } catch {
      this.all = [];
    }
  }

  /** Takes what the platform has kept in place of what this page has seen. */
  take(samples) {
    this.kept = true;
    const last = samples.length ? new Date(samples.at(-1).at).getTime() : 0;
    this.all = [
      ...samples.map((s) => ({
        at: new Date(s.at).getTime(),
        read: s.read,
        consumed: s.consumed,
        lag: s.lagMillis,
        status: s.status,
        limit: s.limit,
        reason: s.reason ?? '',
      })),
      ...this.all.filter((s) => s.at >= last + apart),
    ];
  }

  add(view, lag, at = Date.now()) {
    const { read, consumed } = view.progress;
    const last = this.all.at(-1);
    if (last && (at - last.at < apart || last.status === view.status) && view.ended) return;
    if (last && at - last.at < apart) return;
    this.all.push({
      at: view.ended ? Math.max(new Date(view.ended).getTime(), (last?.at ?? 0) + 1) : at,
      read: Math.max(read, last?.read ?? 0),
      consumed: Math.max(consumed, last?.consumed ?? 0),
      lag: lag ?? null,
      status: view.status,
      limit: view.pace?.limit ?? 0,
      reason: view.pace?.reason ?? '',
    });
    // Old samples get thinner, so that the chart always reaches back to the start.
    if (this.all.length > most) {
      this.all = this.all.filter((s, i) => i % 2 === 0 || i > most / 2 || changed(this.all[i - 1], s));
    }
    if (this.kept) return;
    try {
      sessionStorage.setItem(this.key, JSON.stringify(this.all));
    } catch {
      // without room, the chart begins with the page
    }
  }

  /** What was done to it, and what slowed it. */
  marks() {
    return this.all.flatMap((sample, i) => {
      const text = i > 0 && changed(this.all[i - 1], sample);
      return text ? [{ at: sample.at, text, bad: sample.status === 'FAILED' }] : [];
    });
  }

  /** Events read a second between each sample and the one before. */
  series() {
    return this.all.slice(1).map((sample, i) => {
      const before = this.all[i];
      const seconds = (sample.at - before.at) / 1000;
      return {
        at: sample.at,
        from: before.at,
        value: seconds > 0 ? Math.max(sample.read - before.read, 0) / seconds : 0,
        lag: sample.lag,
      };
    });
  }

  /** Events read a second, lately; undefined while unknown. */
  now() {
    const last = this.all.at(-1);
    const stood = this.all.findLastIndex((sample) => sample.status === 'PAUSED');
    const first = this.all.find((sample, i) => i >= stood && sample.at >= last.at - 10_000);
    return first && last.at >= first.at + least ? ((last.read - first.read) * 1000) / (last.at - first.at) : undefined;
  }
}

/** Says what changed between two samples, '' if nothing did. */
function changed(before, now) {
  if (before.status !== now.status) {
    if (now.status === 'PAUSED') return 'paused';
    if (before.status === 'PAUSED' && now.status === 'RUNNING') return 'resumed';
    return before.status === 'FAILED' && now.status === 'RUNNING' ? 'continued' : now.status.toLowerCase();
  }
  if (now.status !== 'RUNNING') return '';
  if (before.limit !== now.limit) return now.limit ? `limit ${count(now.limit)} events/s` : 'limit lifted';
  if (before.reason !== now.reason) return now.reason ? `slowed: ${pressures[now.reason] ?? now.reason}` : 'not slowed';
  return '';
}
