/**
 * Gradients of tfjs's kernels, for those who import neither the union package nor tfjs-layers: tfjs-core alone brings none
 * along. What networks need, each by its definition.
 */
import {
  Abs,
  add,
  Add,
  AddN,
  AvgPool,
  backend_util,
  BatchMatMul,
  broadcast_util,
  Cast,
  cast,
  ClipByValue,
  Concat,
  concat,
  Conv2D,
  Conv2DBackpropInput,
  DepthToSpace,
  DepthwiseConv2dNative,
  div,
  Elu,
  EluGrad,
  engine,
  Exp,
  ExpandDims,
  fill,
  FusedBatchNorm,
  GatherV2,
  getBackend,
  getGradient,
  getKernel,
  type GradConfig,
  greater,
  greaterEqual,
  Identity,
  LeakyRelu,
  less,
  lessEqual,
  Log,
  logicalAnd,
  matMul,
  Maximum,
  MaxPool,
  Mean,
  Minimum,
  mul,
  Multiply,
  Neg,
  neg,
  onesLike,
  Pack,
  pad,
  PadV2,
  pow,
  Prelu,
  tidy,
  dispose,
  RealDiv,
  registerGradient,
  Relu,
  Relu6,
  Reshape,
  reshape,
  ResizeBilinear,
  ResizeNearestNeighbor,
  Rsqrt,
  rsqrt,
  Sigmoid,
  sign,
  Slice,
  slice,
  slice_util,
  Softmax,
  split,
  SplitV,
  Sqrt,
  square,
  Square,
  SquaredDifference,
  stack,
  StridedSlice,
  sub,
  Sub,
  sum,
  Sum,
  Tanh,
  type Tensor,
  Transpose,
  transpose,
  Unpack,
  unstack,
  util,
  where,
  zerosLike,
} from '@tensorflow/tfjs-core';
import {
  avgPoolGradient,
  depthwiseFilterGradient,
  depthwiseInputGradient,
  filterGradient,
  inputGradient,
  runKernel,
  undilated,
  type Convolution,
  type Pooling,
} from './windowGradients';
import {gatherGradient, stridedSliceGradient, type GatherAttrs, type StridedSliceAttrs} from './indexGradients';

type GradFunc = GradConfig['gradFunc'];
type Grads = ReturnType<GradFunc>;
type Saved = Pick<GradConfig, 'inputsToSave' | 'saveAllInputs' | 'outputsToSave'>;

/**
 * What an activation that clips hands on of the gradient of its output.
 *
 * @param y its output, or its input
 * @param activation 'relu', 'relu6', or one that hands on all
 */
export function throughActivation(activation: string, dy: Tensor, y: Tensor): Tensor {
  const kernel = {relu: 'ReluGrad', relu6: 'Relu6Grad'}[activation];
  if (kernel === undefined) return dy;
  if (getKernel(kernel, getBackend())) return runKernel(kernel, {dy, y});
  const above = greater(y, 0);
  return where(activation === 'relu' ? above : logicalAnd(above, less(y, 6)), dy, zerosLike(dy));
}

/** Sums a gradient over what was broadcast. */
function sumTo(gradient: Tensor, shape: number[]): Tensor {
  const axes = broadcast_util.getReductionAxes(shape, gradient.shape);
  return reshape(axes.length > 0 ? sum(gradient, axes) : gradient, shape);
}

type Binary = (dy: Tensor, a: Tensor, b: Tensor) => Tensor;
type Unary<A> = (dy: Tensor, saved: Tensor, attrs: A) => Tensor;

const AB: Saved = {inputsToSave: ['a', 'b']};
const X: Saved = {inputsToSave: ['x']};
const Y: Saved = {outputsToSave: [true]};

const binary = (kernelName: string, da: Binary, db: Binary): GradConfig => ({
  kernelName,
  ...AB,
  gradFunc: ((dy: Tensor, [a, b]: Tensor[]) => ({
    a: () => sumTo(da(dy, a, b), a.shape),
    b: () => sumTo(db(dy, a, b), b.shape),
  })) as GradFunc,
});

const unary = <A = object>(kernelName: string, saved: Saved, dx: Unary<A>, input = 'x'): GradConfig => ({
  kernelName,
  ...saved,
  gradFunc: ((dy: Tensor, [value]: Tensor[], attrs: unknown) => ({
    [input]: () => dx(dy, value, attrs as A),
  })) as GradFunc,
});

const general = (kernelName: string, saved: Saved, gradFunc: (...args: never[]) => Grads): GradConfig => ({
  kernelName,
  ...saved,
  gradFunc: gradFunc as unknown as GradFunc,
});

interface Axis {
  axis?: number | number[];
}

/** dy with the reduced axes again, of size 1. */
function unreduced(dy: Tensor, x: Tensor, {axis}: Axis): Tensor {
  const axes = util.parseAxisParam(axis ?? x.shape.map((_, i) => i), x.shape);
  return reshape(
    dy,
    x.shape.map((size, i) => (axes.includes(i) ? 1 : size)),
  );
}

const convolution = (kernelName: string, toInput: typeof inputGradient, toFilter: typeof filterGradient) =>
  general(kernelName, {inputsToSave: ['x', 'filter']}, (dy: Tensor, [x, filter]: Tensor[], attrs: Convolution) => {
    if (kernelName === Conv2D) undilated(attrs);
    return {x: () => toInput(dy, filter, x.shape, attrs), filter: () => toFilter(x, dy, filter.shape, attrs)};
  });

const reshaped = (kernelName: string, input = 'x') =>
  unary(kernelName, {inputsToSave: [input]}, (dy, x) => reshape(dy, x.shape), input);

const resizing = (kernelName: string) =>
  unary(
    kernelName,
    {inputsToSave: ['images']},
    (dy, images, attrs) => runKernel(`${kernelName}Grad`, {images, dy}, attrs),
    'images',
  );

const named = (gradients: Tensor[]): Grads => Object.fromEntries(gradients.map((tensor, i) => [i, () => tensor]));

const configs = (): GradConfig[] => [
  reshaped(Identity),
  reshaped(Reshape),
  reshaped(ExpandDims, 'input'),
  unary(Cast, {}, (dy) => cast(dy, 'float32')),
  binary(
    Add,
    (dy) => dy,
    (dy) => dy,
  ),
  binary(
    Sub,
    (dy) => dy,
    (dy) => neg(dy),
  ),
  binary(
    Multiply,
    (dy, _, b) => mul(dy, b),
    (dy, a) => mul(dy, a),
  ),
  binary(
    RealDiv,
    (dy, _, b) => div(dy, b),
    (dy, a, b) => neg(div(mul(dy, a), square(b))),
  ),
  binary(
    Maximum,
    (dy, a, b) => mul(dy, cast(greaterEqual(a, b), 'float32')),
    (dy, a, b) => mul(dy, cast(less(a, b), 'float32')),
  ),
  binary(
    Minimum,
    (dy, a, b) => mul(dy, cast(lessEqual(a, b), 'float32')),
    (dy, a, b) => mul(dy, cast(greater(a, b), 'float32')),
  ),
  binary(
    SquaredDifference,
    (dy, a, b) => mul(mul(dy, 2), sub(a, b)),
    (dy, a, b) => mul(mul(dy, 2), sub(b, a)),
  ),
  general(AddN, {saveAllInputs: true}, (dy: Tensor, saved: Tensor[]) => named(saved.map(() => dy))),
  unary(Relu, X, (dy, x) => throughActivation('relu', dy, x)),
  unary(Relu6, X, (dy, x) => throughActivation('relu6', dy, x)),
  unary<{alpha: number}>(LeakyRelu, X, (dy, x, {alpha}) => where(greater(x, 0), dy, mul(dy, alpha))),
  general(Prelu, {inputsToSave: ['x', 'alpha']}, (dy: Tensor, [x, alpha]: Tensor[]) => ({
    x: () => where(greater(x, 0), dy, mul(dy, alpha)),
    alpha: () => sumTo(where(greater(x, 0), zerosLike(dy), mul(dy, x)), alpha.shape),
  })),
  unary(Elu, Y, (dy, y) => runKernel(EluGrad, {dy, y})),
  unary(Sigmoid, Y, (dy, y) => mul(dy, mul(y, sub(1, y)))),
  unary(Tanh, Y, (dy, y) => mul(dy, sub(1, square(y)))),
  unary(Exp, Y, (dy, y) => mul(dy, y)),
  unary(Log, X, (dy, x) => div(dy, x)),
  unary(Sqrt, Y, (dy, y) => div(dy, mul(y, 2))),
  unary(Rsqrt, Y, (dy, y) => mul(dy, mul(-0.5, pow(y, 3)))),
  unary(Square, X, (dy, x) => mul(dy, mul(x, 2))),
  unary(Neg, {}, (dy) => neg(dy)),
  unary(Abs, X, (dy, x) => mul(dy, sign(x))),
  unary<{clipValueMin: number; clipValueMax: number}>(ClipByValue, X, (dy, x, {clipValueMin, clipValueMax}) =>
    where(logicalAnd(greaterEqual(x, clipValueMin), lessEqual(x, clipValueMax)), dy, zerosLike(dy)),
  ),
  unary<{dim: number}>(
    Softmax,
    Y,
    (dy, y, {dim}) => {
      const part = mul(dy, y);
      return sub(part, mul(sum(part, dim, true), y));
    },
    'logits',
  ),
  unary<Axis>(Sum, X, (dy, x, attrs) => mul(unreduced(dy, x, attrs), onesLike(x))),
  unary<Axis>(Mean, X, (dy, x, attrs) => mul(unreduced(dy, x, attrs), fill(x.shape, dy.size / x.size))),
  general(Concat, {saveAllInputs: true}, (dy: Tensor, saved: Tensor[], {axis}: {axis: number}) => {
    const [at] = util.parseAxisParam(axis, saved[0].shape);
    return named(
      split(
        dy,
        saved.map(({shape}) => shape[at]),
        at,
      ),
    );
  }),
  unary<{axis: number}>(SplitV, {}, (dy, _, {axis}) => concat(dy as unknown as Tensor[], axis)),
  general(Pack, {saveAllInputs: true}, (dy: Tensor, _: Tensor[], {axis}: {axis: number}) => named(unstack(dy, axis))),
  unary<{axis: number}>(Unpack, {}, (dy, _, {axis}) => stack(dy as unknown as Tensor[], axis), 'value'),
  unary<{begin: number[]; size: number[]}>(Slice, X, (dy, x, {begin, size}) => {
    const [from] = slice_util.parseSliceParams(x, begin, size);
    return pad(
      dy,
      x.shape.map((whole, i) => [from[i], whole - from[i] - dy.shape[i]] as [number, number]),
    );
  }),
  unary<StridedSliceAttrs>(StridedSlice, X, stridedSliceGradient),
  general(GatherV2, {inputsToSave: ['x', 'indices']}, (dy: Tensor, [x, indices]: Tensor[], attrs: GatherAttrs) => ({
    x: () => gatherGradient(dy, x, indices, attrs),
  })),
  unary<{perm: number[]}>(Transpose, {}, (dy, _, {perm}) => transpose(dy, backend_util.getUndoAxesPermutation(perm))),
  unary<{paddings: [number, number][]}>(PadV2, X, (dy, x, {paddings}) =>
    slice(
      dy,
      paddings.map(([before]) => before),
      x.shape,
    ),
  ),
  unary<{blockSize: number}>(DepthToSpace, X, (dy, x, {blockSize: block}) => {
    const [batch, height, width, channels] = x.shape;
    const blocks = reshape(dy, [batch, height, block, width, block * (channels / block ** 2)]);
    return reshape(transpose(blocks, [0, 1, 3, 2, 4]), x.shape);
  }),
  general(
    FusedBatchNorm,
    {inputsToSave: ['scale', 'variance']},
    (dy: Tensor, [scale, variance]: Tensor[], {varianceEpsilon}: {varianceEpsilon: number}) => ({
      x: () => mul(dy, mul(scale, rsqrt(add(variance, varianceEpsilon)))),
    }),
  ),
  general(MaxPool, {...X, ...Y}, (dy: Tensor, [x, y]: Tensor[], attrs: object) => ({
    x: () => runKernel('MaxPoolGrad', {dy, input: x, output: y}, attrs),
  })),
  unary<Pooling>(AvgPool, X, avgPoolGradient),
  resizing(ResizeBilinear),
  resizing(ResizeNearestNeighbor),
  convolution(Conv2D, inputGradient, filterGradient),
  convolution(DepthwiseConv2dNative, depthwiseInputGradient, depthwiseFilterGradient),
  general(
    Conv2DBackpropInput,
    {inputsToSave: ['dy', 'filter']},
    (ddx: Tensor, [dy, filter]: Tensor[], attrs: Convolution) => ({
      dy: () => runKernel(Conv2D, {x: ddx, filter}, {dilations: 1, dataFormat: 'NHWC', ...attrs}),
      filter: () => filterGradient(ddx, dy, filter.shape, attrs),
    }),
  ),
  general(
    BatchMatMul,
    AB,
    (dy: Tensor, [a, b]: Tensor[], {transposeA, transposeB}: {transposeA: boolean; transposeB: boolean}) => ({
      a: () => sumTo(transposeA ? matMul(b, dy, transposeB, true) : matMul(dy, b, false, !transposeB), a.shape),
      b: () => sumTo(transposeB ? matMul(dy, a, true, transposeA) : matMul(a, dy, !transposeA), b.shape),
    }),
  ),
];

/** Registers the gradients that nobody has registered. */
export function registerGradients(): void {
  for (const config of configs()) if (!getGradient(config.kernelName)) registerGradient(config);
}

/** Takes a gradient; of one that fails nothing is left on tfjs's tape. */
export function taped(run: () => void): void {
  try {
    tidy(run);
  } finally {
    const {state} = engine();
    if (state.activeTape && state.gradientDepth === 0) {
      for (const {saved} of state.activeTape as unknown as {saved?: Tensor[]}[]) if (saved) dispose(saved);
      state.activeTape = null as never;
    }
  }
}
