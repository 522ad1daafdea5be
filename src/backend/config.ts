import {BLOCK_SIZES} from '../packed';
import type {LayerPath} from '../plan';
import type {KernelVariant, WorkerFactory} from '../runtime';

/** Options of the backend; each keeps its value until it is set again. */
export interface BlockSparseOptions {
  /**
   * Lossless rewriting of graph models as they load while this backend is active: batch norms folded, biases and
   * activations fused. Default true.
   */
  rewrite?: boolean;
  /**
   * Whether inferences of graph models that are repeated run as programs:
   * whole stretches of kernels as one call. Default true.
   */
  regions?: boolean;
  /**
   * Whether zero blocks of weights are skipped. Default true. A skipped zero never meets a NaN or an infinity of its
   * input, where multiplying gives NaN; set false where that matters. False also leaves out Winograd's algorithm, which
   * may turn an infinity of its input into NaN.
   */
  skipZeros?: boolean;
  /** Kernel build to run; read when the backend starts. Default 'auto': the fastest that the engine has. */
  variant?: KernelVariant | 'auto';
  /**
   * Threads that kernels run on, the calling one included: 1 to 64. Default 'auto': tfjs's `setThreadsCount` if it was
   * called, else as many as there are cores, at most 16. May be changed while the backend runs. More than one needs a page
   * that is cross-origin isolated, or Node.
   */
  threads?: number | 'auto';
  /**
   * Makes the workers, which have to run this package's `dist/worker.js`; for pages whose Content-Security-Policy forbids
   * workers from blobs. Read when workers are started. Default null: workers of our own.
   */
  workerFactory?: WorkerFactory | null;
  /**
   * How every layer runs, for tests and measurements. Default 'auto': the cost model decides for each layer. Those that
   * Winograd's algorithm does not suit (it takes 3x3 filters at stride 1) run on the dense kernel in its place.
   */
  path?: LayerPath | 'auto';
}

const current: Required<BlockSparseOptions> = {
  rewrite: true,
  regions: true,
  skipZeros: true,
  variant: 'auto',
  threads: 'auto',
  workerFactory: null,
  path: 'auto',
};

/** As many as there are ranges in a control block (kernels/control.ts). */
export const MOST_THREADS = 64;

/** Those that decide what an inference runs, in words: alike as long as they are the same. */
export function decidingOptions(): string {
  return deciding;
}

let deciding = '';

let listener: (changes: BlockSparseOptions) => void = () => undefined;

/** The options in force. */
export function options(): Readonly<Required<BlockSparseOptions>> {
  return current;
}

/**
 * Sets options of the backend.
 *
 * @throws Error naming the option if it is unknown or its value is not one of those listed.
 */
export function configure(changed: BlockSparseOptions): void {
  if (typeof changed !== 'object' || changed === null) throw new Error('configure: an object of options expected');
  for (const [name, value] of Object.entries(changed)) {
    const check = checks[name as keyof BlockSparseOptions];
    if (!check) throw new Error(`configure: unknown option '${name}'; known are ${Object.keys(checks).join(', ')}`);
    if (!check.accepts(value))
      throw new Error(`configure: ${name} is ${JSON.stringify(value)}; ${check.expected} expected`);
  }
  Object.assign(current, changed);
  deciding = JSON.stringify([current.path, current.skipZeros]);
  listener(changed);
}

/** Sets who hears of every change. */
export function onConfigure(callback: (changes: BlockSparseOptions) => void): void {
  listener = callback;
}

const isBoolean = (value: unknown) => typeof value === 'boolean';

const checks: Record<keyof BlockSparseOptions, {accepts: (value: unknown) => boolean; expected: string}> = {
  rewrite: {accepts: isBoolean, expected: 'true or false'},
  regions: {accepts: isBoolean, expected: 'true or false'},
  skipZeros: {accepts: isBoolean, expected: 'true or false'},
  variant: {
    accepts: (value) => value === 'auto' || value === 'relaxed' || value === 'simd128',
    expected: "'auto', 'relaxed' or 'simd128'",
  },
  threads: {
    accepts: (value) =>
      value === 'auto' || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MOST_THREADS),
    expected: `'auto' or a whole number from 1 to ${MOST_THREADS}`,
  },
  workerFactory: {
    accepts: (value) => value === null || typeof value === 'function',
    expected: 'a function that returns a Worker, or null',
  },
  path: {
    accepts: isPath,
    expected: `'auto', {kind: 'stock'}, {kind: 'dense'}, {kind: 'winograd'} or {kind: 'packed', n: ${BLOCK_SIZES.join(' | ')}}`,
  },
};

function isPath(value: unknown): boolean {
  if (value === 'auto') return true;
  if (typeof value !== 'object' || value === null) return false;
  const {kind, n} = value as {kind?: unknown; n?: unknown};
  if (kind === 'packed') return BLOCK_SIZES.some((size) => size === n);
  return kind === 'stock' || kind === 'dense' || kind === 'winograd';
}
