/** Making packed models. */
import type {io} from '@tensorflow/tfjs-core';
import {
  BLOCK_SIZES,
  blockStatistics,
  fromFloat16,
  keptBits,
  keptBytes,
  negativeZeros,
  packFilter,
  signWords,
  toFloat16,
  unpackFilter,
  type BlockSize,
  type FilterShape,
} from '../../packed';
import {ModelGraph} from '../modelGraph';
import {DEPTHWISE_OPS} from '../opFamilies';
import {listLayers, readFilter, type Layer} from '../pruneLayers';
import {WeightStore} from '../weights';
import {layoutAttributes, PACKED_OP, seal} from './format';
import {unpackArtifacts} from './open';

export interface PackOptions {
  /**
   * Height of the blocks that are stored; output channels a block. Default 'auto': for each layer the N that takes the
   * fewest bytes, of equal ones the largest. On load a layer whose N the backend would choose goes to its kernel as it is;
   * any other is unpacked and packed anew on first use.
   */
  readonly n?: BlockSize | 'auto';
  /**
   * Stores all filters as float16, those that stay dense and those of depthwise convolutions too; one with values beyond
   * its range (65504) stays float32. Biases, batch norms and other constants keep their type. Default false: exact.
   */
  readonly float16?: boolean;
}

/** What became of one filter. Plain data, ready for JSON. */
export interface PackedLayerReport {
  /** The weight's name. */
  readonly weight: string;
  readonly shape: readonly number[];
  /** `null` where it stays dense. */
  readonly n: BlockSize | null;
  /** Blocks of that height that are stored, and all; `null` where it stays dense. */
  readonly blocks: {readonly stored: number; readonly all: number} | null;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Largest error of float16 as a share of the filter's largest value; 0 where it is exact. */
  readonly float16Error: number;
  /** Why it stays dense; `null` where it is packed. */
  readonly leftDense: string | null;
}

export interface PackReport {
  readonly layers: readonly PackedLayerReport[];
  /** Bytes of all weights. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** The largest of `float16Error`. */
  readonly float16Error: number;
}

export interface PackResult {
  readonly artifacts: io.ModelArtifacts;
  readonly report: PackReport;
}

/**
 * Packs the filters of convolutions and matrix products wherever fewer bytes hold them than before. The artifacts given,
 * packed already or not, are not changed; the same give the same bytes. A model none of whose filters is packed stays one
 * that loads without this package.
 *
 * @throws TypeError or RangeError naming an option that makes no sense; Error where the artifacts hold no graph model.
 */
export function packArtifacts(artifacts: io.ModelArtifacts, options: PackOptions = {}): PackResult {
  checkPackOptions(options);
  const plain = unpackArtifacts(artifacts);
  const graph = ModelGraph.from(plain);
  const layers = new Map(listLayers(graph, new Map()).map((layer) => [layer.weight, layer]));
  const reports = [...layers.values()].map((layer) => packLayer(graph, layer, options));
  if (options.float16) {
    for (const weight of depthwiseFilters(graph)) {
      if (!layers.has(weight)) reports.push(halve(graph, weight, 'the filter of a depthwise convolution'));
    }
  }
  let packed = graph.toArtifacts();
  const store = new WeightStore(packed.weightSpecs, packed.weightData);
  const parts = store.names().map((name) => store.encoded(name));
  if (reports.some(({n}) => n !== null)) packed = seal(packed, parts);
  return {
    artifacts: packed,
    report: {
      layers: reports,
      bytesBefore: graphBytes(plain),
      bytesAfter: parts.reduce((sum, {length}) => sum + length, 0),
      float16Error: Math.max(0, ...reports.map(({float16Error}) => float16Error)),
    },
  };
}

function checkPackOptions({n = 'auto', float16 = false, ...rest}: PackOptions): void {
  if (n !== 'auto' && !BLOCK_SIZES.includes(n)) {
    throw new RangeError(`packArtifacts: 'n' is ${String(n)}; 'auto' or one of ${BLOCK_SIZES.join(', ')} expected`);
  }
  if (typeof float16 !== 'boolean') {
    throw new TypeError(`packArtifacts: 'float16' is ${String(float16)}; true or false expected`);
  }
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new TypeError(`packArtifacts: unknown option '${unknown}'; known are n, float16`);
}

function graphBytes(artifacts: io.ModelArtifacts): number {
  const store = new WeightStore(artifacts.weightSpecs, artifacts.weightData);
  return store.names().reduce((sum, name) => sum + store.encoded(name).length, 0);
}

function packLayer(graph: ModelGraph, layer: Layer, {n: wanted = 'auto', float16}: PackOptions): PackedLayerReport {
  const {weight, transposed, description} = layer;
  const bytesBefore = graph.weightBytes(weight);
  const {quantization} = graph.weightSpec(weight);
  const exact = readFilter(graph, layer);
  const halves = float16 && !quantization ? toFloat16(exact) : null;
  const float16Error = halves ? errorOf(exact, halves) : 0;
  const rounds = halves !== null && float16Error < Infinity;
  const values = rounds ? fromFloat16(halves) : exact;
  const isHalf = rounds || quantization?.dtype === 'float16';

  const {kept, total} = blockStatistics(values, description);
  const {kh, kw, inChannels, outChannels} = description;
  const filterShape: FilterShape = {kh, kw, inChannels, outChannels};
  const bytesOf = (n: BlockSize) => kept[n] * kh * kw * n * (isHalf ? 2 : 4) + keptBytes(filterShape, n);
  const sizes = wanted === 'auto' ? BLOCK_SIZES : [wanted];
  const n = sizes.reduce((best, size) => (bytesOf(size) <= bytesOf(best) ? size : best));
  const dense = rounds ? 2 * values.length : bytesBefore;
  if (graph.isPinned(weight)) return halve(graph, weight, 'a library function or the initializer uses it', false);
  const filter = packFilter(values, filterShape, n);
  const signs = negativeZeros(values, unpackFilter(filter), filterShape);
  const bytesAfter = bytesOf(n) + (signs ? 4 * signWords(filterShape) : 0);
  if (bytesAfter >= dense) {
    return halve(graph, weight, `packed it takes ${bytesAfter} bytes, dense ${dense}`, rounds);
  }

  const shape = [...graph.weightShape(weight)];
  const name = (part: string) => graph.freeName(`${weight}/${part}`);
  const inputs = [name('kept'), name('values')];
  const bits = keptBits(filter);
  const bytes = {dtype: 'uint8', scale: 1, min: 0} as const;
  graph.setEncodedWeight({name: inputs[0], shape: [bits.length], dtype: 'int32', quantization: bytes}, bits);
  if (isHalf) setHalves(graph, inputs[1], [filter.values.length], toFloat16(filter.values));
  else graph.addWeight(inputs[1], filter.values, [filter.values.length]);
  if (signs) {
    inputs.push(name('signs'));
    graph.addWeight(inputs[2], signs, [signs.length]);
  }
  const attr = layoutAttributes({...filterShape, n, rank: shape.length, transposed});
  graph.replaceWeight({name: weight, op: PACKED_OP, input: inputs, attr});
  const blocks = {stored: kept[n], all: total[n]};
  return {weight, shape, n, blocks, bytesBefore, bytesAfter, float16Error: rounds ? float16Error : 0, leftDense: null};
}

/** Leaves a filter dense, as float16 if that is asked for and holds its values. */
function halve(graph: ModelGraph, weight: string, leftDense: string, wanted = true): PackedLayerReport {
  const bytesBefore = graph.weightBytes(weight);
  const {shape, quantization} = graph.weightSpec(weight);
  const report = {weight, shape: [...shape], n: null, blocks: null, bytesBefore, leftDense};
  if (wanted && !quantization) {
    const values = graph.weightValues(weight);
    const halves = toFloat16(values);
    const float16Error = errorOf(values, halves);
    if (float16Error < Infinity) {
      setHalves(graph, weight, [...shape], halves);
      return {...report, bytesAfter: 2 * values.length, float16Error};
    }
  }
  return {...report, bytesAfter: bytesBefore, float16Error: 0};
}

function setHalves(graph: ModelGraph, name: string, shape: number[], halves: Uint16Array): void {
  const bytes = new Uint8Array(halves.buffer);
  graph.setEncodedWeight({name, shape, dtype: 'float32', quantization: {dtype: 'float16'}}, bytes);
}

/** Largest error as a share of the largest value; infinite where a value becomes infinite. */
function errorOf(values: Float32Array, halves: Uint16Array): number {
  const rounded = fromFloat16(halves);
  let [largest, error] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = Math.abs(values[i]);
    if (!(value < Infinity)) continue;
    if (value > largest) largest = value;
    const difference = Math.abs(rounded[i] - values[i]);
    if (difference > error) error = difference;
  }
  return error && error / largest;
}

function depthwiseFilters(graph: ModelGraph): string[] {
  const filters = graph
    .allNodes()
    .filter(({op, name}) => DEPTHWISE_OPS.has(op) && graph.isLive(name))
    .map((node) => graph.constantBehind(graph.inputs(node)[1].node));
  const isFilter = (name: string | undefined): name is string =>
    name !== undefined && graph.weightType(name) === 'float32' && !graph.isPinned(name);
  return [...new Set(filters)].filter(isFilter);
}
