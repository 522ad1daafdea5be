import {ResizeBilinear, type ResizeBilinearAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import {resizeImages} from '../resize';
import {ourKernel} from '../stockKernel';

/** TensorFlow ResizeBilinear: images [batch, height, width, channels]. */
export const resizeBilinearConfig = ourKernel(
  ResizeBilinear,
  (backend, {images}: {images: TensorInfo}, attrs: ResizeBilinearAttrs) =>
    resizeImages(backend, images, attrs, Job.resizeBilinear),
);
