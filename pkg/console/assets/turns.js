// Answers in order: what was read earlier does not replace what was read later.

/**
 * Returns a function that calls act, one call at a time. A call that comes meanwhile has
 * it called once more at the end: what act read may be older than the reason for the call.
 */
export function inTurn(act) {
  let running;
  let again = false;
  const run = async () => {
    try {
      do {
        await undefined; // so that calls at the same time are one
        again = false;
        await act();
      } while (again);
    } finally {
      running = undefined;
    }
  };
  return () => {
    if (running) again = true;
    return (running ??= run());
  };
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
