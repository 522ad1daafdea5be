/** Gradients of what goes over images by windows: convolutions and average pooling. */
import {
  backend_util,
  Conv2DBackpropFilter,
  Conv2DBackpropInput,
  DepthwiseConv2dNativeBackpropFilter,
  DepthwiseConv2dNativeBackpropInput,
  engine,
  mul,
  tensor,
  type NamedAttrMap,
  type NamedTensorMap,
  type Tensor,
} from '@tensorflow/tfjs-core';

/** Runs a kernel as it is, unrecorded ones included. */
export const runKernel = (name: string, inputs: object, attrs: object = {}): Tensor =>
  engine().runKernel(name, inputs as NamedTensorMap, attrs as NamedAttrMap);

export interface Convolution {
  strides: number | [number, number];
  pad: backend_util.ExplicitPadding | 'same' | 'valid' | number;
  dataFormat?: string;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dilations?: number | [number, number];
}

/** With regard to a convolution's input. */
export const inputGradient = (dy: Tensor, filter: Tensor, inputShape: number[], attrs: Convolution) =>
  runKernel(Conv2DBackpropInput, {dy, filter}, {dataFormat: 'NHWC', ...attrs, inputShape});

/** With regard to its filter. */
export const filterGradient = (x: Tensor, dy: Tensor, filterShape: number[], attrs: Convolution) =>
  runKernel(Conv2DBackpropFilter, {x, dy}, {dataFormat: 'NHWC', ...attrs, filterShape});

/** As `inputGradient`, of a depthwise convolution. */
export const depthwiseInputGradient = (dy: Tensor, filter: Tensor, inputShape: number[], attrs: Convolution) =>
  runKernel(DepthwiseConv2dNativeBackpropInput, {dy, filter}, {dilations: 1, ...attrs, inputShape});

/** As `filterGradient`, of a depthwise convolution. */
export const depthwiseFilterGradient = (x: Tensor, dy: Tensor, filterShape: number[], attrs: Convolution) =>
  runKernel(DepthwiseConv2dNativeBackpropFilter, {x, dy}, {dilations: 1, ...attrs, filterShape});

/** @throws Error for dilations, which these kernels do not take */
export function undilated({dilations = 1}: Convolution): void {
  if ([dilations].flat().some((step) => step > 1)) throw new Error('dilation rates greater than 1 have no gradient.');
}

export interface Pooling {
  filterSize: number | [number, number];
  strides: number | [number, number];
  pad: Convolution['pad'];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** tfjs's kernel divides by the whole window, also where the mean was one of fewer pixels. */
export function avgPoolGradient(dy: Tensor, x: Tensor, attrs: Pooling): Tensor {
  const {filterSize, strides, pad, dimRoundingMode} = attrs;
  const shape = x.shape as [number, number, number, number];
  const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const {outHeight, outWidth, filterHeight, filterWidth, padInfo} = info;
  const shares = (outputs: number, stride: number, window: number, before: number, inputs: number) =>
    Array.from({length: outputs}, (_, i) => {
      const first = i * stride - before;
      return window / (Math.min(inputs, first + window) - Math.max(0, first));
    });
  const rows = shares(outHeight, info.strideHeight, filterHeight, padInfo.top, info.inHeight);
  const columns = shares(outWidth, info.strideWidth, filterWidth, padInfo.left, info.inWidth);
  const scale = mul(tensor(rows, [outHeight, 1, 1]), tensor(columns, [outWidth, 1]));
  return runKernel('AvgPoolGrad', {dy: mul(dy, scale), input: x}, attrs);
}
