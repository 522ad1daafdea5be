/**
 * Bytes of input rows and output that a macro tile may take: they stay in the level-2 cache while every block row's
 * weights pass over them once.
 */
const MACRO_TILE_BYTES = 96 * 1024;

/**
 * Output pixels of a macro tile: the pixels that all block rows visit before the next ones are laid out.
 *
 * @param k kh * kw * inChannels
 */
export function macroTile(k: number, outChannels: number): number {
  return Math.max(1, Math.floor(MACRO_TILE_BYTES / (4 * (k + outChannels))));
}
