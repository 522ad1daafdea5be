// What the WebAssembly module exports.
export {conv2d} from './conv2d';
export {depthwiseConv2d} from './depthwiseConv2d';
export {depthToSpace, meanPixels, pad4d} from './spatial';
