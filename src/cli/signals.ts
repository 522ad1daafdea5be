/** Signals that end a process, and what is to be done before. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `action` when the first of them comes; a second one ends the process.
 *
 * @returns a function that stops listening
 */
export function listenForSignals(action: (signal: NodeJS.Signals) => void): () => void {
  const listener = (signal: NodeJS.Signals) => {
    stop();
    action(signal);
  };
  const stop = () => SIGNALS.forEach((signal) => process.off(signal, listener));
  SIGNALS.forEach((signal) => process.on(signal, listener));
  return stop;
}

/** Ends the process by a signal as if nobody had listened. */
export const endBy = (signal: NodeJS.Signals): void => void process.kill(process.pid, signal);

/** Runs what can be aborted; a signal aborts it, and ends the process when it has ended. */
export async function abortable<T>(action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const stop = listenForSignals((signal) => {
    received = signal;
    controller.abort(new Error(`ended by ${signal}`));
  });
  try {
    return await action(controller.signal);
  } finally {
    stop();
    if (received) endBy(received);
  }
}
