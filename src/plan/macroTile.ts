/**
 * Bytes of input rows and output that a macro tile may take. Every block row's weights pass over it once, so a small one
 * reads the weights more often and a large one leaves the level-1 cache. 32, 48 and 96 KiB measured alike, interleaved, on
 * four models, 48 and 96 on the kernels too.
 */
const MACRO_TILE_BYTES = 48 * 1024;

/**
 * Winograd's tiles of a macro tile: their inputs and products are to stay in the second-level cache, and at least so many
 * share the weights that are read. Not measured.
 */
const WINOGRAD = {bytes: 512 * 1024, tiles: 24, productChannels: 64};

/**
 * Output pixels of a macro tile: the pixels that all block rows visit before the next ones are laid out.
 *
 * @param k kh * kw * inChannels
 */
export function macroTile(k: number, outChannels: number): number {
  return Math.max(1, Math.floor(MACRO_TILE_BYTES / (4 * (k + outChannels))));
}

/** Winograd's tiles of a macro tile. */
export function winogradMacroTile(inChannels: number, outChannels: number): number {
  const {bytes, tiles, productChannels} = WINOGRAD;
  return Math.max(tiles, Math.floor(bytes / (16 * 4 * (inChannels + Math.min(outChannels, productChannels)))));
}
