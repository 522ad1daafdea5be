// Starting workers, in pages and in Node.
import {workerSource} from './generated/workerSource';

/** What we need of a worker; both a page's `Worker` and that of `node:worker_threads` have it. */
export interface WorkerLike {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  terminate(): unknown;
  addEventListener?(type: string, listener: (event: {data?: unknown; message?: string}) => void): void;
  on?(type: string, listener: (argument: unknown) => void): unknown;
  ref?(): void;
  unref?(): void;
}

/** Makes a worker that runs this package's `worker.js`. */
export type WorkerFactory = () => WorkerLike;

/** A worker that has answered to the message that it was started with. */
export interface StartedWorker {
  readonly alive: boolean;
  send(message: object, transfer?: ArrayBuffer[]): void;
  /** Hears its messages. */
  onMessage: (message: unknown) => void;
  /** Whether it keeps a Node process from ending, at first not. */
  hold(holds: boolean): void;
  terminate(): void;
  /** Called once when it ends without having been told to. */
  onDeath: (reason: string) => void;
}

/** Loading a script and instantiating a module takes milliseconds. */
const START_MILLISECONDS = 10_000;

interface NodeWorkers {
  Worker: new (source: string, options: {eval: boolean; execArgv: string[]}) => WorkerLike;
}

/**
 * Starts one worker.
 *
 * @param factory null for one of our own, from a blob in a page
 * @param greeting answered by `{ready: true}`
 * @param source the script of our own
 * @throws Error saying why it did not start
 */
export async function startWorker(
  factory: WorkerFactory | null,
  greeting: object,
  source = workerSource,
): Promise<StartedWorker> {
  const {worker, release} = factory ? {worker: factory(), release: () => undefined} : await ownWorker(source);

  const started = new HostedWorker(worker);
  worker.unref?.(); // after the listeners, which hold it: a Node script ends when its own work is done
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const seconds = START_MILLISECONDS / 1000;
      timer = setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), START_MILLISECONDS);
      started.onReady = resolve;
      started.onDeath = (reason) => reject(new Error(reason));
      worker.postMessage(greeting);
    });
  } catch (error) {
    started.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
    release();
  }
  return started;
}

/** Whether this thread may sleep on shared memory: a page's main thread may not. */
export function mayBlock(): boolean {
  if (blocking === undefined) {
    try {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0);
      blocking = true;
    } catch {
      blocking = false;
    }
  }
  return blocking;
}

let blocking: boolean | undefined;

class HostedWorker implements StartedWorker {
  alive = true;
  onDeath: (reason: string) => void = () => undefined;
  onReady: () => void = () => undefined;
  onMessage: (message: unknown) => void = () => undefined;

  constructor(private readonly worker: WorkerLike) {
    const hear = (message: unknown) => {
      const {ready, error} = message as {ready?: boolean; error?: string};
      if (ready) this.onReady();
      else if (error !== undefined) this.end(error);
      else this.onMessage(message);
    };
    if (worker.on) {
      worker.on('message', hear);
      worker.on('error', (error) => this.end(error instanceof Error ? error.message : String(error)));
      worker.on('exit', (code) => this.end(`exit code ${code as number}`));
    } else {
      worker.addEventListener?.('message', ({data}) => hear(data));
      worker.addEventListener?.('error', ({message}) => this.end(message || 'its script did not load or was blocked'));
    }
  }

  send(message: object, transfer?: ArrayBuffer[]): void {
    this.worker.postMessage(message, transfer);
  }

  hold(holds: boolean): void {
    if (holds) this.worker.ref?.();
    else this.worker.unref?.();
  }

  terminate(): void {
    this.alive = false;
    void this.worker.terminate();
  }

  private end(reason: string): void {
    if (!this.alive) return;
    this.alive = false;
    this.onDeath(reason);
  }
}

async function ownWorker(source: string): Promise<{worker: WorkerLike; release: () => void}> {
  const {Worker} = globalThis;
  if (typeof Worker === 'function') {
    const url = URL.createObjectURL(new Blob([source], {type: 'text/javascript'}));
    const release = () => URL.revokeObjectURL(url);
    try {
      return {worker: new Worker(url) as unknown as WorkerLike, release};
    } catch (error) {
      release();
      throw error;
    }
  }
  const node = await nodeModule<NodeWorkers>('node:worker_threads');
  return {worker: new node.Worker(source, {eval: true, execArgv: []}), release: () => undefined};
}

/** A module of Node's own, in a way that no bundler follows. */
async function nodeModule<T>(name: string): Promise<T> {
  const builtin = (globalThis as {process?: {getBuiltinModule?: (name: string) => unknown}}).process?.getBuiltinModule;
  return (builtin ? builtin(name) : await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as T;
}
