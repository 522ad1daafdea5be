/**
 * Convolutions of graph models in training. tfjs takes a fused convolution apart while a gradient is taken, and keeps what
 * each of the parts has computed; here it stays one kernel whose gradient needs its input and its output alone.
 */
import {registerOp} from '@tensorflow/tfjs-converter';
import {
  type backend_util,
  customGrad,
  FusedConv2D,
  FusedDepthwiseConv2D,
  sum,
  type Tensor,
} from '@tensorflow/tfjs-core';
import {readDataFormat, readFusedOps, readPadding, readSpatial, stringAttr} from './attributes';
import {throughActivation} from './kernelGradients';
import type {GraphNode, ModelGraph} from './modelGraph';
import {CONVOLUTION_OPS, DEPTHWISE_OPS} from './opFamilies';
import {
  depthwiseFilterGradient,
  depthwiseInputGradient,
  filterGradient,
  inputGradient,
  runKernel,
} from './windowGradients';

const OP = 'TrainableConvolution';
const ATTRIBUTE = 'convolution';

/** What a node of `OP` computes; in JSON, in lower case, as tfjs hands attributes on. */
interface Spec {
  readonly depthwise: boolean;
  readonly activation: 'linear' | 'relu' | 'relu6';
  readonly strides: [number, number];
  readonly pad: ReturnType<typeof readPadding>;
  /** Nothing before it is trained: no gradient of its input is asked for. */
  readonly first: boolean;
}

/**
 * The node that computes the same in training: NHWC, undilated, followed by a bias, a relu or relu6, or nothing. Otherwise
 * the node itself, which tfjs differentiates in its way.
 */
export function trainableNode(graph: ModelGraph, node: GraphNode, first: boolean): GraphNode {
  const depthwise = DEPTHWISE_OPS.has(node.op);
  const [bias, activation = 'linear', ...more] = readFusedOps(node).filter((name) => name !== 'noop');
  const known = activation === 'linear' || activation === 'relu' || activation === 'relu6';
  const plain = readSpatial(node, 'dilations').every((step) => step === 1) && readDataFormat(node) === 'NHWC';
  if (!(depthwise || CONVOLUTION_OPS.has(node.op)) || !plain || !known || more.length > 0) return node;
  if (bias !== undefined && bias !== 'biasadd') return node;
  const inputs = graph.inputs(node);
  if (inputs.length !== (bias ? 3 : 2)) return node;
  const spec: Spec = {depthwise, activation, strides: readSpatial(node, 'strides'), pad: readPadding(node), first};
  return {...node, op: OP, attr: {[ATTRIBUTE]: stringAttr(JSON.stringify(spec))}};
}

/** Makes tfjs-converter know these nodes. */
export function registerTrainableConv(): void {
  registerOp(OP, ({inputs, attrs}) => {
    const [x, filter, bias] = inputs;
    const {depthwise, activation, strides, pad, first} = JSON.parse(attrs[ATTRIBUTE] as string) as Spec;
    const attributes = {strides, pad: pad as backend_util.ExplicitPadding};
    const forward = depthwise ? FusedDepthwiseConv2D : FusedConv2D;
    const [toInput, toFilter] = depthwise
      ? [depthwiseInputGradient, depthwiseFilterGradient]
      : [inputGradient, filterGradient];
    return customGrad((...args) => {
      const save = args.pop() as unknown as (tensors: Tensor[]) => void;
      const y = runKernel(
        forward,
        {x, filter, bias},
        {...attributes, activation, dilations: [1, 1], dataFormat: 'NHWC', dimRoundingMode: undefined},
      );
      save([x, filter, y]);
      const gradFunc = (dy: Tensor, [input, weights, output]: Tensor[]) => {
        const inner = throughActivation(activation, dy, output);
        const gradients = [
          ...(first ? [] : [toInput(inner, weights, input.shape, attributes)]),
          toFilter(input, inner, weights.shape, attributes),
          ...(bias ? [sum(inner, [0, 1, 2])] : []),
        ];
        if (inner !== dy) inner.dispose();
        return gradients;
      };
      return {value: y, gradFunc};
    })(...(first ? inputs.slice(1) : inputs));
  });
}
