/**
 * Layers of tfjs-layers as ops of a graph: what they do to channels and to the number of pixels. Nothing runs these ops;
 * one that treats channels alike stands for many.
 */
import {intsAttr, stringAttr, type Attributes} from './attributes';
import type {GraphSketch} from './graphSketch';
import {weightOf, type PrunableLayer} from './layersModel';

/** One call of a layer. */
export interface LayerCall {
  readonly sketch: GraphSketch;
  readonly layer: PrunableLayer;
  /** The layer's path: the name of its node. */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly inputShapes: ReadonlyArray<ReadonlyArray<number | null>>;
  readonly outputShape: ReadonlyArray<number | null>;
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

/** Elementwise ones; others, such as softmax, are left to their name. */
const ACTIVATIONS = 'relu relu6 sigmoid hardSigmoid tanh elu selu softplus softsign swish mish gelu gelu_new';

/** A node `name` of the layer's weight `key`. */
const weighted = (call: LayerCall, name: string, op: string, input: string, key: string, attr?: Attributes): string =>
  call.sketch.node(name, op, [input, weightOf(call.layer, key)!], attr);

/** Bias and activation behind a product. */
function finished(call: LayerCall, {activation = 'linear'}: LayerConfig, product: string): string {
  const {layer, name} = call;
  return activate(
    call,
    activation,
    weightOf(layer, 'bias') ? weighted(call, `${name}/BiasAdd`, 'BiasAdd', product, 'bias') : product,
  );
}

function activate({sketch, name, outputShape}: LayerCall, activation: string, input: string): string {
  if (activation === 'linear') return input;
  if (ACTIVATIONS.split(' ').includes(activation)) return sketch.node(`${name}/${activation}`, 'Relu', [input]);
  return sketch.opaque(`${name}/${activation}`, `${activation}Activation`, [input], [outputShape])[0];
}

const window = ({padding}: LayerConfig, strides: readonly number[], dilations: readonly number[]): Attributes => ({
  strides: intsAttr([1, ...strides, 1]),
  dilations: intsAttr([1, ...dilations, 1]),
  padding: stringAttr(padding.toUpperCase()),
  data_format: stringAttr('NHWC'),
});

const windowOf = (config: LayerConfig): Attributes => window(config, config.strides, config.dilationRate);

const elementwise: Translation = ({sketch, name, inputs}) => sketch.node(name, 'Relu', inputs);

/** Takes pixels from elsewhere or makes one of several, in each channel alike. */
const movePixels: Translation = ({sketch, name, inputs, outputShape}) => {
  const size = outputShape.slice(1, 3);
  const known = size.every((dim) => dim !== null);
  const sizes = known ? [sketch.constant(`${name}/size`, size as number[])] : [];
  return sketch.node(name, 'ResizeNearestNeighbor', [...inputs, ...sizes]);
};

const overPixels =
  (...axes: number[]): Translation =>
  ({sketch, name, inputs}) =>
    sketch.node(name, 'Mean', [...inputs, sketch.constant(`${name}/axes`, axes)]);

const merge =
  (op: string): Translation =>
  ({sketch, name, inputs, inputShapes}) =>
    // Of different ranks, tfjs-layers adds axes in the middle.
    inputShapes.every(({length}) => length === inputShapes[0].length)
      ? inputs.reduce((sum, input) => sketch.node(name, op, [sum, input]))
      : undefined;

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
  Conv2D: (call, config) =>
    finished(call, config, weighted(call, call.name, 'Conv2D', call.inputs[0], 'kernel', windowOf(config))),
  DepthwiseConv2D: (call, config) => {
    const [op, attr] = ['DepthwiseConv2dNative', windowOf(config)];
    return finished(call, config, weighted(call, call.name, op, call.inputs[0], 'depthwise_kernel', attr));
  },
  SeparableConv2D: (call, config) => {
    const {name, inputs} = call;
    const [op, attr] = ['DepthwiseConv2dNative', windowOf(config)];
    const depthwise = weighted(call, `${name}/depthwise`, op, inputs[0], 'depthwise_kernel', attr);
    const pointwise = window(config, [1, 1], [1, 1]);
    return finished(call, config, weighted(call, name, 'Conv2D', depthwise, 'pointwise_kernel', pointwise));
  },
  Dense: (call, config) => {
    const op = call.inputShapes[0].length === 2 ? 'MatMul' : 'BatchMatMulV2';
    return finished(call, config, weighted(call, call.name, op, call.inputs[0], 'kernel'));
  },
  BatchNormalization: (call, {axis}) => {
    const {layer, name, inputs, inputShapes} = call;
    if (axis !== -1 && axis !== inputShapes[0].length - 1) return undefined;
    const steps = {moving_mean: 'Sub', moving_variance: 'Mul', gamma: 'Mul', beta: 'AddV2'};
    return Object.entries(steps).reduce(
      (input, [key, op]) => (weightOf(layer, key) ? weighted(call, `${name}/by_${key}`, op, input, key) : input),
      inputs[0],
    );
  },
  PReLU: (call) => weighted(call, call.name, 'Prelu', call.inputs[0], 'alpha'),
  Activation: (call, {activation}) => activate(call, activation!, call.inputs[0]),
  ...all(['ReLU', 'LeakyReLU', 'ELU', 'ThresholdedReLU', 'Rescaling'], elementwise),
  ...all(['Dropout', 'SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout'], elementwise),
  ...all(['MaxPooling2D', 'AveragePooling2D', 'UpSampling2D', 'ZeroPadding2D', 'Cropping2D'], movePixels),
  ...all(['GlobalAveragePooling2D', 'GlobalMaxPooling2D'], overPixels(1, 2)),
  ...all(['GlobalAveragePooling1D', 'GlobalMaxPooling1D'], overPixels(1)),
  ...all(['Add', 'Average'], merge('AddV2')),
  Multiply: merge('Mul'),
  Maximum: merge('Maximum'),
  Minimum: merge('Minimum'),
  Concatenate: ({sketch, name, inputs}, {axis}) =>
    sketch.node(name, 'ConcatV2', [...inputs, sketch.constant(`${name}/axis`, [axis], [])]),
  ...all(['Flatten', 'Reshape'], reshape),
  Permute: ({sketch, name, inputs}, {dims}) =>
    sketch.node(name, 'Transpose', [...inputs, sketch.constant(`${name}/order`, [0, ...dims])]),
});
