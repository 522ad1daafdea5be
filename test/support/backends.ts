import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-cpu';
import {configure} from '../../src';
import type {KernelVariant} from '../../src/runtime';

export const OURS = 'blocksparse-1xn';
export const VARIANTS: readonly KernelVariant[] = ['simd128', 'relaxed'];

/** Starts our backend afresh with one kernel variant and makes it active. */
export async function useVariant(variant: KernelVariant): Promise<void> {
  await tf.setBackend('cpu');
  tf.removeBackend(OURS);
  configure({variant, path: 'auto', skipZeros: true});
  // removeBackend drops the factory too: register again as an import would.
  const {registerBlockSparseBackend} = await import('../../src/backend');
  registerBlockSparseBackend();
  await tf.setBackend(OURS);
}
