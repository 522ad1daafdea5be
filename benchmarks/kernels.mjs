// npm run bench:kernels: GFLOP/s of every path for the shapes of kernels/shapes.json, beside stock's kernel and the
// measured peak. In this Node process; engines take turns, in a new order each round.
//
//   --filter TEXT   only shapes whose name contains TEXT      --rounds N   rounds a shape (default 30; one pixel: 20 N)
//   --density N     share of blocks kept, percent (default 50)  --variant simd128|relaxed (default: the best there is)
//   --threads LIST  threads of our paths, e.g. 1,2 (default 1); workers spin when a kernel begins
//   --break-even    instead: the share pruned from which N = 8, 4, 2 and 1 are as fast as our dense path, for K >= 96
//   --dispatch      instead of kernels: microseconds of a parallel region without work (default: 2 to 16 threads, as cores)
//   --json          the last line of the output is a JSON object
import {readFileSync} from 'node:fs';
import {availableParallelism} from 'node:os';
import {parseArgs} from 'node:util';
import {setFlagsFromString} from 'node:v8';
import {GOALS, SPARSITIES, breakEven, breakEvenTable, hasGoal} from './lib/breakEven.mjs';
import {importTypeScript} from './lib/bundle.mjs';
import {measureDispatch, wakeWorkers} from './lib/dispatch.mjs';
import {peakMeter} from './peak.mjs';

const {values: flags} = parseArgs({
  options: {
    filter: {type: 'string', default: ''},
    rounds: {type: 'string', default: '30'},
    density: {type: 'string', default: '50'},
    variant: {type: 'string', default: 'auto'},
    threads: {type: 'string'},
    'break-even': {type: 'boolean', default: false},
    dispatch: {type: 'boolean', default: false},
    json: {type: 'boolean', default: false},
  },
});
// Node 20 has it behind a flag, which Node 22 no longer knows.
const old = Number(process.versions.node.split('.')[0]) < 22;
if (flags.variant === 'relaxed' && old) setFlagsFromString('--experimental-wasm-relaxed-simd');

const tf = await import('@tensorflow/tfjs-core');
await import('@tensorflow/tfjs-backend-wasm');
const {configure, backendInfo} = await import('../dist/index.mjs');
const {winogradTiles} = await importTypeScript('src/plan/winogradTiles.ts');

const OURS = 'blocksparse-1xn';
/** So many times more rounds for shapes of one pixel. */
const ONE_PIXEL_ROUNDS = 20;
const CONV_PATHS = [
  'auto',
  {kind: 'dense'},
  {kind: 'winograd'},
  ...[1, 2, 4, 8, 16, 32].map((n) => ({kind: 'packed', n})),
];
const label = (path) => (path === 'auto' ? path : path.kind === 'packed' ? `1x${path.n}` : path.kind);
const table = JSON.parse(readFileSync(new URL('../kernels/shapes.json', import.meta.url)));
const rounds = Number(flags.rounds);
const density = Number(flags.density) / 100;
const cores = Math.max(2, Math.min(16, availableParallelism()));
const usualThreads = flags.dispatch ? Array.from({length: cores - 1}, (_, i) => i + 2) : [1];
const threadCounts = flags.threads?.split(',').map(Number) ?? usualThreads;

// All the workers that will be needed start here; later fewer threads take part.
configure({variant: flags.variant, threads: Math.max(...threadCounts)});
await tf.setBackend(OURS);
const {variant, threads: started, reasons} = backendInfo();
if (started < Math.max(...threadCounts)) throw new Error(`${started} threads: ${reasons.join('; ')}`);
let roof = 0;

if (flags.dispatch) await printDispatch();
else if (flags['break-even']) await printBreakEven();
else await printKernels(await peakMeter(variant));

async function printKernels(peak) {
  console.log(
    `variant ${variant}, ${flags.density}% of blocks kept, GFLOP/s of the work done (minimum of ${rounds} rounds)`,
  );
  console.log(
    "in brackets: stock's time / ours; auto, dense and winograd (3x3, stride 1) run on weights without zeros",
  );
  if (threadCounts.length > 1) {
    console.log(`further rows, in brackets: the time on ${threadsInWords(threadCounts[0])} / theirs`);
  }
  const results = await measureTable('convolution', table.bench, 'FusedConv2D', CONV_PATHS, peak);
  const depthwise = await measureTable('depthwise', table.depthwiseBench, 'FusedDepthwiseConv2D', ['auto'], peak);
  console.log(`measured peak: ${roof.toFixed(1)} GFLOP/s a core`);
  if (!flags.json) return;
  const {node} = process.versions;
  console.log(JSON.stringify({variant, node, density, roof, threads: threadCounts, results, depthwise}));
}

async function printBreakEven() {
  const {node} = process.versions;
  console.log(`variant ${variant}, Node ${node}; minimum of ${rounds} rounds, ! where the goal is missed`);
  const layers = [];
  for (const shape of table.bench.filter((shape) => hasGoal(shape) && shape.name.includes(flags.filter))) {
    const layer = {name: shape.name, denseMs: {}, points: {}, shares: {}};
    for (const n of GOALS.keys()) {
      const packed = SPARSITIES.map((sparsity) => ourEngine({kind: 'packed', n}, 1 - sparsity));
      const dense = ourEngine({kind: 'dense'}, 1);
      await timeEngines(shape, 'FusedConv2D', [dense, ...packed]);
      layer.denseMs[n] = dense.ms;
      layer.points[n] = packed.map(({ms}, i) => ({sparsity: SPARSITIES[i], ms}));
      layer.shares[n] = breakEven(layer.points[n], dense.ms);
    }
    layers.push(layer);
    // The heading once, then each layer as it is done.
    for (const line of breakEvenTable([layer]).slice(layers.length > 1 ? 2 : 0)) console.log(line);
  }
  if (flags.json) console.log(JSON.stringify({variant, node, breakEven: layers}));
}

async function printDispatch() {
  console.log(`variant ${variant}, Node ${process.versions.node}; microseconds: median (10th to 90th percentile)`);
  const columns = {spinning: 'workers spin', asleep: 'workers asleep', unit: 'taking one unit'};
  console.log(
    'threads'.padEnd(8),
    Object.values(columns)
      .map((title) => title.padStart(26))
      .join(''),
  );
  const results = [];
  for (const threads of threadCounts) {
    configure({threads});
    const times = await measureDispatch(tf.backend().runner, rounds);
    results.push({threads, ...times});
    const cells = Object.keys(columns).map((name) => {
      const {low, median, high} = times[name];
      return `${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`.padStart(26);
    });
    console.log(String(threads).padEnd(8), cells.join(''));
  }
  if (flags.json) console.log(JSON.stringify({variant, dispatchMicroseconds: results}));
}

async function measureTable(title, rows, kernelName, paths, peak) {
  const columns = ['stock', ...paths.map(label)];
  const shapes = rows.filter((shape) => shape.name.includes(flags.filter));
  if (shapes.length) console.log(title.padEnd(30), columns.map((name) => name.padStart(14)).join(''));
  const measured = [];
  for (const shape of shapes) {
    const result = await measure(shape, kernelName, paths, peak);
    measured.push(result);
    for (const threads of threadCounts) {
      const first = threads === threadCounts[0];
      const cells = columns.map((name) => {
        if (name === 'stock') return (first ? result.engines.stock.gflops.toFixed(1) : '').padStart(14);
        const engine = result.engines[engineName(name, threads)];
        if (!engine) return ''.padStart(14);
        const {gflops, ratio, ms} = engine;
        const gain = result.engines[engineName(name, threadCounts[0])].ms / ms;
        return `${gflops.toFixed(1)} (${first ? ratio.toFixed(2) : `${gain.toFixed(2)}x`})`.padStart(14);
      });
      console.log((first ? shape.name : `  ${threadsInWords(threads)}`).padEnd(30), cells.join(''));
    }
  }
  return measured;
}

/** The cost model is fitted to the names without a number of threads (fitCostModel.mjs). */
function engineName(pathLabel, threads) {
  return threads === 1 ? pathLabel : `${pathLabel}, ${threadsInWords(threads)}`;
}

function threadsInWords(threads) {
  return threads === 1 ? '1 thread' : `${threads} threads`;
}

async function measure(shape, kernelName, paths, peak) {
  const {batch, cin, cout = 1, k, size} = shape;
  const attrs = attributes(shape);
  const filterShape = {kh: k[0], kw: k[1], inChannels: cin, outChannels: cout};
  const tilesOf = (outShape) => winogradTiles(filterShape, [...attrs.strides, ...attrs.dilations], outShape);
  const engines = {stock: {backend: 'wasm', share: 1, threads: 1}};
  for (const path of paths) {
    if (path.kind === 'winograd' && !tilesOf([batch, ...size])) continue;
    for (const threads of threadCounts) {
      engines[engineName(label(path), threads)] = ourEngine(path, path.kind === 'packed' ? density : 1, threads);
    }
  }
  const outShape = await timeEngines(shape, kernelName, Object.values(engines), () => {
    roof = Math.max(roof, peak());
  });
  const pixels = outShape[0] * outShape[1] * outShape[2];
  const flops = 2 * pixels * k[0] * k[1] * cin * cout;
  for (const engine of Object.values(engines)) {
    engine.gflops = (flops * engine.share) / engine.ms / 1e6;
    engine.ratio = engines.stock.ms / engine.ms;
  }
  const direct = k[0] * k[1] === 1;
  return {name: shape.name, pixels, winogradTiles: tilesOf(outShape), k: k[0] * k[1] * cin, cout, direct, engines};
}

function ourEngine(path, share, threads = 1) {
  return {backend: OURS, path, n: path.n, share, threads};
}

function attributes(shape) {
  return {
    strides: shape.stride ?? [1, 1],
    pad: shape.pad ?? 'valid',
    dilations: shape.dilation ?? [1, 1],
    dataFormat: 'NHWC',
    activation: 'relu6',
  };
}

/** Gives each engine its smallest time as `ms`; returns the output's shape. */
async function timeEngines(shape, kernelName, engines, eachRound = () => {}) {
  const {batch, cin, cout = 1, k, size} = shape;
  const depthwise = shape.cout === undefined;
  const attrs = attributes(shape);
  const inputs = new Map();
  for (const engine of engines) {
    await tf.setBackend(engine.backend);
    inputs.set(engine, {
      x: tf.randomUniform([batch, ...size, cin], -1, 1),
      filter: tf.tensor4d(blocks([...k, cin, cout], engine.n ?? 1, engine.share), [...k, cin, cout]),
      bias: tf.zeros([depthwise ? cin : cout]),
    });
    engine.ms = Infinity;
  }
  let outShape = [];
  // A shape of one pixel takes microseconds: its minimum needs more rounds to settle.
  const enough = size[0] * size[1] === 1 ? ONE_PIXEL_ROUNDS * rounds : rounds;
  for (let round = -3; round < enough; round++) {
    if (round >= 0) eachRound();
    for (const engine of shuffled(engines)) {
      // Stock's kernels, also where ours calls them, are bound to the heap of the backend that is active.
      await tf.setBackend(engine.backend);
      const {backend} = tf.engine();
      const kernel = tf.getKernel(kernelName, engine.backend).kernelFunc;
      warmUp(backend, kernel, depthwise);
      configure({path: engine.path ?? 'auto', threads: engine.threads});
      if (engine.threads > 1) wakeWorkers(backend.runner);
      const start = performance.now();
      const out = kernel({inputs: inputs.get(engine), attrs, backend});
      const ms = performance.now() - start;
      backend.disposeData(out.dataId);
      outShape = out.shape;
      if (round >= 0) engine.ms = Math.min(engine.ms, ms);
    }
  }
  for (const tensors of inputs.values()) tf.dispose(tensors);
  return outShape;
}

/** Calls that are too small to fill a cache, on stock's kernel: binding it anew makes its next call slow. */
function warmUp(backend, kernel, depthwise) {
  const inputs = {x: tf.ones([1, 1, 1, 8]), filter: tf.ones([1, 1, 8, depthwise ? 1 : 8]), bias: tf.zeros([8])};
  const attrs = {strides: [1, 1], pad: 'valid', dilations: [1, 1], dataFormat: 'NHWC', activation: 'relu6'};
  configure({path: {kind: 'stock'}});
  for (let i = 0; i < 2; i++) backend.disposeData(kernel({inputs, attrs, backend}).dataId);
  tf.dispose(inputs);
}

/** A new order each round: who runs after whom decides what is in the caches. */
function shuffled(list) {
  return list
    .map((item) => [Math.random(), item])
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}

/** Random weights of which whole 1xN blocks are zero. */
function blocks([kh, kw, cin, cout], n, share) {
  const weights = new Float32Array(kh * kw * cin * cout);
  for (let c = 0; c < kh * kw * cin; c++) {
    for (let first = 0; first < cout; first += n) {
      if (Math.random() >= share) continue;
      for (let o = first; o < Math.min(first + n, cout); o++) weights[c * cout + o] = Math.random() * 2 - 1;
    }
  }
  return weights;
}
