import {registerOp, type GraphModel} from '@tensorflow/tfjs-converter';
import {engine, fused, type Tensor, type Tensor4D} from '@tensorflow/tfjs-core';

/** A node as the graph executor keeps it; not public, therefore looked at with care. */
interface ExecutorNode {
  op: string;
  category: string;
  attrParams?: Readonly<Record<string, {readonly value?: unknown} | undefined>>;
  rawAttrs?: object;
}

/** The fused ops of a converted graph, with the kernels and the functions of tfjs that run them. */
const FUSED = {
  _FusedConv2D: {kernel: 'FusedConv2D', op: fused.conv2d},
  FusedDepthwiseConv2dNative: {kernel: 'FusedDepthwiseConv2D', op: fused.depthwiseConv2d},
} as const;

const ACTIVATIONS = [undefined, 'relu', 'relu6', 'sigmoid', 'elu'] as const;

/** Attributes of both kernels. */
interface FusedAttrs {
  readonly strides: [number, number];
  readonly dilations: [number, number];
  readonly pad: 'same' | 'valid';
  readonly dataFormat: 'NHWC';
  readonly activation: 'linear' | Exclude<(typeof ACTIVATIONS)[number], undefined>;
}

/**
 * Lets the fused convolutions of a loaded model call their kernels at once. tfjs's executor parses a node's attributes and
 * converts its tensors anew for every inference, some 10 microseconds a layer: 0.35 of the 7 ms that MobileNetV2 takes
 * when three quarters of its blocks are pruned. What the kernels get is the same. Where a call is not as usual (another
 * rank or type, shapes that do not match, a gradient), tfjs's own function runs as before, and so do its errors.
 */
export function callKernelsDirectly(model: GraphModel): void {
  const {executor} = model as unknown as {executor?: {graph?: {nodes?: Record<string, ExecutorNode>}}};
  for (const node of Object.values(executor?.graph?.nodes ?? {})) {
    const attrs = attrsOf(node);
    if (!attrs) continue;
    // Nodes of the same attributes, of whatever model, share an op.
    const name = `${node.op} ${JSON.stringify(attrs)}`;
    register(name, node.op as keyof typeof FUSED, attrs);
    node.op = name;
    node.category = 'custom';
    node.rawAttrs = {};
  }
}

function register(name: string, fusedOp: keyof typeof FUSED, attrs: FusedAttrs): void {
  const {kernel, op} = FUSED[fusedOp];
  const kernelAttrs = {...attrs};
  registerOp(name, ({inputs}) => {
    const [x, filter, bias] = inputs as [Tensor4D, Tensor4D, Tensor];
    const tfjs = engine();
    const usual =
      x.rank === 4 && x.dtype === 'float32' && x.shape[3] === filter.shape[2] && tfjs.state.gradientDepth === 0;
    if (!usual) return op({x, filter, bias, ...attrs});
    return tfjs.runKernel<Tensor>(kernel, {x, filter, bias}, kernelAttrs);
  });
}

/** Whether a custom op was registered here. */
export function isDirectCall(op: string): boolean {
  return Object.keys(FUSED).some((fused) => op.startsWith(`${fused} {`));
}

/** The attributes of a node that can be called directly, null for all others. */
function attrsOf({op, attrParams}: ExecutorNode): FusedAttrs | null {
  const value = (name: string) => attrParams?.[name]?.value;
  const [strides, dilations, fusedOps, pad] = ['strides', 'dilations', 'fusedOps', 'pad'].map(value);
  const known =
    op in FUSED &&
    isPerAxis(strides) &&
    isPerAxis(dilations) &&
    Array.isArray(fusedOps) &&
    fusedOps[0] === 'biasadd' &&
    ACTIVATIONS.includes(fusedOps[1]) &&
    fusedOps.length <= 2 &&
    value('numArgs') === 1 &&
    (pad === 'same' || pad === 'valid') &&
    String(value('dataFormat')).toUpperCase() === 'NHWC';
  if (!known) return null;
  return {
    strides: [strides[1], strides[2]],
    dilations: [dilations[1], dilations[2]],
    pad,
    dataFormat: 'NHWC',
    activation: fusedOps[1] ?? 'linear',
  };
}

function isPerAxis(value: unknown): value is number[] {
  return Array.isArray(value) && value.length === 4;
}
