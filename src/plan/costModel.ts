import {BLOCK_SIZES, type BlockSize, type BlockStatistics, type FilterShape} from '../packed';

/** Which kernel variant runs: with fused multiply-adds (relaxed SIMD) or without. */
export type Variant = 'relaxed' | 'simd128';

/** What the cost model has to know of a convolution or MatMul beside its weights. */
export interface LayerGeometry {
  readonly filter: FilterShape;
  /** Output pixels over the whole batch: `batch * outHeight * outWidth`, or the rows of a MatMul's left-hand side. */
  readonly outputPixels: number;
}

/** How a layer runs: tfjs's own kernel, our dense kernel, or the 1xN kernel on packed weights. */
export type LayerPath =
  | {readonly kind: 'stock'}
  | {readonly kind: 'dense'}
  | {readonly kind: 'packed'; readonly n: BlockSize};

/** A path and the time the model expects of it on the reference core. */
export interface PathCandidate {
  readonly path: LayerPath;
  readonly expectedMs: number;
}

/** The cheapest path and all that it was compared with, cheapest first. */
export interface PathChoice extends PathCandidate {
  readonly candidates: readonly PathCandidate[];
}

/** Chooses how a layer runs: the one place where that is decided. */
export function choosePath(layer: LayerGeometry, statistics: BlockStatistics, variant: Variant): PathChoice {
  void variant;
  const {kh, kw} = layer.filter;
  const candidates: PathCandidate[] = BLOCK_SIZES.map((n) => ({
    path: {kind: 'packed', n},
    expectedMs: (statistics.kept[n] * n * kh * kw * layer.outputPixels) / 15e6,
  }));
  candidates.sort((a, b) => a.expectedMs - b.expectedMs);
  return {...candidates[0], candidates};
}
