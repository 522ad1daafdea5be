import {
  DepthwiseConv2dNativeBackpropInput,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import {gradient} from '../gradients';
import {newKernel} from '../stockKernel';

/** TensorFlow DepthwiseConv2dNativeBackpropInput: dy in NHWC, filter [kh, kw, inChannels, multiplier]. */
export const depthwiseConv2dNativeBackpropInputConfig = newKernel<
  {dy: TensorInfo; filter: TensorInfo},
  DepthwiseConv2dNativeBackpropInputAttrs
>(DepthwiseConv2dNativeBackpropInput, (backend, {dy, filter}, attrs) => {
  const shapes = {input: attrs.inputShape, filter: filter.shape};
  const name = DepthwiseConv2dNativeBackpropInput;
  return gradient(backend, name, 'depthwiseInputGradient', {first: filter, dy}, shapes, attrs);
});
