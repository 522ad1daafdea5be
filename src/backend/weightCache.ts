import type {FilterShape} from '../packed';
import {choosePath, cutLayer, MOST_COLUMNS, type Cut, type LayerPath, type Variant} from '../plan';
import {type HeapWeights, unpackWeights} from '../runtime';
import type {BlockSparseBackend} from './blockSparseBackend';
import {options} from './config';
import {type BlockCounts, countBlocks, packWeights, packWinograd, type WeightMatrix} from './packWeights';

/** A weight tensor as the cache sees it. */
export interface WeightSource {
  readonly dataId: object;
  readonly shape: FilterShape;
  /** The tensor holds the transposed matrix `[outChannels, K]` (MatMul's transposeB). */
  readonly transposed: boolean;
  /** What stock would run in place of a path of ours is not the convolution that the cost model knows, but far slower. */
  readonly stockIsSlow: boolean;
  /** Tiles of 2x2 output pixels over the whole batch; 0 where Winograd's algorithm cannot run. */
  readonly winogradTiles: number;
}

/** What the cache knows of one weight tensor read as one matrix. */
interface CachedLayer {
  readonly k: number;
  readonly outChannels: number;
  readonly transposed: boolean;
  readonly counts: BlockCounts;
  /** Packed forms by path: a layer that is used at two image sizes may choose differently. */
  readonly forms: Map<string, HeapWeights>;
  /** The last answer and what it was an answer to. */
  last?: {
    readonly outputPixels: number;
    readonly winogradTiles: number;
    readonly wanted: LayerPath | 'auto';
    readonly skipZeros: boolean;
    readonly threads: number;
    readonly stockIsSlow: boolean;
    readonly layer: ResolvedLayer | null;
  };
}

/** Weights in the form that runs, and how the layer is cut for the threads. */
export interface ResolvedLayer {
  readonly weights: HeapWeights;
  readonly cut: Cut;
}

/**
 * Packed weights by tensor. tfjs never changes a tensor's data in place: what a variable is assigned is new data under a
 * new id, so an entry is right for as long as its id lives. Whoever owns the ids calls `release` when one dies.
 */
export class WeightCache {
  /** By data id; reshapes share their data, so one id may stand for several matrices. */
  private readonly layers = new Map<object, CachedLayer[]>();
  private heldBytes = 0;

  constructor(
    private readonly backend: BlockSparseBackend,
    private readonly variant: Variant,
  ) {}

  /** Bytes that packed weights hold in the heap. */
  get bytes(): number {
    return this.heldBytes;
  }

  /** Number of weight tensors that hold a packed form. */
  get size(): number {
    let packed = 0;
    for (const layers of this.layers.values()) for (const {forms} of layers) if (forms.size) packed++;
    return packed;
  }

  /**
   * The weights in the form that the options or the cost model choose for this number of output pixels, packed on first
   * use, and how the layer is cut for a number of threads.
   *
   * @returns null where stock's kernel is to run.
   * @throws Error if the heap is exhausted; nothing is kept then.
   */
  resolve(source: WeightSource, outputPixels: number, threads: number): ResolvedLayer | null {
    const layer = this.layer(source);
    const {path: wanted, skipZeros} = options();
    const {stockIsSlow, winogradTiles} = source;
    const {last} = layer;
    if (
      last?.outputPixels === outputPixels &&
      last.winogradTiles === winogradTiles &&
      last.threads === threads &&
      last.wanted === wanted &&
      last.skipZeros === skipZeros &&
      last.stockIsSlow === stockIsSlow
    ) {
      return last.layer;
    }
    const {counts} = layer;
    const geometry = {filter: source.shape, outputPixels, winogradTiles};
    const tooLong = wanted !== 'auto' && wanted.kind === 'packed' && layer.k > MOST_COLUMNS;
    let path =
      wanted === 'auto' || tooLong ? choosePath(geometry, counts, this.variant, skipZeros, !stockIsSlow).path : wanted;
    if (path.kind === 'winograd' && !winogradTiles) path = {kind: 'dense'};
    let resolved: ResolvedLayer | null = null;
    if (path.kind !== 'stock') {
      const entries = path.kind === 'packed' ? counts.kept[path.n] : 0;
      const cut = cutLayer(geometry, path, entries, this.variant, threads);
      resolved = {weights: this.form(source, layer, path), cut};
    }
    layer.last = {outputPixels, winogradTiles, wanted, skipZeros, threads, stockIsSlow, layer: resolved};
    return resolved;
  }

  /** Frees every form of a tensor's data. */
  release(dataId: object): void {
    const layers = this.layers.get(dataId);
    if (!layers) return;
    this.layers.delete(dataId);
    for (const {forms} of layers) {
      for (const form of forms.values()) {
        this.heldBytes -= form.bytes;
        this.backend.heap.free(form.values);
      }
    }
  }

  dispose(): void {
    for (const dataId of [...this.layers.keys()]) this.release(dataId);
  }

  private layer(source: WeightSource): CachedLayer {
    const {dataId, shape, transposed} = source;
    const {outChannels} = shape;
    const k = shape.kh * shape.kw * shape.inChannels;
    const layers = this.layers.get(dataId);
    const known = layers?.find(
      (layer) => layer.k === k && layer.outChannels === outChannels && layer.transposed === transposed,
    );
    if (known) return known;
    const counts = countBlocks(this.backend, this.matrix(source));
    const layer = {k, outChannels, transposed, counts, forms: new Map()};
    if (layers) layers.push(layer);
    else this.layers.set(dataId, [layer]);
    return layer;
  }

  private form(source: WeightSource, layer: CachedLayer, path: Exclude<LayerPath, {kind: 'stock'}>): HeapWeights {
    const key = path.kind === 'packed' ? `1x${path.n}` : path.kind;
    const known = layer.forms.get(key);
    if (known) return known;
    const packer = this.backend;
    const winograd = path.kind === 'winograd';
    const form = winograd
      ? packWinograd(packer, this.matrix(source))
      : packWeights(packer, this.matrix(source), layer.counts, path);
    layer.forms.set(key, form);
    this.heldBytes += form.bytes;
    // What Winograd's matrices were made of cannot be had back bit for bit.
    if (!winograd) packer.dropData(source.dataId, (to) => unpackWeights(packer.heap, form, to, layer.transposed));
    return form;
  }

  private matrix({dataId, shape, transposed}: WeightSource): WeightMatrix {
    const {kh, kw, inChannels, outChannels} = shape;
    return {address: this.backend.getMemoryOffset(dataId), k: kh * kw * inChannels, outChannels, transposed};
  }
}
