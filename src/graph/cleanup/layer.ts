/**
 * Convolutions, depthwise convolutions and matrix products seen alike: an
 * input, a filter, perhaps a bias, perhaps an activation. Reading one from a
 * node and writing one as a node follow tfjs-converter 4.22's
 * convolution_executor.ts and matrices_executor.ts.
 */
import {intAttr, readDataFormat, readFlag, readFusedOps, stringsAttr, type Attributes} from '../attributes';
import {parseRef, type GraphNode, type ModelGraph} from '../modelGraph';

export type LayerKind = 'conv' | 'depthwise' | 'matmul';

export interface Layer {
  readonly kind: LayerKind;
  /** The node it was read from. */
  readonly node: GraphNode;
  /** The node's inputs as written. */
  readonly input: string;
  readonly filter: string;
  readonly bias?: string;
  /** 'linear', or a fused activation's name in lower case. */
  readonly activation: string;
  /** Output channels: the length of a bias. */
  readonly channels: number;
}

const FUSED_OP: Readonly<Record<LayerKind, string>> = {
  conv: '_FusedConv2D',
  depthwise: 'FusedDepthwiseConv2dNative',
  matmul: '_FusedMatMul',
};
const KIND_BY_OP: Readonly<Record<string, LayerKind>> = {
  Conv2D: 'conv',
  _FusedConv2D: 'conv',
  DepthwiseConv2d: 'depthwise',
  DepthwiseConv2dNative: 'depthwise',
  FusedDepthwiseConv2dNative: 'depthwise',
  MatMul: 'matmul',
  _FusedMatMul: 'matmul',
};

/**
 * Reads a node as a layer; `undefined` where it is none that the clean-up
 * may touch: another op, NCHW, control inputs, a filter that is no float32
 * constant of the usual rank, a transposed matrix, or a fusion tfjs does not
 * know.
 */
export function readLayer(graph: ModelGraph, node: GraphNode): Layer | undefined {
  const kind = KIND_BY_OP[node.op];
  if (kind === undefined || readDataFormat(node) !== 'NHWC') return undefined;
  const inputs = node.input ?? [];
  if (inputs.length < 2 || inputs.some((input) => parseRef(input).control)) return undefined;

  const filterName = graph.constantBehind(parseRef(inputs[1]).node);
  if (filterName === undefined || graph.weightType(filterName) !== 'float32') return undefined;
  const channels = outputChannels(kind, node, graph.weightShape(filterName));
  if (channels === undefined) return undefined;

  const [extra = 'noop', activation = 'linear'] = readFusedOps(node);
  const hasBias = extra === 'biasadd';
  if (!hasBias && extra !== 'noop' && extra !== '') return undefined;
  if (activation === 'linear' && inputs.length !== (hasBias ? 3 : 2)) return undefined;
  return {
    kind,
    node,
    input: inputs[0],
    filter: inputs[1],
    bias: hasBias ? inputs[2] : undefined,
    activation,
    channels,
  };
}

/** What a layer becomes: absent fields stay as they are. */
export interface LayerChange {
  readonly filter?: string;
  readonly bias?: string;
  readonly activation?: {
    /** As in `fused_ops`, e.g. 'Relu6'. */
    readonly name: string;
    /** The weights of a Prelu, as an input. */
    readonly alpha?: string;
    readonly attr?: Attributes;
  };
}

/** A node called `name` that computes the activation-free `layer` with the change. */
export function writeLayer(layer: Layer, name: string, change: LayerChange): GraphNode {
  const bias = change.bias ?? layer.bias;
  const operands = [layer.input, change.filter ?? layer.filter];
  if (bias === undefined && change.activation === undefined) {
    return {...layer.node, name, input: operands};
  }
  const extras = [bias, change.activation?.alpha].filter((input) => input !== undefined);
  const activation = change.activation === undefined ? [] : [change.activation.name];
  return {
    name,
    op: FUSED_OP[layer.kind],
    input: [...operands, ...extras],
    attr: {
      ...layer.node.attr,
      fused_ops: stringsAttr([bias === undefined ? 'NoOp' : 'BiasAdd', ...activation]),
      num_args: intAttr(extras.length),
      ...change.activation?.attr,
    },
  };
}

function outputChannels(kind: LayerKind, node: GraphNode, shape: readonly number[]): number | undefined {
  if (kind === 'matmul') {
    // Stock wasm 4.22 adds a fused bias to the wrong elements where an operand is transposed or there is a batch.
    const transposed = readFlag(node, 'transpose_a') || readFlag(node, 'transpose_b');
    return shape.length === 2 && !transposed ? shape[1] : undefined;
  }
  if (shape.length !== 4) return undefined;
  return kind === 'conv' ? shape[3] : shape[2] * shape[3];
}
