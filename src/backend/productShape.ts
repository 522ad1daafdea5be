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
  /** A filter that is used once, a variable in training say, is worth to be packed for it. */
  readonly repaysPacking: boolean;
}

/** Output pixels and multiply-adds from which a product is faster with its packing than stock's. */
const REPAID = {pixels: 64, products: 2 ** 20};

/** @returns null where there is nothing to compute. */
export function productShape(
  geometry: ConvGeometry,
  filter: FilterShape,
  outShape: number[],
  {transposed = false, stockIsSlow = false, repaid = REPAID} = {},
): ProductShape | null {
  const {batch, outHeight, outWidth, strideHeight, strideWidth, dilationHeight, dilationWidth} = geometry;
  const outputPixels = batch * outHeight * outWidth;
  const products = outputPixels * filter.kh * filter.kw * filter.inChannels * filter.outChannels;
  if (products === 0) return null;
  const tiles = winogradTiles(filter, [strideHeight, strideWidth, dilationHeight, dilationWidth], outShape);
  const repaysPacking = outputPixels >= repaid.pixels && products >= repaid.products;
  return {filter, transposed, geometry, outShape, outputPixels, winogradTiles: tiles, stockIsSlow, repaysPacking};
}
