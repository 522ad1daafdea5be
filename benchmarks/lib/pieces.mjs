// What the planner (src/plan) makes of a layer: the pieces that threads take.
import {importTypeScript} from './bundle.mjs';

const {choosePath, cutDepthwise, cutLayer, depthwisePieces, winogradTiles} =
  await importTypeScript('src/plan/index.ts');
const {COST_CONSTANTS, THREAD_COST} = await importTypeScript('src/plan/costConstants.ts');
const {pathName} = await importTypeScript('src/plan/costModel.ts');

const BLOCK_SIZES = [1, 2, 4, 8, 16, 32];

/**
 * @typedef {object} PlannedLayer nanoseconds as the cost model expects them
 * @property {string} name
 * @property {number} alone what one thread takes, without `call`
 * @property {number} call what is not shared out: the beginning of a call
 * @property {number} fork dispatch to the workers; 0 where the calling thread runs alone
 * @property {number[]} pieces in the order in which threads take them; one where the calling thread runs alone
 */

/**
 * Plans layers with dense weights.
 *
 * @param {readonly import('./architectures.mjs').ArchitectureLayer[]} layers
 * @param {number} threads
 * @param {'relaxed' | 'simd128'} variant
 * @returns {PlannedLayer[]}
 */
export function planLayers(layers, threads, variant) {
  return layers.map((layer) =>
    layer.kind === 'depthwise' ? planDepthwise(layer, threads) : planConvolution(layer, threads, variant),
  );
}

function planConvolution({name, kernel, stride, inChannels, outChannels, outSize}, threads, variant) {
  const filter = {kh: kernel, kw: kernel, inChannels, outChannels};
  const tiles = winogradTiles(filter, [stride], [1, outSize, outSize]);
  const geometry = {filter, outputPixels: outSize * outSize, winogradTiles: tiles};
  const k = kernel * kernel * inChannels;
  const counts = Object.fromEntries(BLOCK_SIZES.map((n) => [n, k * Math.ceil(outChannels / n)]));
  const statistics = {nonzeros: k * outChannels, size: k * outChannels, kept: counts, total: counts};

  const {path, expectedMs} = choosePath(geometry, statistics, variant);
  const plan = (count) => {
    const {call} = COST_CONSTANTS[variant][pathName(path, geometry.outputPixels, k)];
    // Stock's kernels run on the calling thread.
    if (path.kind === 'stock') return {call, fork: 0, pieces: [expectedMs * 1e6 - call]};
    const {pieces, parallel} = cutLayer(geometry, path, path.kind === 'packed' ? counts[path.n] : 0, variant, count);
    return parallel ? {call, fork: THREAD_COST.fork, pieces} : {call, fork: 0, pieces: [pieces[0] - call]};
  };
  return {name, alone: plan(1).pieces[0], ...plan(threads)};
}

function planDepthwise({name, kernel, stride, inChannels, outSize}, threads) {
  const layer = {
    batch: 1,
    outHeight: outSize,
    outWidth: outSize,
    outChannels: inChannels,
    multiplier: 1,
    kernelHeight: kernel,
    kernelWidth: kernel,
    strideHeight: stride,
    strideWidth: stride,
    dilationHeight: 1,
    dilationWidth: 1,
  };
  const plan = (count) => depthwisePieces(layer, cutDepthwise(layer, count));
  const pieces = plan(threads);
  return {name, alone: plan(1)[0], call: 0, fork: pieces.length > 1 ? THREAD_COST.fork : 0, pieces};
}
