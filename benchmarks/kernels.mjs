// npm run bench:kernels: GFLOP/s of every path for the shapes of kernels/shapes.json, beside stock's kernel and the
// measured peak. One thread, in this Node process; engines take turns, in a new order each round.
//
//   --filter TEXT   only shapes whose name contains TEXT      --rounds N   rounds a shape (default 30)
//   --density N     share of blocks kept, percent (default 50)  --variant simd128|relaxed (default: the best there is)
import {readFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {setFlagsFromString} from 'node:v8';
import {peakMeter} from './peak.mjs';

const {values: flags} = parseArgs({
  options: {
    filter: {type: 'string', default: ''},
    rounds: {type: 'string', default: '30'},
    density: {type: 'string', default: '50'},
    variant: {type: 'string', default: 'auto'},
    json: {type: 'boolean', default: false},
  },
});
if (flags.variant === 'relaxed') setFlagsFromString('--experimental-wasm-relaxed-simd');

const tf = await import('@tensorflow/tfjs-core');
await import('@tensorflow/tfjs-backend-wasm');
const {configure, backendInfo} = await import('../dist/index.mjs');

const OURS = 'blocksparse-1xn';
const PATHS = ['auto', {kind: 'dense'}, ...[1, 2, 4, 8, 16, 32].map((n) => ({kind: 'packed', n}))];
const label = (path) => (path === 'auto' ? path : path.kind === 'packed' ? `1x${path.n}` : path.kind);
const shapes = JSON.parse(readFileSync(new URL('../kernels/shapes.json', import.meta.url))).bench.filter((shape) =>
  shape.name.includes(flags.filter),
);
const rounds = Number(flags.rounds);
const density = Number(flags.density) / 100;

configure({variant: flags.variant});
await tf.setBackend(OURS);
const {variant} = backendInfo();
const ours = tf.engine().backend;
await tf.setBackend('wasm');
const stock = tf.engine().backend;
const peak = await peakMeter(variant);
let roof = 0;

const columns = ['stock', ...PATHS.map(label)];
const results = [];
console.log(
  `variant ${variant}, ${flags.density}% of blocks kept, GFLOP/s of the work done (minimum of ${rounds} rounds); in brackets: stock's time / ours`,
);
console.log('shape'.padEnd(30), columns.map((name) => name.padStart(14)).join(''));
for (const shape of shapes) {
  const result = await measure(shape);
  results.push(result);
  const cells = columns.map((name) => {
    const {gflops, ratio} = result.engines[name];
    return `${gflops.toFixed(1)}${name === 'stock' ? '' : ` (${ratio.toFixed(2)})`}`.padStart(14);
  });
  console.log(shape.name.padEnd(30), cells.join(''));
}
console.log(`measured peak: ${roof.toFixed(1)} GFLOP/s`);
if (flags.json) console.log(JSON.stringify({variant, density, roof, results}));

async function measure(shape) {
  const [height, width] = shape.size;
  const attrs = {
    strides: shape.stride ?? [1, 1],
    pad: shape.pad ?? 'valid',
    dilations: shape.dilation ?? [1, 1],
    dataFormat: 'NHWC',
    dimRoundingMode: undefined,
    activation: 'relu6',
  };
  const make = (n, share) => {
    return {
      x: tf.randomUniform([shape.batch, height, width, shape.cin], -1, 1),
      filter: tf.tensor4d(blocks([...shape.k, shape.cin, shape.cout], n, share), [...shape.k, shape.cin, shape.cout]),
      bias: tf.zeros([shape.cout]),
    };
  };
  const engines = {};
  await tf.setBackend(OURS);
  for (const path of PATHS) {
    const share = path.kind === 'packed' ? density : 1;
    engines[label(path)] = {path, share, inputs: make(path.n ?? 1, share), backend: ours, ms: Infinity};
  }
  await tf.setBackend('wasm');
  engines.stock = {share: 1, inputs: make(1, 1), backend: stock, ms: Infinity};
  const kernel = (backend) => tf.getKernel('FusedConv2D', backend).kernelFunc;
  const kernels = new Map([
    [ours, kernel(OURS)],
    [stock, kernel('wasm')],
  ]);
  let pixels = 0;
  for (let round = -3; round < rounds; round++) {
    if (round >= 0) roof = Math.max(roof, peak());
    for (const name of shuffled(columns)) {
      const engine = engines[name];
      // Stock's kernels, ours included where it calls them, are bound to the heap of the backend that is active.
      await tf.setBackend(engine.backend === ours ? OURS : 'wasm');
      configure({path: {kind: 'stock'}});
      warmUp(engine.backend, kernels.get(engine.backend));
      if (engine.path) configure({path: engine.path});
      const start = performance.now();
      const out = kernels.get(engine.backend)({inputs: engine.inputs, attrs, backend: engine.backend});
      const ms = performance.now() - start;
      engine.backend.disposeData(out.dataId);
      pixels = out.shape[0] * out.shape[1] * out.shape[2];
      if (round >= 0) engine.ms = Math.min(engine.ms, ms);
    }
  }
  const flops = 2 * pixels * shape.k[0] * shape.k[1] * shape.cin * shape.cout;
  for (const engine of Object.values(engines)) {
    engine.gflops = (flops * engine.share) / engine.ms / 1e6;
    engine.ratio = engines.stock.ms / engine.ms;
    tf.dispose(engine.inputs);
    for (const key of ['inputs', 'backend']) delete engine[key];
  }
  return {
    name: shape.name,
    pixels,
    k: flops / 2 / pixels / shape.cout,
    cout: shape.cout,
    direct: shape.k[0] * shape.k[1] === 1,
    engines,
  };
}

/** A call that is too small to fill a cache: binding the kernels anew makes the next one slow. */
function warmUp(backend, kernel) {
  const inputs = {x: tf.ones([1, 1, 1, 8]), filter: tf.ones([1, 1, 8, 8]), bias: tf.zeros([8])};
  const attrs = {strides: [1, 1], pad: 'valid', dilations: [1, 1], dataFormat: 'NHWC', activation: 'relu6'};
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
