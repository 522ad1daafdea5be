// Starting workers, in pages and in Node.
import {workerSource} from './generated/workerSource';

/** What we need of a worker; both a page's `Worker` and that of `node:worker_threads` have it. */
export interface WorkerLike {
  postMessage(message: unknown): void;
  terminate(): unknown;
  addEventListener?(type: string, listener: (event: {data?: unknown; message?: string}) => void): void;
  on?(type: string, listener: (argument: unknown) => void): unknown;
  unref?(): void;
}

/** Makes a worker that runs this package's `worker.js`. */
export type WorkerFactory = () => WorkerLike;

/** What a worker has to know to begin its life. */
interface WorkOrder {
  readonly control: number;
  readonly thread: number;
  readonly failed: number;
  readonly done: number;
}

/** A worker whose kernels are instantiated. */
export interface StartedWorker {
  readonly alive: boolean;
  /** Sends it into the kernels, from where it never hears a message again. */
  work(order: WorkOrder): void;
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
 * @throws Error saying why it did not start
 */
export async function startWorker(
  factory: WorkerFactory | null,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<StartedWorker> {
  const {worker, release} = factory ? {worker: factory(), release: () => undefined} : await ownWorker();

  const started = new HostedWorker(worker);
  worker.unref?.(); // after the listeners, which hold it: a Node script ends when its own work is done
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const seconds = START_MILLISECONDS / 1000;
      timer = setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), START_MILLISECONDS);
      started.onReady = resolve;
      started.onDeath = (reason) => reject(new Error(reason));
      worker.postMessage({module, memory});
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

  constructor(private readonly worker: WorkerLike) {
    const hear = (message: unknown) => {
      const {ready, error} = message as {ready?: boolean; error?: string};
      if (ready) this.onReady();
      else if (error !== undefined) this.end(error);
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

  work(order: WorkOrder): void {
    this.worker.postMessage(order);
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

async function ownWorker(): Promise<{worker: WorkerLike; release: () => void}> {
  const {Worker} = globalThis;
  if (typeof Worker === 'function') {
    const url = URL.createObjectURL(new Blob([workerSource], {type: 'text/javascript'}));
    const release = () => URL.revokeObjectURL(url);
    try {
      return {worker: new Worker(url) as unknown as WorkerLike, release};
    } catch (error) {
      release();
      throw error;
    }
  }
  const node = await nodeModule<NodeWorkers>('node:worker_threads');
  return {worker: new node.Worker(workerSource, {eval: true, execArgv: []}), release: () => undefined};
}

/** A module of Node's own, in a way that no bundler follows. */
async function nodeModule<T>(name: string): Promise<T> {
  const builtin = (globalThis as {process?: {getBuiltinModule?: (name: string) => unknown}}).process?.getBuiltinModule;
  return (builtin ? builtin(name) : await import(/* webpackIgnore: true */ /* @vite-ignore */ name)) as T;
}
