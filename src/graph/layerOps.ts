/**
 * Layers of tfjs-layers as ops of a graph: what they do to channels and to the number of pixels. An op that treats channels
 * alike may stand for many: then the layer itself computes the node, or its activation.
 */
import {add, mul, rsqrt, type Tensor} from '@tensorflow/tfjs-core';
import {intAttr, intsAttr, stringAttr, stringsAttr, type Attributes} from './attributes';
import type {GraphSketch} from './graphSketch';
import type {NodeRun} from './layerRuns';
import {inferLayer, weightOf, type LayerWeight, type PrunableLayer} from './layersModel';

/** One call of a layer. */
export interface LayerCall {
  readonly sketch: GraphSketch;
  readonly layer: PrunableLayer;
  /** The layer's path: the name of its node. */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly inputShapes: ReadonlyArray<ReadonlyArray<number | null>>;
  readonly outputShape: ReadonlyArray<number | null>;
  /** Whether nothing but this call takes its first input. */
  readonly takesAlone: boolean;
}

/** What `getConfig` of the layers below may give. */
interface LayerConfig {
  readonly strides: readonly [number, number];
  readonly dilationRate: readonly [number, number];
  readonly padding: string;
  readonly dataFormat?: string;
  readonly activation?: string;
  readonly axis: number;
  readonly dims: readonly number[];
  readonly epsilon: number;
}

/** Adds a layer's nodes and gives the name of the last one; `undefined` where the layer is beyond it. */
type Translation = (call: LayerCall, config: LayerConfig) => string | undefined;

/**
 * Adds the ops of a layer of one output to the sketch.
 *
 * @returns the name of the last node, or why there is none.
 */
export function translateLayer(call: LayerCall): string | {readonly reason: string} {
  const className = call.layer.getClassName();
  const config = call.layer.getConfig() as LayerConfig;
  if (config.dataFormat === 'channelsFirst') return {reason: 'its channels do not come last'};
  return (
    translations().get(className)?.(call, config) ?? {
      reason: `what a ${className} layer like this does to channels is not known`,
    }
  );
}

/** The weight that pruning zeros blocks of, by class of layer. */
export const PRUNED_WEIGHT: Readonly<Record<string, string | undefined>> = {
  Conv2D: 'kernel',
  SeparableConv2D: 'pointwise_kernel',
  Dense: 'kernel',
};

/** By their names in tfjs-layers, the elementwise ones that an op computes alike. */
const ACTIVATION_OPS: Readonly<Record<string, string | undefined>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  elu: 'Elu',
  selu: 'Selu',
  softplus: 'Softplus',
  softmax: 'Softmax',
};
/** Elementwise ones without an op; those of no name here may be anything. */
const OTHER_ACTIVATIONS = 'hardSigmoid softsign swish mish gelu gelu_new'.split(' ');

/** Activations that are fused into a product, as `fused_ops` names them. */
const FUSED: Readonly<Record<string, readonly string[] | undefined>> = {
  linear: [],
  relu: ['Relu'],
  relu6: ['Relu6'],
};
const FUSED_OPS: Readonly<Record<string, string | undefined>> = {
  Conv2D: '_FusedConv2D',
  DepthwiseConv2dNative: 'FusedDepthwiseConv2dNative',
  MatMul: '_FusedMatMul',
};

const withBias = (activations: readonly string[]): Attributes => ({
  fused_ops: stringsAttr(['BiasAdd', ...activations]),
  num_args: intAttr(1),
});

/** A node `name` of the layer's weight `key`. */
const weighted = (
  call: LayerCall,
  name: string,
  op: string,
  input: string,
  key: string,
  attr?: Attributes,
  run?: NodeRun,
): string => call.sketch.node(name, op, [input, weightOf(call.layer, key)!], attr, run);

/** A product, the layer's bias and its activation. */
function product(
  call: LayerCall,
  {activation = 'linear'}: LayerConfig,
  op: string,
  input: string,
  key: string,
  attr: Attributes = {},
): string {
  const {sketch, layer, name} = call;
  const [weight, bias, fused] = [weightOf(layer, key)!, weightOf(layer, 'bias'), FUSED[activation]];
  const fusedOp = FUSED_OPS[op];
  if (bias && fused && fusedOp) {
    return sketch.node(name, fusedOp, [input, weight, bias], {...attr, ...withBias(fused)});
  }
  const result = weighted(call, name, op, input, key, attr);
  return activate(call, activation, bias ? weighted(call, `${name}/BiasAdd`, 'BiasAdd', result, 'bias') : result);
}

/**
 * Lets the product before a batch normalisation subtract the mean, as a bias that a repair can fit; `false` where there is
 * none, or it has a bias.
 */
function subtractedBefore({sketch, inputs: [product], takesAlone}: LayerCall, mean: LayerWeight): boolean {
  const op = takesAlone ? sketch.opOfUnused(product) : undefined;
  const fusedOp = op === undefined ? undefined : FUSED_OPS[op];
  if (fusedOp === undefined) return false;
  sketch.subtract(product, fusedOp, mean, withBias([]));
  return true;
}

function activate({sketch, layer, name, outputShape}: LayerCall, activation: string, input: string): string {
  if (activation === 'linear') return input;
  const op = ACTIVATION_OPS[activation];
  if (op) return sketch.node(`${name}/${activation}`, op, [input]);
  // What tfjs-layers makes of the name; its types keep that to themselves.
  const computes = (layer as {activation?: {apply(x: Tensor): Tensor}}).activation!;
  const run: NodeRun = ([x]) => computes.apply(x);
  if (OTHER_ACTIVATIONS.includes(activation)) return sketch.node(`${name}/${activation}`, 'Relu', [input], {}, run);
  return sketch.opaque(`${name}/${activation}`, `${activation}Activation`, [input], [outputShape], run)[0];
}

const window = ({padding}: LayerConfig, strides: readonly number[], dilations: readonly number[]): Attributes => ({
  strides: intsAttr([1, ...strides, 1]),
  dilations: intsAttr([1, ...dilations, 1]),
  padding: stringAttr(padding.toUpperCase()),
  data_format: stringAttr('NHWC'),
});

const windowOf = (config: LayerConfig): Attributes => window(config, config.strides, config.dilationRate);

const elementwise: Translation = ({sketch, layer, name, inputs}) =>
  sketch.node(name, 'Relu', inputs, {}, inferLayer(layer));

/** The layer without what the op has besides: sizes and axes. */
const ofFirst =
  (layer: PrunableLayer, count = 1): NodeRun =>
  (inputs) =>
    inferLayer(layer)(inputs.slice(0, count));

/** Takes pixels from elsewhere or makes one of several, in each channel alike. */
const movePixels: Translation = ({sketch, layer, name, inputs, outputShape}) => {
  const size = outputShape.slice(1, 3);
  const known = size.every((dim) => dim !== null);
  const sizes = known ? [sketch.constant(`${name}/size`, size as number[])] : [];
  return sketch.node(name, 'ResizeNearestNeighbor', [...inputs, ...sizes], {}, ofFirst(layer));
};

const overPixels =
  (...axes: number[]): Translation =>
  ({sketch, layer, name, inputs}) =>
    sketch.node(name, 'Mean', [...inputs, sketch.constant(`${name}/axes`, axes)], {}, ofFirst(layer));

const merge =
  (op: string): Translation =>
  ({sketch, name, inputs, inputShapes}) =>
    // Of different ranks, tfjs-layers adds axes in the middle.
    inputShapes.every(({length}) => length === inputShapes[0].length)
      ? inputs.reduce((sum, input) => sketch.node(name, op, [sum, input]))
      : undefined;

const average: Translation = (call, config) => {
  const sum = merge('AddV2')(call, config);
  const share: NodeRun = ([x]) => mul(x, 1 / call.inputs.length);
  return sum === undefined ? undefined : call.sketch.node(`${call.name}/average`, 'Relu', [sum], {}, share);
};

const reshape: Translation = ({sketch, name, inputs, outputShape: [, ...sizes]}) =>
  sizes.includes(null)
    ? undefined
    : sketch.node(name, 'Reshape', [...inputs, sketch.constant(`${name}/shape`, [-1, ...(sizes as number[])])]);

let table: ReadonlyMap<string, Translation> | undefined;

/** By class of layer. Made when it is asked for: bundlers leave it out of apps that do not. */
const translations = (): ReadonlyMap<string, Translation> => (table ??= new Map(Object.entries(makeTranslations())));

const all = (names: readonly string[], translation: Translation): Record<string, Translation> =>
  Object.fromEntries(names.map((name) => [name, translation]));

const makeTranslations = (): Record<string, Translation> => ({
  Conv2D: (call, config) => product(call, config, 'Conv2D', call.inputs[0], 'kernel', windowOf(config)),
  DepthwiseConv2D: (call, config) => {
    const op = 'DepthwiseConv2dNative';
    return product(call, config, op, call.inputs[0], 'depthwise_kernel', windowOf(config));
  },
  SeparableConv2D: (call, config) => {
    const {name, inputs} = call;
    const [op, attr] = ['DepthwiseConv2dNative', windowOf(config)];
    const depthwise = weighted(call, `${name}/depthwise`, op, inputs[0], 'depthwise_kernel', attr);
    return product(call, config, 'Conv2D', depthwise, 'pointwise_kernel', window(config, [1, 1], [1, 1]));
  },
  Dense: (call, config) => {
    const op = call.inputShapes[0].length === 2 ? 'MatMul' : 'BatchMatMulV2';
    return product(call, config, op, call.inputs[0], 'kernel');
  },
  BatchNormalization: (call, {axis, epsilon}) => {
    const {layer, name, inputs, inputShapes} = call;
    if (axis !== -1 && axis !== inputShapes[0].length - 1) return undefined;
    const deviation: NodeRun = ([x, variance]) => mul(x, rsqrt(add(variance, epsilon)));
    const steps = [
      {key: 'moving_mean', op: 'Sub'},
      {key: 'moving_variance', op: 'Mul', run: deviation},
      {key: 'gamma', op: 'Mul'},
      {key: 'beta', op: 'AddV2'},
    ];
    const left = subtractedBefore(call, weightOf(layer, 'moving_mean')!) ? steps.slice(1) : steps;
    return left.reduce(
      (input, {key, op, run}) =>
        weightOf(layer, key) ? weighted(call, `${name}/by_${key}`, op, input, key, {}, run) : input,
      inputs[0],
    );
  },
  PReLU: (call) => weighted(call, call.name, 'Prelu', call.inputs[0], 'alpha'),
  Activation: (call, {activation}) => activate(call, activation!, call.inputs[0]),
  Softmax: ({sketch, name, inputs, inputShapes}, {axis}) =>
    axis === -1 || axis === inputShapes[0].length - 1 ? sketch.node(name, 'Softmax', inputs) : undefined,
  ...all(['ReLU', 'LeakyReLU', 'ELU', 'ThresholdedReLU', 'Rescaling'], elementwise),
  ...all(['Dropout', 'SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout'], elementwise),
  ...all(['MaxPooling2D', 'AveragePooling2D', 'UpSampling2D', 'ZeroPadding2D', 'Cropping2D'], movePixels),
  ...all(['GlobalAveragePooling2D', 'GlobalMaxPooling2D'], overPixels(1, 2)),
  ...all(['GlobalAveragePooling1D', 'GlobalMaxPooling1D'], overPixels(1)),
  Add: merge('AddV2'),
  Average: average,
  Multiply: merge('Mul'),
  Maximum: merge('Maximum'),
  Minimum: merge('Minimum'),
  Concatenate: ({sketch, layer, name, inputs}, {axis}) => {
    const operands = [...inputs, sketch.constant(`${name}/axis`, [axis], [])];
    return sketch.node(name, 'ConcatV2', operands, {}, ofFirst(layer, inputs.length));
  },
  ...all(['Flatten', 'Reshape'], reshape),
  Permute: ({sketch, name, inputs}, {dims}) =>
    sketch.node(name, 'Transpose', [...inputs, sketch.constant(`${name}/order`, [0, ...dims])]),
});
