// A page with script tags: tfjs and the bundle under test are globals.
import {comparePage} from './comparePage.mjs';

globalThis.compareInPage = (request) => {
  const {tf, blocksparse1xn} = globalThis;
  const {loadGraphModel} = tf;
  const {setWasmPaths} = tf.wasm;
  return comparePage({tf, loadGraphModel, setWasmPaths, blocksparse: blocksparse1xn}, request);
};
