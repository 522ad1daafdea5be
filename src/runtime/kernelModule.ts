import type {KernelVariant} from './features';
import {kernelBinaries} from './generated/kernelBinaries';

/** The exports of kernels/index.ts. */
export interface KernelModule {
  /** Computes output pixels `begin .. end - 1` of the task record at address `task`. */
  conv2d(task: number, begin: number, end: number): void;
  /** Computes output rows `begin .. end - 1`, counted through the batch. */
  depthwiseConv2d(task: number, begin: number, end: number): void;
}

/**
 * Compiles the embedded kernels over the given memory.
 *
 * @param memory tfjs's heap; the kernels keep no data of their own in it.
 */
export async function instantiateKernels(variant: KernelVariant, memory: WebAssembly.Memory): Promise<KernelModule> {
  const {instance} = await WebAssembly.instantiate(decodeBase64(kernelBinaries[variant]), {env: {memory}});
  return instance.exports as unknown as KernelModule;
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
