import {allBlocks, packFilter, type BlockStatistics, type FilterShape} from '../packed';
import {asMatrix, choosePath, layerStatistics, type LayerPath, type Variant} from '../plan';
import {freeWeights, uploadWeights, type HeapWeights, type TfjsHeap} from '../runtime';
import {options} from './config';

/** What the cache knows of one weight tensor read as one matrix. */
interface CachedLayer {
  readonly shape: FilterShape;
  readonly statistics: BlockStatistics;
  /** Uploaded forms by path: a layer may be used at two image sizes and choose differently. */
  readonly forms: Map<string, HeapWeights>;
  readonly choices: Map<number, LayerPath>;
}

/** A weight tensor as the cache sees it. `read` gives its values `[kh, kw, inChannels, outChannels]`, valid until the next allocation. */
export interface WeightSource {
  readonly dataId: object;
  readonly shape: FilterShape;
  /** The tensor holds the transposed matrix `[outChannels, K]` (MatMul's transposeB). */
  readonly transposed: boolean;
  read(): Float32Array;
}

/**
 * Packed weights by tensor. tfjs never changes a tensor's data in place: what a variable is assigned is new data under a
 * new id, so an entry is right for as long as its id lives. Whoever owns the ids calls `release` when one dies.
 */
export class WeightCache {
  private readonly layers = new Map<object, Map<string, CachedLayer>>();
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
    for (const layers of this.layers.values()) for (const {forms} of layers.values()) if (forms.size) packed++;
    return packed;
  }

  /** The path that the options or the cost model choose for a weight at this number of output pixels. */
  path(source: WeightSource, outputPixels: number): LayerPath {
    const forced = options().path;
    if (forced !== 'auto') return forced;
    const layer = this.layer(source);
    let path = layer.choices.get(outputPixels);
    if (!path) {
      path = choosePath({filter: source.shape, outputPixels}, layer.statistics, this.variant).path;
      layer.choices.set(outputPixels, path);
    }
    if (path.kind === 'packed' && !options().skipZeros) return {kind: 'dense'};
    return path;
  }

  /** The weights in the heap in the form that `path` needs; packed on first use. */
  weights(source: WeightSource, path: Exclude<LayerPath, {kind: 'stock'}>): HeapWeights {
    const layer = this.layer(source);
    const key = path.kind === 'dense' ? 'dense' : `1x${path.n}`;
    let form = layer.forms.get(key);
    if (!form) {
      const values = rows(source);
      const matrix = asMatrix(source.shape);
      const n = path.kind === 'dense' ? 8 : path.n;
      const packed = packFilter(values, matrix, n, path.kind === 'dense' ? allBlocks(matrix, n) : undefined);
      form = uploadWeights(this.heap, packed, path.kind === 'dense');
      layer.forms.set(key, form);
      this.heldBytes += form.bytes;
    }
    return form;
  }

  /** Frees every form of a tensor's data. */
  release(dataId: object): void {
    const layers = this.layers.get(dataId);
    if (!layers) return;
    this.layers.delete(dataId);
    for (const {forms} of layers.values()) {
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
    let layers = this.layers.get(source.dataId);
    if (!layers) this.layers.set(source.dataId, (layers = new Map()));
    const {kh, kw, inChannels, outChannels} = source.shape;
    const key = `${kh * kw * inChannels}x${outChannels}${source.transposed ? 't' : ''}`; // reshapes share their data
    let layer = layers.get(key);
    if (!layer) {
      const statistics = layerStatistics(rows(source), source.shape);
      layer = {shape: source.shape, statistics, forms: new Map(), choices: new Map()};
      layers.set(key, layer);
    }
    return layer;
  }
}

/** The weights as `[K, outChannels]`. */
function rows({shape, transposed, read}: WeightSource): Float32Array {
  const values = read();
  if (!transposed) return values;
  const k = shape.kh * shape.kw * shape.inChannels;
  const result = new Float32Array(values.length);
  for (let o = 0, i = 0; o < shape.outChannels; o++)
    for (let c = 0; c < k; c++, i++) result[c * shape.outChannels + o] = values[i];
  return result;
}
