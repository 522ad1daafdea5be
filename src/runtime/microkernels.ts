import {Kernel} from '../../kernels/convTask';
import type {KernelVariant} from './features';

/** What decides the kernels that can walk weights. */
export interface WeightLayout {
  /** All blocks of N = 8 are there, without an index. */
  readonly dense: boolean;
  readonly n: number;
  readonly k: number;
}

/** Pixels that each microkernel computes at once. */
export const KERNEL_TILES: Readonly<Record<Kernel, number>> = {
  [Kernel.f32_gemm_1x8_p1]: 1,
  [Kernel.f32_gemm_1x8_p4]: 4,
  [Kernel.f32_gemm_1x8_p6]: 6,
  [Kernel.f32_gemm_1x4_p8]: 8,
  [Kernel.f32_spmm_1x8_p1]: 1,
  [Kernel.f32_spmm_1x8_p4]: 4,
  [Kernel.f32_spmm_1x8_p6]: 6,
  [Kernel.f32_spmm_1x4_p1]: 1,
  [Kernel.f32_spmm_1x2_p1]: 1,
  [Kernel.f32_spmm_1x1_p1]: 1,
  [Kernel.f32_spmm_1x4_p8]: 8,
  [Kernel.f32_spmm_1x2_p16]: 16,
  [Kernel.f32_spmm_1x1_p16]: 16,
  [Kernel.f32_spmm_1x1_p32]: 32,
};

/** Kernels from here on read panels [K][tile], those before it pixel rows. */
const FIRST_PANEL_KERNEL = Kernel.f32_spmm_1x4_p8;

/** Columns from which a panel of 32 pixels fills the level-1 cache. */
const LONG_K = 320;

/** Whether a kernel reads panels [K][tile]. */
export function readsPanels(kernel: Kernel): boolean {
  return kernel >= FIRST_PANEL_KERNEL;
}

/**
 * The microkernel for a weight layout and a number of pixels, or of Winograd's tiles: the one place where that is decided.
 *
 * Six pixels are 12 accumulators, 2 weight vectors and a splat: all 15 registers that V8 has on x64. Without fused
 * multiply-adds the product needs a sixteenth, and four pixels are faster (46 against 36 GFLOP/s). Each binary has the
 * kernels of its own number alone.
 */
export function microkernel({dense, n, k}: WeightLayout, pixels: number, variant: KernelVariant): Kernel {
  const few = pixels <= 2;
  if (n === 4) return few ? Kernel.f32_spmm_1x4_p1 : Kernel.f32_spmm_1x4_p8;
  if (n === 2) return few ? Kernel.f32_spmm_1x2_p1 : Kernel.f32_spmm_1x2_p16;
  if (n === 1 && few) return Kernel.f32_spmm_1x1_p1;
  if (n === 1) return k > LONG_K ? Kernel.f32_spmm_1x1_p16 : Kernel.f32_spmm_1x1_p32;
  if (few) return dense ? Kernel.f32_gemm_1x8_p1 : Kernel.f32_spmm_1x8_p1;
  if (variant === 'simd128') return dense ? Kernel.f32_gemm_1x8_p4 : Kernel.f32_spmm_1x8_p4;
  return dense ? Kernel.f32_gemm_1x8_p6 : Kernel.f32_spmm_1x8_p6;
}
