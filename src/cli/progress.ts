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
  const bar = newBar(`${task} {bar} {percentage}%`);
  bar.start(total, 0);
  return {step: (by = 1) => bar.increment(by), stop: () => bar.stop()};
}

/** A bar for work that says itself what it does, what share of it is done, 0 to 1, and how long the rest will take, if known. */
export interface TimedProgress {
  show(task: string, done: number, secondsLeft: number): void;
  /** Takes the bar away. */
  stop(): void;
}

export function showTimedProgress(task: string): TimedProgress {
  if (!process.stderr.isTTY) return {show: () => undefined, stop: () => undefined};
  const bar = newBar('{task} {bar} {percentage}%{left}');
  bar.start(1, 0, {task, left: ''});
  return {
    show: (task, done, secondsLeft) =>
      bar.update(done, {task, left: secondsLeft < Infinity ? `, ${minutes(secondsLeft)} left` : ''}),
    stop: () => bar.stop(),
  };
}

function newBar(format: string): SingleBar {
  return new SingleBar({
    stream: process.stderr,
    format,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    clearOnComplete: true,
    // A process that a signal ends leaves the terminal as it was: the cursor stays, and no handler keeps the signal off.
    hideCursor: null,
    gracefulExit: false,
    linewrap: null,
  });
}

/** A time like 1:05. */
function minutes(seconds: number): string {
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
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
