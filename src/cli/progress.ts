/** Progress on a terminal's stderr; nothing where stderr is no terminal. */
import {SingleBar} from 'cli-progress';
import pc from 'picocolors';

/** A bar that is filled step by step. */
export interface Progress {
  step(by?: number): void;
  /** Takes the bar away. */
  stop(): void;
}

export function showProgress(task: string, total: number): Progress {
  if (!process.stderr.isTTY) return {step: () => undefined, stop: () => undefined};
  const bar = new SingleBar({
    stream: process.stderr,
    format: `${task} {bar} {percentage}%`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    clearOnComplete: true,
    // A process that a signal ends leaves the terminal as it was: the cursor stays, and no handler keeps the signal off.
    hideCursor: null,
    gracefulExit: false,
    linewrap: null,
  });
  bar.start(total, 0);
  return {step: (by = 1) => bar.increment(by), stop: () => bar.stop()};
}

/** Says on a terminal what is going on while nothing can be counted. */
export async function whileSaying<T>(task: string, action: () => T | Promise<T>): Promise<T> {
  const {stderr} = process;
  if (!stderr.isTTY) return action();
  stderr.write(pc.dim(`${task} ...`));
  try {
    return await action();
  } finally {
    stderr.cursorTo(0);
    stderr.clearLine(0);
  }
}
