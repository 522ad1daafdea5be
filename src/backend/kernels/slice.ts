import {Slice, type SliceAttrs, slice_util, type Tensor, type TensorInfo} from '@tensorflow/tfjs-core';
import {cutBox} from '../copies';
import {ourKernel} from '../stockKernel';

/** TensorFlow Slice. */
export const sliceConfig = ourKernel(Slice, (backend, {x}: {x: TensorInfo}, attrs: SliceAttrs) => {
  const [begin, size] = slice_util.parseSliceParams(x as Tensor, attrs.begin, attrs.size);
  return cutBox(backend, x, begin, size, size);
});
