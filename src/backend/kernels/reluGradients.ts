import type {TensorInfo} from '@tensorflow/tfjs-core';
import {Elementwise} from '../../../kernels/task';
import {runElementwise} from '../elementwise';
import {newKernel} from '../stockKernel';

/**
 * What a relu, or a relu6, hands on of the gradient `dy` to its output `y`, both of one shape: the values where the output
 * is not clipped, 0 elsewhere. tfjs has no such kernels, and writes them as comparisons and products.
 */
const gate = (kernelName: string, op: Elementwise) =>
  newKernel(kernelName, (backend, {dy, y}: {dy: TensorInfo; y: TensorInfo}) => {
    const row = dy.shape.reduce((size, dim) => size * dim, 1);
    return runElementwise(backend, {op, shape: dy.shape, x: dy, y, images: 1, repeats: 1, row});
  });

export const reluGradConfig = gate('ReluGrad', Elementwise.reluGradient);
export const relu6GradConfig = gate('Relu6Grad', Elementwise.relu6Gradient);
