export {Conv2DRunner, type Conv2DCall, type Conv2DGeometry, type Epilogue} from './conv2dTask';
export {chooseVariant, hasRelaxedSimd, hasSimd, type KernelVariant} from './features';
export {TfjsHeap, type EmscriptenHeap} from './heap';
export {instantiateKernels, type KernelModule} from './kernelModule';
export {freeWeights, uploadWeights, type HeapWeights} from './packedWeights';
