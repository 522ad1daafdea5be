/** The kernel builds: with fused multiply-adds of relaxed SIMD, or with plain 128-bit SIMD. */
export type KernelVariant = 'relaxed' | 'simd128';

// (func (result v128) i32.const 0  i8x16.splat  i8x16.popcnt)
const SIMD_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];
// The same with i8x16.relaxed_swizzle of two splats.
const RELAXED_PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];

/** Whether the engine compiles 128-bit SIMD. */
export function hasSimd(): boolean {
  return WebAssembly.validate(new Uint8Array(SIMD_PROBE));
}

/** Whether the engine compiles relaxed SIMD (Chrome 114, Firefox 145, Node 22; Node 20 behind a flag). */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(new Uint8Array(RELAXED_PROBE));
}

/**
 * The variant that runs, and why.
 *
 * @param wanted 'auto' takes the best that the engine compiles.
 * @throws Error if the engine has no SIMD, or lacks the variant asked for.
 */
export function chooseVariant(wanted: KernelVariant | 'auto'): {variant: KernelVariant; reason: string} {
  if (!hasSimd()) {
    throw new Error(
      'blocksparse-1xn needs WebAssembly SIMD, which this engine lacks (Chrome 91, Firefox 89, Safari 16.4, Node 16.4 and ' +
        "later have it). Use tf.setBackend('wasm') or 'cpu' here.",
    );
  }
  const relaxed = hasRelaxedSimd();
  if (wanted === 'relaxed' && !relaxed) {
    throw new Error(
      "blocksparse-1xn: configure({variant: 'relaxed'}) needs relaxed SIMD, which this engine lacks (Chrome 114, Firefox " +
        "145, Node 22 have it; Node 20 with --experimental-wasm-relaxed-simd). Use variant 'auto'.",
    );
  }
  if (wanted === 'simd128') return {variant: 'simd128', reason: "asked for by configure({variant: 'simd128'})"};
  return relaxed
    ? {variant: 'relaxed', reason: 'the engine has relaxed SIMD: multiply and add are one instruction'}
    : {variant: 'simd128', reason: 'the engine has no relaxed SIMD: multiply and add are two instructions'};
}
