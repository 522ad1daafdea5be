import {Conv2DBackpropFilter, type Conv2DBackpropFilterAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {gradient} from '../gradients';
import {newKernel} from '../stockKernel';

/** TensorFlow Conv2DBackpropFilter: x [batch, inHeight, inWidth, inChannels], dy [batch, outHeight, outWidth, outChannels]. */
export const conv2DBackpropFilterConfig = newKernel<{x: TensorInfo; dy: TensorInfo}, Conv2DBackpropFilterAttrs>(
  Conv2DBackpropFilter,
  (backend, {x, dy}, attrs) => {
    const shapes = {input: x.shape, filter: attrs.filterShape};
    return gradient(backend, Conv2DBackpropFilter, 'filterGradient', {first: x, dy}, shapes, attrs);
  },
);
