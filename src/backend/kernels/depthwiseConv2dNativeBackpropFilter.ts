import {
  DepthwiseConv2dNativeBackpropFilter,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import {gradient} from '../gradients';
import {newKernel} from '../stockKernel';

/** TensorFlow DepthwiseConv2dNativeBackpropFilter: x and dy in NHWC. */
export const depthwiseConv2dNativeBackpropFilterConfig = newKernel<
  {x: TensorInfo; dy: TensorInfo},
  DepthwiseConv2dNativeBackpropFilterAttrs
>(DepthwiseConv2dNativeBackpropFilter, (backend, {x, dy}, attrs) => {
  const shapes = {input: x.shape, filter: attrs.filterShape};
  const name = DepthwiseConv2dNativeBackpropFilter;
  return gradient(backend, name, 'depthwiseFilterGradient', {first: x, dy}, shapes, attrs);
});
