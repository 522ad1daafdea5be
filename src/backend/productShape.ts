import type {FilterShape} from '../packed';
import {winogradTiles} from '../plan';
import type {ConvGeometry} from '../runtime';

/** What the shapes and attributes of a convolution or MatMul amount to. */
export interface ProductShape {
  readonly filter: FilterShape;
  /** The filter tensor holds the transposed matrix `[outChannels, K]` (MatMul's transposeB). */
  readonly transposed: boolean;
  readonly geometry: ConvGeometry;
  readonly outShape: number[];
  /** Over the whole batch. */
  readonly outputPixels: number;
  /** Tiles of 2x2 output pixels over the whole batch; 0 where Winograd's algorithm cannot run. */
  readonly winogradTiles: number;
  /** What stock would run in place of a path of ours is not the convolution that the cost model knows, but far slower. */
  readonly stockIsSlow: boolean;
}

/** @returns null where there is nothing to compute. */
export function productShape(
  geometry: ConvGeometry,
  filter: FilterShape,
  outShape: number[],
  {transposed = false, stockIsSlow = false} = {},
): ProductShape | null {
  const {batch, outHeight, outWidth, strideHeight, strideWidth, dilationHeight, dilationWidth} = geometry;
  const outputPixels = batch * outHeight * outWidth;
  if (outputPixels * filter.outChannels * filter.inChannels === 0) return null;
  const tiles = winogradTiles(filter, [strideHeight, strideWidth, dilationHeight, dilationWidth], outShape);
  return {filter, transposed, geometry, outShape, outputPixels, winogradTiles: tiles, stockIsSlow};
}
