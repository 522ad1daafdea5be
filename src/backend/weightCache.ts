import {allBlocks, packFilter, winogradMatrices, type BlockStatistics, type FilterShape} from '../packed';
import {asMatrix, choosePath, cutLayer, layerStatistics, type Cut, type LayerPath, type Variant} from '../plan';
import {freeWeights, uploadWeights, uploadWinograd, type HeapWeights, type TfjsHeap} from '../runtime';
import {options} from './config';

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
  /** Its values `[kh, kw, inChannels, outChannels]`, as a view that the next allocation kills. */
  read(): Float32Array;
}

/** What the cache knows of one weight tensor read as one matrix. */
interface CachedLayer {
  readonly k: number;
  readonly outChannels: number;
  readonly transposed: boolean;
  readonly statistics: BlockStatistics;
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
    private readonly heap: TfjsHeap,
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
    const {statistics} = layer;
    const geometry = {filter: source.shape, outputPixels, winogradTiles};
    let path =
      wanted === 'auto' ? choosePath(geometry, statistics, this.variant, skipZeros, !stockIsSlow).path : wanted;
    if (path.kind === 'winograd' && !winogradTiles) path = {kind: 'dense'};
    let resolved: ResolvedLayer | null = null;
    if (path.kind !== 'stock') {
      const entries = path.kind === 'packed' ? statistics.kept[path.n] : 0;
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
        freeWeights(this.heap, form);
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
    const statistics = layerStatistics(matrixOf(source), shape);
    const layer = {k, outChannels, transposed, statistics, forms: new Map()};
    if (layers) layers.push(layer);
    else this.layers.set(dataId, [layer]);
    return layer;
  }

  private form(source: WeightSource, layer: CachedLayer, path: Exclude<LayerPath, {kind: 'stock'}>): HeapWeights {
    const key = path.kind === 'packed' ? `1x${path.n}` : path.kind;
    const known = layer.forms.get(key);
    if (known) return known;
    const form = upload(this.heap, source, path);
    layer.forms.set(key, form);
    this.heldBytes += form.bytes;
    return form;
  }
}

function upload(heap: TfjsHeap, source: WeightSource, path: Exclude<LayerPath, {kind: 'stock'}>): HeapWeights {
  const {shape} = source;
  const weights = matrixOf(source);
  if (path.kind === 'winograd') return uploadWinograd(heap, winogradMatrices(weights, shape), shape.outChannels);
  const matrix = asMatrix(shape);
  const dense = path.kind === 'dense';
  const n = dense ? 8 : path.n;
  return uploadWeights(heap, packFilter(weights, matrix, n, dense ? allBlocks(matrix, n) : undefined), dense);
}

/** The weights as `[K, outChannels]`. */
function matrixOf({shape, transposed, read}: WeightSource): Float32Array {
  const values = read();
  if (!transposed) return values;
  const {outChannels} = shape;
  const k = shape.kh * shape.kw * shape.inChannels;
  const matrix = new Float32Array(values.length);
  for (let o = 0, i = 0; o < outChannels; o++) {
    for (let c = 0; c < k; c++, i++) matrix[c * outChannels + o] = values[i];
  }
  return matrix;
}
