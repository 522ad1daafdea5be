import {engine, getBackend, tensor, type Tensor} from '@tensorflow/tfjs-core';
import type {PackedWeight} from '../packed';
import {activeBackend, BACKEND_NAME} from './register';

/** The tensor of a packed weight: in packed form while our backend is active, else with all its values. */
export function packedTensor(weight: PackedWeight): Tensor {
  const backend = activeBackend();
  return backend && getBackend() === BACKEND_NAME
    ? engine().makeTensorFromTensorInfo(backend.addPacked(weight), backend)
    : tensor(weight.values(), [...weight.shape], 'float32');
}
