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
  const binary = await kernelBinary(variant);
  const module = await WebAssembly.compile(isShared(memory) ? withSharedMemory(binary) : binary);
  const instance = await WebAssembly.instantiate(module, {env: {memory}});
  return {module, exports: instance.exports as unknown as KernelModule};
}

async function kernelBinary(variant: KernelVariant): Promise<Uint8Array<ArrayBuffer>> {
  const {slices, sizes, deflated} = kernelBinaries;
  const inflated = await inflate(decodeBase64(deflated));
  const binary = new Uint8Array(sizes[variant]);
  let at = 0;
  for (let i = 0; i < slices; i++) {
    for (const name of Object.keys(sizes) as KernelVariant[]) {
      const begin = Math.floor((sizes[name] * i) / slices);
      const end = Math.floor((sizes[name] * (i + 1)) / slices);
      if (name === variant) binary.set(inflated.subarray(at, at + end - begin), begin);
      at += end - begin;
    }
  }
  return binary;
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
