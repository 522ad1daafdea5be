// Workers for tests of the thread pool in Node: good ones, and ones that fail in every way that there is.
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {resolve} from 'node:path';
import {Worker} from 'node:worker_threads';
import {Control} from '../../kernels/control';

/** What dist/worker.js is a copy of. */
export const WORKER_SOURCE = readFileSync(resolve(__dirname, '../../src/runtime/worker.js'), 'utf8');

/**
 * Answers to the start and then runs `life` with the order in `order` and the heap as `words`; `leave` ends the worker. In
 * Node and in pages.
 */
function impostor(life: string): string {
  return `
    const port = typeof require === 'function' ? require('node:worker_threads').parentPort : null;
    const leave = port ? () => process.exit() : () => close();
    let memory;
    const hear = (message) => {
      if (message.module) {
        memory = message.memory;
        (port ?? globalThis).postMessage({ready: true});
        return;
      }
      const order = message;
      const words = new Int32Array(memory.buffer);
      ${life}
    };
    if (port) port.on('message', hear);
    else addEventListener('message', ({data}) => hear(data));`;
}

/**
 * Claims a unit as kernels/threads.ts does, and does not compute it.
 *
 * @param skip so many tasks are left alone first
 */
function claimUnit(skip = 0): string {
  return `
    const at = (offset) => (order.control + offset) >> 2;
    const ranges = new BigUint64Array(memory.buffer, order.control + ${Control.firstRange});
    const claimFrom = (i) => {
      const range = Atomics.load(ranges, i * ${Control.rangeBytes / 8});
      if ((range & 0xffffn) >= ((range >> 16n) & 0xffffn)) return false;
      return Atomics.compareExchange(ranges, i * ${Control.rangeBytes / 8}, range, range - 0x10000n) === range;
    };
    const first = Atomics.load(words, at(${Control.epoch}));
    Atomics.add(words, at(${Control.started}), 1);
    for (let claimed = false; !claimed; ) {
      if (Atomics.load(words, at(${Control.epoch})) - first <= ${skip}) continue;
      const count = Atomics.load(words, at(${Control.ranges}));
      for (let i = 0; i < count && !claimed; i++) claimed = claimFrom(i);
    }`;
}

/** The real worker, whose kernels throw in the middle of a unit. */
function throwsInKernel(skip: number): string {
  return `
    WebAssembly.Instance = function (module, {env: {memory}}) {
      this.exports = {
        work(control) {
          const order = {control};
          const words = new Int32Array(memory.buffer);
          ${claimUnit(skip)}
          throw new Error('unreachable');
        },
      };
    };
    ${WORKER_SOURCE}`;
}

/** Scripts of workers by what they do. */
export const SCRIPTS = {
  good: WORKER_SOURCE,
  throwsAtLoad: "throw new Error('no such luck')",
  exitsAtLoad: 'process.exit(3)',
  neverAnswers: "require('node:worker_threads').parentPort.on('message', () => undefined)",
  answersWithAnError: `
    const {parentPort} = require('node:worker_threads');
    parentPort.on('message', () => parentPort.postMessage({error: 'RangeError: out of memory'}));`,
  /** Enters the kernels, takes nothing and ends. */
  leaves: impostor(`Atomics.add(words, (order.control + ${Control.started}) >> 2, 1); leave();`),
  /** Takes a unit to its grave. */
  dies: impostor(`${claimUnit()} leave();`),
  /** Takes a unit and never gives it back. */
  loops: impostor(`${claimUnit()} for (;;);`),
  throwsInTask1: throwsInKernel(0),
  throwsInTask2: throwsInKernel(1),
  throwsInTask3: throwsInKernel(2),
  throwsInTask4: throwsInKernel(3),
  throwsInTask5: throwsInKernel(4),
  // The first two inferences of a small network have fewer tasks than this.
  throwsInTask60: throwsInKernel(59),
  diesInTask60: impostor(`${claimUnit(59)} leave();`),
  loopsInTask60: impostor(`${claimUnit(59)} for (;;);`),
} as const;

export type Script = keyof typeof SCRIPTS;

/** A `workerFactory`, and the workers that it has made. */
export interface RecordedFactory {
  (): Worker;
  readonly workers: Worker[];
  /** Those that have not ended. */
  readonly running: number;
}

/**
 * A factory of workers that run the given scripts in turn, the last of them for all that follow.
 */
export function workersThat(...scripts: Script[]): RecordedFactory {
  const workers: Worker[] = [];
  const state = {running: 0};
  const factory = () => {
    const worker = new Worker(SCRIPTS[scripts[Math.min(workers.length, scripts.length - 1)]], {eval: true});
    state.running++;
    worker.on('exit', () => state.running--);
    worker.on('error', () => undefined); // is heard by the pool too
    workers.push(worker);
    return worker;
  };
  return Object.defineProperties(factory, {
    workers: {value: workers},
    running: {get: () => state.running},
  }) as unknown as RecordedFactory;
}

/** Resolves when a condition holds. */
export async function until(condition: () => boolean, what: string, seconds = 20): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** Ends a worker and resolves when it is gone. */
export async function kill(worker: Worker): Promise<void> {
  const gone = once(worker, 'exit');
  await worker.terminate();
  await gone;
}
