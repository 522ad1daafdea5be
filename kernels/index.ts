// What the WebAssembly module exports.
export {packTaps} from './depthwiseConv2d';
export {runAlone} from './jobs';
export {isDone, publish, runSteps, waitUntilDone, work} from './threads';
