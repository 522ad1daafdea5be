import type {FilterShape} from '../packed';

/**
 * The tiles of 2x2 output pixels that Winograd's algorithm F(2x2, 3x3) computes, over the whole batch.
 *
 * @param steps strides and dilations, both of either direction
 * @param outShape `[batch, height, width, ...]` of the output
 * @returns 0 where it cannot: it takes filters of 3x3 at stride 1, without dilation, on at least 4 input channels.
 */
export function winogradTiles(filter: FilterShape, steps: readonly number[], outShape: readonly number[]): number {
  const {kh, kw, inChannels} = filter;
  if (kh !== 3 || kw !== 3 || inChannels < 4 || steps.some((step) => step !== 1)) return 0;
  const [batch, height, width] = outShape;
  return batch * Math.ceil(height / 2) * Math.ceil(width / 2);
}
