import {countTapBlocks, type PackedWeight} from '../packed';
import {choosePath, cutLayer, MOST_COLUMNS, type Cut, type LayerPath, type Variant} from '../plan';
import {type HeapWeights, unpackWeights} from '../runtime';
import type {BlockSparseBackend} from './blockSparseBackend';
import {options} from './config';
import {type BlockCounts, countBlocks, packStored, packWeights, packWinograd, type WeightMatrix} from './packWeights';
import type {ProductShape} from './productShape';

/** What the cache knows of one weight tensor read as one matrix. */
interface CachedLayer {
  readonly k: number;
  readonly outChannels: number;
  readonly transposed: boolean;
  readonly counts: BlockCounts | StoredCounts;
  /** Packed forms by path: a layer that is used at two image sizes may choose differently. */
  readonly forms: Map<string, HeapWeights>;
}

/** What is known of a weight that is stored as blocks; its groups are counted when it is packed anew. */
type StoredCounts = Pick<BlockCounts, 'kept'>;

/** What the cache knows of one weight tensor. */
interface CachedTensor {
  /** Reshapes share their data, so one id may stand for several matrices. */
  readonly layers: CachedLayer[];
  /** Its blocks as they came from disk. */
  readonly stored?: PackedWeight;
  /** The last answer and what it was an answer to. */
  last?: {
    readonly shape: ProductShape;
    readonly wanted: LayerPath | 'auto';
    readonly skipZeros: boolean;
    readonly threads: number;
    readonly resolved: ResolvedLayer | null;
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
  /** By data id. */
  private readonly tensors = new Map<object, CachedTensor>();
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
    for (const {layers} of this.tensors.values()) for (const {forms} of layers) if (forms.size) packed++;
    return packed;
  }

  /** Takes up a tensor whose data is at hand as blocks alone. */
  addPacked(dataId: object, stored: PackedWeight): void {
    this.tensors.set(dataId, {layers: [], stored});
  }

  /**
   * The weights in the form that the options or the cost model choose for a product, packed on first use, and how the
   * layer is cut for the threads.
   *
   * @param asker the backend, or its stand-in for which kernels are recorded
   * @returns null where stock's kernel is to run.
   * @throws Error if the heap is exhausted; nothing is kept then.
   */
  resolve(dataId: object, shape: ProductShape, asker: BlockSparseBackend): ResolvedLayer | null {
    const {threads} = asker.runner;
    const {path: wanted, skipZeros} = options();
    const last = this.tensors.get(dataId)?.last;
    if (last?.shape === shape && last.threads === threads && last.wanted === wanted && last.skipZeros === skipZeros) {
      return last.resolved;
    }
    // A program's filters are its weights: what is computed anew for each run is no such thing.
    if (wanted === 'auto' && !asker.isWeight(dataId) && (asker.records || !shape.repaysPacking)) return null;
    const layer = this.layer(dataId, shape);
    const {counts} = layer;
    const tooLong = wanted !== 'auto' && wanted.kind === 'packed' && layer.k > MOST_COLUMNS;
    let path =
      wanted === 'auto' || tooLong
        ? choosePath(shape, counts, this.variant, skipZeros, !shape.stockIsSlow).path
        : wanted;
    if (path.kind === 'winograd' && !shape.winogradTiles) path = {kind: 'dense'};
    let resolved: ResolvedLayer | null = null;
    if (path.kind !== 'stock') {
      const entries = path.kind === 'packed' ? counts.kept[path.n] : 0;
      const cut = cutLayer(shape, path, entries, this.variant, threads);
      resolved = {weights: this.form(dataId, shape, layer, path), cut};
    }
    const tensor = this.tensors.get(dataId);
    if (tensor) tensor.last = {shape, wanted, skipZeros, threads, resolved};
    return resolved;
  }

  /** Frees every form of a tensor's data. */
  release(dataId: object): void {
    const tensor = this.tensors.get(dataId);
    if (!tensor) return;
    this.tensors.delete(dataId);
    for (const {forms} of tensor.layers) {
      for (const form of forms.values()) {
        this.heldBytes -= form.bytes;
        this.backend.heap.free(form.values);
      }
    }
  }

  dispose(): void {
    for (const dataId of [...this.tensors.keys()]) this.release(dataId);
  }

  private layer(dataId: object, shape: ProductShape): CachedLayer {
    const {kh, kw, inChannels, outChannels} = shape.filter;
    const {transposed} = shape;
    const k = kh * kw * inChannels;
    const tensor = this.tensors.get(dataId);
    const known = tensor?.layers.find(
      (layer) => layer.k === k && layer.outChannels === outChannels && layer.transposed === transposed,
    );
    if (known) return known;
    const stored = tensor?.stored;
    const isStored =
      stored?.transposed === transposed &&
      stored.layout.outChannels === outChannels &&
      stored.layout.kh * stored.layout.kw * stored.layout.inChannels === k;
    const counts = isStored
      ? {kept: countTapBlocks(stored.filter())}
      : countBlocks(this.backend, this.matrix(this.backend.getMemoryOffset(dataId), shape));
    const layer = {k, outChannels, transposed, counts, forms: new Map()};
    if (tensor) tensor.layers.push(layer);
    else this.tensors.set(dataId, {layers: [layer]});
    return layer;
  }

  private form(
    dataId: object,
    shape: ProductShape,
    layer: CachedLayer,
    path: Exclude<LayerPath, {kind: 'stock'}>,
  ): HeapWeights {
    const key = path.kind === 'packed' ? `1x${path.n}` : path.kind;
    const known = layer.forms.get(key);
    if (known) return known;
    const packer = this.backend;
    const winograd = path.kind === 'winograd';
    const pack = (address: number) => {
      const matrix = this.matrix(address, shape);
      if (winograd) return packWinograd(packer, matrix);
      return packWeights(packer, matrix, 'groups' in layer.counts ? layer.counts : countBlocks(packer, matrix), path);
    };
    const stored = 'groups' in layer.counts ? undefined : this.tensors.get(dataId)?.stored;
    let form: HeapWeights;
    if (!stored) form = pack(packer.getMemoryOffset(dataId));
    else if (path.kind === 'packed' && path.n === stored.layout.n)
      form = packStored(packer.heap, stored.filter(), layer.counts.kept[path.n]);
    else form = packer.heap.withFloats(stored.values(), pack);
    layer.forms.set(key, form);
    this.heldBytes += form.bytes;
    // What Winograd's matrices were made of cannot be had back bit for bit.
    if (!winograd) packer.dropData(dataId, (to) => unpackWeights(packer.heap, form, to, layer.transposed));
    return form;
  }

  private matrix(address: number, {filter, transposed}: ProductShape): WeightMatrix {
    const {kh, kw, inChannels, outChannels} = filter;
    return {address, k: kh * kw * inChannels, outChannels, transposed};
  }
}
