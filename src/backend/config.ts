import {BLOCK_SIZES} from '../packed';
import type {LayerPath} from '../plan';
import type {KernelVariant} from '../runtime';

/** Options of the backend; each keeps its value until it is set again. */
export interface BlockSparseOptions {
  /**
   * Lossless rewriting of graph models as they load while this backend is active: batch norms folded, biases and
   * activations fused. Default true.
   */
  rewrite?: boolean;
  /**
   * Whether zero blocks of weights are skipped. Default true. A skipped zero never meets a NaN or an infinity of its
   * input, where multiplying gives NaN; set false where that matters.
   */
  skipZeros?: boolean;
  /** Kernel build to run; read when the backend starts. Default 'auto': the fastest that the engine has. */
  variant?: KernelVariant | 'auto';
  /** How every layer runs, for tests and measurements. Default 'auto': the cost model decides for each layer. */
  path?: LayerPath | 'auto';
}

const current: Required<BlockSparseOptions> = {rewrite: true, skipZeros: true, variant: 'auto', path: 'auto'};

/** The options in force. */
export function options(): Readonly<Required<BlockSparseOptions>> {
  return current;
}

/**
 * Sets options of the backend.
 *
 * @throws Error naming the option if it is unknown or its value is not one of those listed.
 */
export function configure(changes: BlockSparseOptions): void {
  if (typeof changes !== 'object' || changes === null) throw new Error('configure: an object of options expected');
  for (const [name, value] of Object.entries(changes)) {
    const check = checks[name as keyof BlockSparseOptions];
    if (!check) throw new Error(`configure: unknown option '${name}'; known are ${Object.keys(checks).join(', ')}`);
    if (!check.accepts(value))
      throw new Error(`configure: ${name} is ${JSON.stringify(value)}; ${check.expected} expected`);
  }
  Object.assign(current, changes);
}

const isBoolean = (value: unknown) => typeof value === 'boolean';

const checks: Record<keyof BlockSparseOptions, {accepts: (value: unknown) => boolean; expected: string}> = {
  rewrite: {accepts: isBoolean, expected: 'true or false'},
  skipZeros: {accepts: isBoolean, expected: 'true or false'},
  variant: {
    accepts: (value) => value === 'auto' || value === 'relaxed' || value === 'simd128',
    expected: "'auto', 'relaxed' or 'simd128'",
  },
  path: {
    accepts: isPath,
    expected: `'auto', {kind: 'stock'}, {kind: 'dense'} or {kind: 'packed', n: ${BLOCK_SIZES.join(' | ')}}`,
  },
};

function isPath(value: unknown): boolean {
  if (value === 'auto') return true;
  if (typeof value !== 'object' || value === null) return false;
  const {kind, n} = value as {kind?: unknown; n?: unknown};
  return kind === 'stock' || kind === 'dense' || (kind === 'packed' && BLOCK_SIZES.some((size) => size === n));
}
