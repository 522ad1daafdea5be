// What the WebAssembly module exports.
export {prepareDepthwiseConv2d} from './depthwiseConv2d';
export {runAlone} from './jobs';
export {isDone, publish, waitUntilDone, work} from './threads';
