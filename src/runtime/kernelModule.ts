import {decompress} from '../compression/decompress';
import {decodeBase64} from './base64';
import type {KernelVariant} from './features';
import {kernelBinaries} from './generated/kernelBinaries';
import {isShared, withSharedMemory} from './sharedMemory';

/** The exports of kernels/index.ts. */
export interface KernelModule {
  /** Computes the whole task of a record on the calling thread. */
  runAlone(job: number, task: number): void;
  /** Gathers weights [count, channels] and bias (0 for none) of a depthwise convolution by vectors of 4 channels. */
  packTaps(weights: number, bias: number, count: number, channels: number, to: number): void;
  /** Publishes a task to a pool's workers and computes its units with them until none is left to take. */
  publish(control: number, job: number, task: number, units: number): void;
  /**
   * Runs a program from a step on (kernels/threads.ts); gives the step whose workers are late, or `count` when all are
   * done.
   */
  runSteps(control: number, steps: number, step: number, count: number, spins: number): number;
  /** 1 if all units of the task are done; looks as often as `spins`. */
  isDone(control: number, spins: number): number;
  /** Sleeps until they are, at most so long; 1 if they are. Traps where waiting is forbidden. */
  waitUntilDone(control: number, milliseconds: number): number;
}

/** The embedded kernels, compiled for a memory: workers instantiate the same module. */
export interface CompiledKernels {
  readonly module: WebAssembly.Module;
  readonly exports: KernelModule;
}

/**
 * Compiles the embedded kernels over the given memory.
 *
 * @param memory tfjs's heap, shared between threads or not; the kernels keep no data of their own in it.
 */
export async function instantiateKernels(variant: KernelVariant, memory: WebAssembly.Memory): Promise<CompiledKernels> {
  const binary = kernelBinary(variant);
  const module = await WebAssembly.compile(isShared(memory) ? withSharedMemory(binary) : binary);
  const instance = await WebAssembly.instantiate(module, {env: {memory}});
  return {module, exports: instance.exports as unknown as KernelModule};
}

function kernelBinary(variant: KernelVariant): Uint8Array<ArrayBuffer> {
  const {sizes, packed} = kernelBinaries;
  const begin = variant === 'relaxed' ? 0 : sizes.relaxed;
  return decompress(decodeBase64(packed), begin + sizes[variant]).subarray(begin);
}
