/** TensorFlow ops that behave alike towards shapes and channels. */

/** One tensor in, one of the same shape out; every element depends on its own input alone. */
export const UNARY_OPS: ReadonlySet<string> = new Set([
  ...['Identity', 'Snapshot', 'StopGradient', 'Cast'],
  ...['Relu', 'Relu6', 'LeakyRelu', 'Elu', 'Selu', 'Sigmoid', 'Tanh', 'Softplus', 'Erf'],
  ...['Abs', 'Neg', 'Sign', 'Square', 'Sqrt', 'Rsqrt', 'Reciprocal', 'Exp', 'Expm1', 'Log', 'Log1p'],
  ...['Ceil', 'Floor', 'Round', 'Sin', 'Cos', 'Tan', 'Sinh', 'Cosh', 'Asin', 'Acos', 'Atan', 'Asinh', 'Acosh', 'Atanh'],
  ...['IsNan', 'IsInf', 'IsFinite', 'LogicalNot'],
]);

/** Two tensors in, broadcast against each other; every element depends on one element of each. */
export const BINARY_OPS: ReadonlySet<string> = new Set([
  ...['Add', 'AddV2', 'Sub', 'Mul', 'Div', 'RealDiv', 'DivNoNan', 'FloorDiv', 'Mod', 'FloorMod'],
  ...['Maximum', 'Minimum', 'Pow', 'SquaredDifference', 'Atan2'],
  ...['Equal', 'NotEqual', 'Greater', 'GreaterEqual', 'Less', 'LessEqual', 'LogicalAnd', 'LogicalOr'],
]);

/** A tensor and its axes in; `keep_dims` says whether these stay with size 1. */
export const REDUCTION_OPS: ReadonlySet<string> = new Set(['Mean', 'Max', 'Min', 'Sum', 'Prod', 'Any', 'All']);

/** Convolutions over all input channels, filter `[kh, kw, inChannels, outChannels]` at input 1. */
export const CONVOLUTION_OPS: ReadonlySet<string> = new Set(['Conv2D', '_FusedConv2D']);

/** Convolutions of each channel for itself, filter `[kh, kw, channels, multiplier]` at input 1. */
export const DEPTHWISE_OPS: ReadonlySet<string> = new Set([
  'DepthwiseConv2d',
  'DepthwiseConv2dNative',
  'FusedDepthwiseConv2dNative',
]);

/** Products of matrices, `[K, M]` weights at input 1. */
export const MATMUL_OPS: ReadonlySet<string> = new Set(['MatMul', '_FusedMatMul', 'BatchMatMul', 'BatchMatMulV2']);
