// Numbers that never fall on the screen: readers that begin lanes anew count from where
// they begin, and what was read once was read.

const counts = ['read', 'filtered', 'delivered', 'consumed', 'applied', 'duplicates', 'parked'];

/** Remembers the highest value of each number of a replay's progress. */
export class Highest {
  constructor() {
    this.most = new Map();
  }

  of(name, value) {
    if (!Number.isFinite(value)) return this.most.get(name);
    const most = Math.max(this.most.get(name) ?? value, value);
    this.most.set(name, most);
    return most;
  }

  counts(of, from) {
    const { consumed = 0, filtered = 0 } = from;
    // Places are stored after the delivery, so a consumer may be ahead of what they say.
    const delivered = Math.max(from.delivered ?? 0, consumed);
    const all = { ...from, delivered, read: Math.max(from.read ?? 0, delivered + filtered) };
    return Object.fromEntries(counts.map((name) => [name, this.of(`${of}/${name}`, all[name] ?? 0)]));
  }

  /** A copy of a replay's progress in which no number is lower than it was. */
  raise(detail) {
    return {
      ...detail,
      ...this.counts('', detail),
      percent: this.of('percent', detail.percent),
      groups: detail.groups.map((group) => ({
        ...group,
        ...this.counts(group.group, group),
        done: Boolean(this.of(`${group.group}/done`, Number(group.done))),
        slice: group.done ? group.slice : this.of(`${group.group}/slice`, group.slice),
      })),
    };
  }
}

/** The share of a group that is done, from 0 to 1: reading is a half, taking in the other. */
export function share(group) {
  if (group.done && group.consumed >= group.delivered) return 1;
  const read = group.done ? 1 : group.total ? Math.min(group.read / group.total, 1) : 0;
  const taken = group.delivered ? Math.min(group.consumed / group.delivered, 1) : Number(group.done);
  return Math.min((read + read * taken) / 2, 0.999);
}
