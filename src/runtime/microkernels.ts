import {Kernel} from '../../kernels/convTask';
import type {KernelVariant} from './features';

/** How weights lie in the heap, which decides the kernels that can walk them. */
export type WeightLayout = 'dense' | 'winograd' | 'rows' | 'panel4' | 'panel2' | 'panel1';

/** Pixels that each microkernel computes at once. */
export const KERNEL_TILES: Readonly<Record<Kernel, number>> = {
  [Kernel.f32_gemm_1x8_p1]: 1,
  [Kernel.f32_gemm_1x8_p4]: 4,
  [Kernel.f32_gemm_1x8_p6]: 6,
  [Kernel.f32_spmm_1x8_p1]: 1,
  [Kernel.f32_spmm_1x8_p4]: 4,
  [Kernel.f32_spmm_1x8_p6]: 6,
  [Kernel.f32_spmm_1x4_p8]: 8,
  [Kernel.f32_spmm_1x2_p16]: 16,
  [Kernel.f32_spmm_1x1_p32]: 32,
};

const PANEL_KERNELS: Readonly<Partial<Record<WeightLayout, Kernel>>> = {
  panel4: Kernel.f32_spmm_1x4_p8,
  panel2: Kernel.f32_spmm_1x2_p16,
  panel1: Kernel.f32_spmm_1x1_p32,
};

/** Pixels of the panels [K][tile] that a layout's kernel reads; 0 where it reads pixel rows. */
export function panelTile(layout: WeightLayout): number {
  const kernel = PANEL_KERNELS[layout];
  return kernel === undefined ? 0 : KERNEL_TILES[kernel];
}

/**
 * The microkernel for a weight layout and a number of pixels, or of Winograd's tiles: the one place where that is decided.
 *
 * Six pixels are 12 accumulators, 2 weight vectors and a splat: all 15 registers that V8 has on x64. Without fused
 * multiply-adds the product needs a sixteenth, and four pixels are faster (46 against 36 GFLOP/s).
 */
export function microkernel(layout: WeightLayout, pixels: number, variant: KernelVariant): Kernel {
  const panelKernel = PANEL_KERNELS[layout];
  if (panelKernel !== undefined) return panelKernel;
  const dense = layout !== 'rows';
  if (pixels <= 2) return dense ? Kernel.f32_gemm_1x8_p1 : Kernel.f32_spmm_1x8_p1;
  if (variant === 'simd128' || pixels <= 4) return dense ? Kernel.f32_gemm_1x8_p4 : Kernel.f32_spmm_1x8_p4;
  return dense ? Kernel.f32_gemm_1x8_p6 : Kernel.f32_spmm_1x8_p6;
}
