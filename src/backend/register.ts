import {version_wasm} from '@tensorflow/tfjs-backend-wasm';
import {
  copyRegisteredKernels,
  env,
  findBackendFactory,
  getKernel,
  getKernelsForBackend,
  registerBackend,
  registerKernel,
  unregisterKernel,
  version_core,
} from '@tensorflow/tfjs-core';
import {chooseVariant, type EmscriptenHeap, instantiateKernels, TfjsHeap} from '../runtime';
import {BlockSparseBackend} from './blockSparseBackend';
import {onConfigure, options} from './config';
import {kernelConfigs} from './kernels';
import {startStockBackend, threadsSetInTfjs} from './stockBackend';
import {sharingObstacle, Threads} from './threads';

/** The name that `tf.setBackend` takes. */
export const BACKEND_NAME = 'blocksparse-1xn';

/** Below every stock backend (cpu has 1, wasm 2): importing this package never changes a page's default. */
const PRIORITY = 0;

let active: BlockSparseBackend | null = null;
/** How often a backend has been started. */
let starts = 0;

/** The backend that tfjs last started, or null before the first `tf.setBackend` and after `tf.removeBackend`. */
export function activeBackend(): BlockSparseBackend | null {
  return active?.wasm ? active : null;
}

/**
 * Registers the backend and its kernels; a second call (two copies of this package in a page) does nothing.
 *
 * @throws Error if tfjs-backend-wasm is not there or is of a version that this package does not know.
 */
export function registerBlockSparseBackend(): void {
  if (findBackendFactory(BACKEND_NAME)) return;
  checkVersions();
  // Kernels outlive a backend that was removed; tfjs warns of each that is registered twice.
  for (const {kernelName} of getKernelsForBackend(BACKEND_NAME)) unregisterKernel(kernelName, BACKEND_NAME);
  copyRegisteredKernels('wasm', BACKEND_NAME);
  for (const kernel of kernelConfigs) {
    if (getKernel(kernel.kernelName, BACKEND_NAME)) unregisterKernel(kernel.kernelName, BACKEND_NAME);
    registerKernel(kernel);
  }
  const factory = async () => {
    const start = ++starts;
    const {threads} = options();
    const backend = await createBackend();
    // tfjs forgets a backend that was removed, or started once more, while it started.
    if (start !== starts || findBackendFactory(BACKEND_NAME) !== factory) {
      backend.dispose();
      return backend;
    }
    active = backend;
    if (options().threads !== threads) await backend.threads.update(); // nobody was there to hear of it
    return backend;
  };
  registerBackend(BACKEND_NAME, factory, PRIORITY);
  onConfigure(({threads, workerFactory}) => {
    if (threads !== undefined || workerFactory !== undefined) void activeBackend()?.threads.update();
  });
}

async function createBackend(): Promise<BlockSparseBackend> {
  const {variant, reason} = chooseVariant(options().variant);
  if (!(await env().getAsync('WASM_HAS_SIMD_SUPPORT'))) {
    throw new Error(
      "blocksparse-1xn needs tfjs's SIMD build, but the flag WASM_HAS_SIMD_SUPPORT is false. Do not set it to false.",
    );
  }
  const {wasm} = await startStockBackend(sharingObstacle() === null);
  const heap = TfjsHeap.of(wasm as unknown as EmscriptenHeap);
  const kernels = await instantiateKernels(variant, heap.memory);
  const threads = await Threads.start(heap, kernels, threadsSetInTfjs(wasm));
  wasm.tfjs.getThreadsCount = () => threads.count; // what tfjs's getThreadsCount tells the user
  return new BlockSparseBackend(wasm, heap, kernels.exports, variant, reason, threads);
}

function checkVersions(): void {
  for (const [name, version] of [
    ['@tensorflow/tfjs-core', version_core],
    ['@tensorflow/tfjs-backend-wasm', version_wasm],
  ]) {
    if (!/^4\.22\./.test(version)) {
      throw new Error(
        `blocksparse-1xn relies on internals of tfjs 4.22, but ${name} is ${version}. Install ${name}@4.22.0.`,
      );
    }
  }
  if (!findBackendFactory('wasm')) {
    throw new Error(
      "blocksparse-1xn: importing '@tensorflow/tfjs-backend-wasm' did not register 'wasm': two copies of tfjs-core?",
    );
  }
}
