// Reading again and again what may change, without two readings at a time.

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
