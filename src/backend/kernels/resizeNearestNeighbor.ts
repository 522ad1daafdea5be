import {ResizeNearestNeighbor, type ResizeNearestNeighborAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import {resizeImages} from '../resize';
import {ourKernel} from '../stockKernel';

/** TensorFlow ResizeNearestNeighbor: images [batch, height, width, channels]. */
export const resizeNearestNeighborConfig = ourKernel(
  ResizeNearestNeighbor,
  (backend, {images}: {images: TensorInfo}, attrs: ResizeNearestNeighborAttrs) =>
    resizeImages(backend, images, attrs, Job.resizeNearest),
);
