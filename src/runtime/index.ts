export {chooseVariant, hasRelaxedSimd, hasSimd, type KernelVariant} from './features';
export {TfjsHeap, type EmscriptenHeap} from './heap';
export {instantiateKernels, type KernelModule} from './kernelModule';
export {hasDepthwiseKernel, KernelRunner, type Conv2DCall, type DepthwiseCall} from './kernelRunner';
export {freeWeights, uploadWeights, type HeapWeights} from './packedWeights';
export type {ConvGeometry, Epilogue} from './taskArena';
