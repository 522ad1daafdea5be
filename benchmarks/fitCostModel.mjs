// Fits the prices of src/plan/costConstants.ts to kernel benchmarks and prints them, with the errors they leave.
//
//   for d in 100 50 25 8; do npm run --silent bench:kernels -- --density $d --json | tail -n 1; done > kernels.jsonl
//   node benchmarks/fitCostModel.mjs kernels.jsonl
//
// Each line of the file is one run; runs of both variants may be mixed. Least squares of the relative error under the
// condition that no price is negative.
import {readFileSync} from 'node:fs';
import {pathToFileURL} from 'node:url';
import {importTypeScript} from './lib/bundle.mjs';

const NAMES = ['call', 'entry', 'overflow', 'row', 'column', 'copy', 'weight'];
const {pathWork, pathName} = await importTypeScript('src/plan/costModel.ts');

const runs = readFileSync(pathToFileURL(process.argv[2]), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
for (const variant of new Set(runs.map((run) => run.variant))) {
  const samples = {};
  for (const {density, results} of runs.filter((run) => run.variant === variant)) {
    for (const {k, cout, pixels, winogradTiles, direct, engines} of results) {
      for (const [label, {ms}] of Object.entries(engines)) {
        if (label === 'auto' || label.includes(',')) continue; // one of the others; several threads
        const path = label.startsWith('1x') ? {kind: 'packed', n: Number(label.slice(2))} : {kind: label};
        // As the kernels see it: a matrix, laid out by im2col unless the filter is 1x1; Winograd's has nine taps.
        const taps = direct ? 1 : label === 'winograd' ? 9 : 3;
        const filter = {kh: taps, kw: 1, inChannels: k / taps, outChannels: cout};
        const entries = path.n ? density * k * Math.ceil(cout / path.n) : 0;
        const work = pathWork({filter, outputPixels: pixels, winogradTiles}, path, entries, variant);
        (samples[pathName(path, pixels, work.k)] ??= []).push({features: features(work), ms});
      }
    }
  }
  console.log(`  ${variant}: {`);
  for (const [name, rows] of Object.entries(samples)) {
    const price = nonNegativeLeastSquares(
      rows.map(({features: f, ms}) => f.map((x) => x / ms)),
      rows.map(() => 1),
    );
    const errors = rows
      .map(({features: f, ms}) => Math.abs(f.reduce((sum, x, i) => sum + x * price[i], 0) / ms - 1))
      .sort((a, b) => a - b);
    const cost = NAMES.map((key, i) => `${key}: ${Number(price[i].toPrecision(3))}`).join(', ');
    const quantile = (q) => `${(100 * errors[Math.floor(q * (errors.length - 1))]).toFixed(0)}%`;
    console.log(
      `    ${/\W|^\d/.test(name) ? `'${name}'` : name}: {${cost}}, // error: median ${quantile(0.5)}, 90th percentile ${quantile(0.9)}`,
    );
  }
  console.log('  },');
}

/** What each price is multiplied with, in ms per ns. */
function features({tiles, lastTile, entries, rows, k, copied, overflow}) {
  const all = tiles - 1 + lastTile;
  return [1, all * entries, all * entries * overflow, all * rows, all * k, copied, k * rows].map((x) => x / 1e6);
}

/** Coordinate descent on |A x - b|^2, x >= 0. Columns are scaled: prices differ by orders of magnitude. */
function nonNegativeLeastSquares(a, b) {
  const scale = a[0].map((_, j) => Math.hypot(...a.map((row) => row[j])) || 1);
  const x = scale.map(() => 0);
  const residual = b.slice();
  for (let sweep = 0; sweep < 20_000; sweep++) {
    for (let j = 0; j < x.length; j++) {
      let gradient = 0;
      for (let i = 0; i < b.length; i++) gradient += (a[i][j] / scale[j]) * residual[i];
      const step = Math.max(-x[j], gradient); // the scaled column has length 1
      if (step === 0) continue;
      x[j] += step;
      for (let i = 0; i < b.length; i++) residual[i] -= step * (a[i][j] / scale[j]);
    }
  }
  return x.map((value, j) => value / scale[j]);
}
