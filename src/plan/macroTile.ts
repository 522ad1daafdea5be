/**
 * Bytes of input rows and output that a macro tile may take. Every block row's weights pass over it once, so a small one
 * reads the weights more often and a large one leaves the level-1 cache. 32, 48 and 96 KiB measured alike, interleaved, on
 * four models, 48 and 96 on the kernels too.
 */
const MACRO_TILE_BYTES = 48 * 1024;

/**
 * Output pixels of a macro tile: the pixels that all block rows visit before the next ones are laid out.
 *
 * @param k kh * kw * inChannels
 */
export function macroTile(k: number, outChannels: number): number {
  return Math.max(1, Math.floor(MACRO_TILE_BYTES / (4 * (k + outChannels))));
}
