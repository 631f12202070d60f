// Answers in order: what was read earlier does not replace what was read later.

/**
 * Returns a function that calls act, one call at a time. Calls that come meanwhile have it
 * called once more: what act read may be older than the reason for a call. The promise is
 * of the call that began after it was asked for.
 */
export function inTurn(act) {
  let last = Promise.resolve();
  let next; // the call that has not begun yet
  const begin = async (before) => {
    await before.catch(() => {}); // also if none runs, so that calls at the same time are one
    next = undefined;
    await act();
  };
  return () => (next ??= last = begin(last));
}

/**
 * Tells whether an answer may be older than what the feed has told. An answer that is
 * dropped is no loss: the feed tells of every later change.
 */
export class Newest {
  #told = 0;

  /** The feed has told something. */
  told() {
    this.#told += 1;
  }

  /** Returns an answer, or undefined if the feed has told something since it was asked for. */
  async of(answer) {
    const before = this.#told;
    const value = await answer;
    return before === this.#told ? value : undefined;
  }
}
