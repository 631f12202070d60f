// Numbers, times and sentences.

const plain = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const full = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZoneName: 'short',
});

export const count = (n) => (n === undefined || n === null ? 'not known' : plain.format(n));

export const some = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;

export function size(n) {
  if (n === undefined || n === null) return 'not known';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let at = 0;
  for (; n >= 1024 && at < units.length - 1; at++) n /= 1024;
  return `${at ? n.toFixed(1) : plain.format(n)} ${units[at]}`;
}

/** Writes milliseconds. */
export function lasting(ms) {
  if (ms === undefined || ms === null) return 'not known';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

export const time = (text) => clock.format(new Date(text));

export const date = (text) => full.format(new Date(text));

/** The same time in UTC, for the title of an element. */
export const utc = (text) => new Date(text).toISOString().replace('T', ' ').replace('Z', ' UTC');

/**
 * The share of a replay that is done, from 0 to 1: reading is one half, taking in what was
 * delivered the other. undefined while its size is unknown.
 */
export function done({ status, progress: { total, read, delivered, consumed } }) {
  if (status === 'SUCCEEDED') return 1;
  if (!total) return undefined;
  const half = Math.min(read / total, 1) / 2;
  return delivered ? half + half * Math.min(consumed / delivered, 1) : half;
}

/** Writes a share; only all is 100 %. */
export function percent(share) {
  if (share === undefined) return '';
  return share >= 1 ? '100 %' : `${Math.min(100 * share, 99.9).toFixed(1)} %`;
}

const quoted = (list) => list.slice(0, 3).join(', ') + (list.length > 3 ? ` and ${list.length - 3} more` : '');

/** Says in words what a replay selects and what for. */
export function selects(input) {
  const parts = [];
  if (input.entities?.length) parts.push(`entities ${quoted(input.entities)}`);
  if (input.prefixes?.length) parts.push(`entities that begin with ${quoted(input.prefixes)}`);
  if (input.types?.length) parts.push(`types ${quoted(input.types)}`);
  if (input.attribute) parts.push(`${input.attribute.name} is ${input.attribute.value}`);
  if (input.from) parts.push(`from ${date(input.from)}`);
  if (input.to) parts.push(`up to ${date(input.to)}`);
  const what = parts.length ? parts.join(', ') : 'the whole log';
  const purpose = input.rebuild ? 'Rebuild from' : 'Playback of';
  if (input.verification) return `${purpose} ${what}, to be verified by ${input.verification} and dropped`;
  const then = input.promote === 'ask' ? ', then ask whether to promote' : input.promote ? ', then promote' : '';
  const effects = input.effects ? ', comparing effects' : '';
  return `${purpose} ${what}${then}${effects}`;
}

const phases = { PLANNED: 'planning', RUNNING: 'reading', DRAINING: 'draining' };

/** Says what a replay is doing. */
export function phase(view) {
  if (view.status === 'PAUSED') return 'paused';
  if (view.status === 'AWAITING_APPROVAL') return 'asking';
  if (view.pausing) return 'pausing';
  if (!phases[view.phase]) return view.status.toLowerCase();
  if (view.proof) return view.input.promote ? 'promoting' : 'finishing';
  return phases[view.phase];
}

const pressures = {
  throttled: 'a store or a stream refuses some of its calls',
  'live-lag': 'live traffic would fall behind',
  'consumer-lag': 'its consumer cannot keep up',
};

/** Says in one sentence why a replay is slow, paused, stalled or failed; '' if it is not. */
export function reason(view) {
  if (view.failure) return `${view.failure.error}: ${view.failure.cause}`;
  if (view.status === 'CANCELLED') return 'Somebody cancelled it; none of its results are active.';
  if (view.pausedBy) return `It pauses by itself: ${view.pausedBy.cause}. Raise the budget, then resume it.`;
  if (view.status === 'PAUSED')
    return 'It is paused: its readers have kept their places, and nothing is done until it is resumed.';
  if (view.status === 'AWAITING_APPROVAL')
    return `It asks whether ${view.generation} may become active, since ${date(view.asked)}: approve or decline.`;
  if (view.pausing) return 'It will pause at the next page of each reader.';
  if (view.pace?.reason) {
    const { reason: why, rate, since } = view.pace;
    return `It is slowed to ${count(rate)} events/s since ${time(since)}, because ${pressures[why] ?? why}.`;
  }
  if (view.waiting) return `It waits for ${view.waiting.for}; nothing has moved since ${time(view.waiting.since)}.`;
  return '';
}

/** Says in words what a replay has proved. */
export function proved(proof) {
  if (!proof)
    return 'Nothing is proved yet. At its end a replay compares what it delivered with the manifests of the log.';
  const { expected, read, selected, applied, differences = [] } = proof;
  if (!proof.complete) {
    const where = differences
      .slice(0, 3)
      .map((d) => `lane ${d.lane}, ${d.what}: ${count(d.want)} wanted, ${count(d.have)} there`)
      .join('; ');
    return `Not complete. ${some(differences.length, 'difference', 'differences')}${where ? `: ${where}` : ''}.`;
  }
  if (proof.scoped) {
    return (
      `Complete: ${count(read.count)} events were read, ${count(selected.count)} selected, and ` +
      `${count(applied.count)} taken in. Single entities have no manifest to be held against.`
    );
  }
  return (
    `Complete: the log's manifests expect ${some(expected.count, 'event', 'events')}, ` +
    `${count(read.count)} were read, ${count(selected.count)} selected, and the consumer took in ` +
    `${count(applied.count)}. Count, bytes and digest agree.`
  );
}

/** Writes an entity id for paths, as the API takes it: base64url without padding. */
export function encode(id) {
  let text = '';
  for (const byte of new TextEncoder().encode(id)) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The consumers of live traffic, among those of a status. */
export const live = (status) => status.consumers.filter((c) => !c.name.includes('playback'));

/** How far the slowest of them is behind, in ms. */
export const lagOf = (status) => Math.max(0, ...live(status).map((c) => c.behindMillis ?? 0));
