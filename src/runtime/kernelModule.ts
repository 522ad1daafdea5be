import type {KernelVariant} from './features';
import {kernelBinaries} from './generated/kernelBinaries';

/** The exports of kernels/index.ts. */
export interface KernelModule {
  /** Computes output pixels `begin .. end - 1` of the task record at address `task`. */
  conv2d(task: number, begin: number, end: number): void;
  /** Computes output rows `begin .. end - 1`, counted through the batch. */
  depthwiseConv2d(task: number, begin: number, end: number): void;
  /** The mean over pixels: input [batch, pixels, channels], output [batch, channels]. */
  meanPixels(input: number, output: number, batch: number, pixels: number, channels: number): void;
  /** Pads a tensor of rank 4 with a value: its shape, then the padding before and after along each axis. */
  pad4d(
    input: number,
    output: number,
    ...shapePaddingsAndValue: [
      ...shape: [number, number, number, number],
      ...paddings: [number, number, number, number, number, number, number, number],
      value: number,
    ]
  ): void;
  /** Blocks of channels to neighbouring pixels: input [batch, height, width, block, block, depth]. */
  depthToSpace(
    input: number,
    output: number,
    batch: number,
    height: number,
    width: number,
    depth: number,
    block: number,
  ): void;
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
