// npm run bench:scaling: how many threads a network's pieces can fill. A simulation of the pieces that the planner cuts
// (src/plan), at the nanoseconds that the cost model expects; nothing is timed, and memory is not modelled.
//
//   --layers [--threads N]        the layers that fill N threads worst (default 8)
//   --variant simd128|relaxed     prices of these kernels (default relaxed)
import {parseArgs} from 'node:util';
import {ARCHITECTURES} from './lib/architectures.mjs';
import {planLayers} from './lib/pieces.mjs';
import {efficiency, rankLayers} from './lib/scaling.mjs';

const {values: flags} = parseArgs({
  options: {
    layers: {type: 'boolean', default: false},
    threads: {type: 'string', default: '8'},
    variant: {type: 'string', default: 'relaxed'},
  },
});

const EQUAL_THREADS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
const WORST_LAYERS = 15;

const equal = (threads) => new Array(threads).fill(1);
const machines = [
  ...EQUAL_THREADS.map((threads) => ({name: `${threads}`, speeds: equal(threads)})),
  {name: '4 + 4 of half speed', speeds: [...equal(4), ...equal(4).map((speed) => speed / 2)]},
];
const networks = Object.entries(ARCHITECTURES).map(([name, layers]) => ({name, layers: layers()}));
const plan = (layers, threads) => planLayers(layers, threads, flags.variant);
const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;

if (flags.layers) printLayers(Number(flags.threads));
else printNetworks();

function printNetworks() {
  console.log(
    `Convolutions of dense networks, ${flags.variant} kernels. Share of the threads' speed that can be used:`,
  );
  console.log('by what the pieces allow / less the beginning of every call and its dispatch');
  console.log('threads'.padEnd(22), networks.map(({name}) => name.padStart(22)).join(''));
  for (const {name, speeds} of machines) {
    const cells = networks.map(({layers}) => {
      const {bound, withDispatch} = efficiency(plan(layers, speeds.length), speeds);
      return `${percent(bound)} / ${percent(withDispatch)}`.padStart(22);
    });
    console.log(name.padEnd(22), cells.join(''));
  }
}

function printLayers(threads) {
  console.log(`Layers that leave most of ${threads} threads unused, ${flags.variant} kernels; us of one layer`);
  for (const {name, layers} of networks) {
    console.log();
    console.log(name.padEnd(38), 'layers  one thread', `${threads}`.padStart(8), '  pieces    used  all lose');
    for (const row of rankLayers(plan(layers, threads), equal(threads)).slice(0, WORST_LAYERS)) {
      const [alone, span] = [row.alone, row.span].map((ns) => (ns / 1000).toFixed(1));
      const cells = [
        [row.count, 6],
        [alone, 10],
        [span, 7],
        [row.pieces, 7],
        [percent(row.efficiency), 6],
        [percent(row.loss, 1), 8],
      ];
      console.log(row.name.padEnd(38), cells.map(([cell, width]) => String(cell).padStart(width)).join('  '));
    }
  }
}
