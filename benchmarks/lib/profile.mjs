// What a profile says: figures, sums and groups of what was measured, and the text for people.
import {opWork, rooflineMs} from './roofline.mjs';

/**
 * @typedef {object} ProfiledOp
 * @property {string} node of the graph, '' where unknown
 * @property {string} kernel tfjs's name of it
 * @property {string} path stock, dense, 1xN, view, or ours for kernels that have one path
 * @property {number | null} kept share of the weights' blocks that are computed
 * @property {boolean} workers whether other threads took part
 * @property {number[][]} inputs shapes
 * @property {number[][]} outputs shapes
 * @property {object} attrs strides, padding and the like
 * @property {number} ms smallest of the runs
 * @property {number} stockMs stock's kernel in its place
 * @property {number | null} flops of the work that was done; null for all but convolutions and matrix products
 * @property {number} bytes read and written at least
 * @property {number} roofMs the least time that it could take, see `rooflineMs`
 * @property {'compute' | 'memory'} bound
 */

/**
 * What `--json` prints of a measurement.
 *
 * @param {import('./profileRun.mjs').MeasuredProfile} measured
 * @param {number} threads
 * @returns {{ops: ProfiledOp[], sum: object, rest: object, whole: object, plan: object, roof: object, tickMs: number}}
 */
export function makeProfile({ops, rest, whole, plan, roof, tickMs}, threads) {
  const profiled = ops.map((op) => {
    const work = opWork(op);
    const {ms: roofMs, bound} = rooflineMs(work, roof, threads);
    const {node, kernel, path, kept, workers, attrs, ms, stockMs} = op;
    const shapes = (list) => list.map(({shape}) => shape);
    return {
      ...{
        node,
        kernel,
        path,
        kept: kept && round(kept),
        workers,
        inputs: shapes(op.inputs),
        outputs: shapes(op.outputs),
        attrs,
      },
      ...{ms: round(ms), stockMs: round(stockMs)},
      ...{flops: work.flops && Math.round(work.flops), bytes: work.read + work.written, roofMs: round(roofMs), bound},
    };
  });
  const sum = {ms: total(profiled, 'ms'), stockMs: total(profiled, 'stockMs')};
  const pair = ({ms, stockMs}) => ({ms: round(ms), stockMs: round(stockMs)});
  const rounded = {...plan, ms: round(plan.ms), steps: plan.steps.map(roundStep)};
  return {
    ...{ops: profiled, sum, rest: pair(rest), whole: pair(whole), plan: rounded},
    ...{roof: roundRoof(roof), tickMs: round(tickMs)},
  };
}

/**
 * @typedef {object} ProfileGroup ops of one kernel that took one path
 * @property {string} name
 * @property {number} count
 * @property {number} ms
 * @property {number} stockMs
 * @property {number} flops 0 where unknown
 * @property {number} roofMs
 */

/**
 * @param {ProfiledOp[]} ops
 * @returns {ProfileGroup[]} the one that takes longest first
 */
export function groupOps(ops) {
  const groups = new Map();
  for (const {kernel, path, ms, stockMs, flops, roofMs} of ops) {
    const name = `${kernel}, ${path}`;
    const group = groups.get(name) ?? {name, count: 0, ms: 0, stockMs: 0, flops: 0, roofMs: 0};
    groups.set(name, {
      name,
      count: group.count + 1,
      ms: group.ms + ms,
      stockMs: group.stockMs + stockMs,
      flops: group.flops + (flops ?? 0),
      roofMs: group.roofMs + roofMs,
    });
  }
  return [...groups.values()].sort((a, b) => b.ms - a.ms);
}

/** Ops that stock's kernel runs faster, beyond what the clock and noise make of equal times. */
export function isSlower({path, ms, stockMs}) {
  return path !== 'stock' && path !== 'view' && ms > 1.05 * stockMs && ms - stockMs > 0.001;
}

/** Its path, the share of the blocks that are kept, and whether other threads could have helped but were not asked. */
function describePath({path, kept, workers}, threads) {
  const share = kept !== null && kept < 1 ? ` ${percent(kept)}` : '';
  return `${path}${share}${threads > 1 && !workers && path !== 'view' ? ', 1 thread' : ''}`;
}

/**
 * An op's shapes in a line: input, filter and stride, output; without a batch of one.
 *
 * @param {ProfiledOp} op
 */
export function describeShapes({inputs, outputs, attrs, kernel}) {
  const [x, second] = inputs;
  const stride = [attrs.strides ?? 1].flat()[0];
  const window = /Conv/.test(kernel) ? second.slice(0, 2) : [attrs.filterSize ?? []].flat();
  const by = window.length > 0 ? `, ${window.join('x')}${stride > 1 ? `/${stride}` : ''}` : '';
  const times = kernel.endsWith('MatMul') ? ` * ${shapeText(second)}` : '';
  return `${x ? shapeText(x) : ''}${times}${by} -> ${outputs.map(shapeText).join(', ')}`;
}

function shapeText(shape) {
  const sizes = shape.length > 2 && shape[0] === 1 ? shape.slice(1) : shape;
  return sizes.join('x') || 'scalar';
}

/**
 * The report for people.
 *
 * @param {ReturnType<typeof makeProfile> & {model: string, weights: string, threads: number, machine: object}} profile
 * @returns {string}
 */
export function formatProfile({model, weights, threads, machine, ops, sum, rest, whole, plan, roof, tickMs}) {
  const rows = ops.map((op, i) => [
    String(i + 1),
    shorten(op.node, 32),
    op.kernel,
    describeShapes(op),
    describePath(op, threads),
    ...figures(op, whole.ms),
    isSlower(op) ? 'slower' : '',
  ]);
  const groups = groupOps(ops).map((group) => [group.name, String(group.count), ...figures(group, whole.ms)]);
  const memory = [0, 4, 8, roof.bandwidths.length - 1]
    .map((i) => roof.bandwidths[i])
    .filter(Boolean)
    .map(
      ({bytes, read, write, copy}) => `${bytes / 1024} KiB ${[read, write, copy].map((x) => x.toFixed(0)).join(' / ')}`,
    );
  const times = [
    ['all ops', sum],
    ["the rest: tfjs's own JavaScript", rest],
    ['an inference, unwatched, kernel by kernel', whole],
    ['an inference as planned', {ms: plan.ms, stockMs: whole.stockMs}],
  ].map(([name, {ms, stockMs}]) => [name, ms.toFixed(3), stockMs.toFixed(3), (stockMs / ms).toFixed(2)]);
  const slower = ops.filter(isSlower).length;
  return [
    `${model}, ${weights}, on ${machine.cpu}, ${machine.runtime}, tfjs ${machine.tfjs}, ${machine.variant} kernels, threads: ${threads}`,
    `Peak ${roof.gflops.toFixed(1)} GFLOP/s a core; memory, read / write / copy in GB/s: ${memory.join(', ')}; the clock ticks every ${(1000 * tickMs).toFixed(1)} us`,
    '',
    columns(
      [['', 'node', 'kernel', 'shapes', 'path', ...FIGURES, ''], ...rows],
      ['right', 'left', 'left', 'left', 'left'],
    ),
    '',
    columns([['kernel, path', 'ops', ...FIGURES], ...groups], ['left']),
    '',
    columns([['ms', 'ours', 'stock', 'ratio'], ...times], ['left']),
    '',
    ...formatPlan(plan),
    '',
    "ms: smallest of the runs. stock: stock's kernel in its place, on the same graph and heap; ratio: its time over ours.",
    'GFLOP/s: of the blocks that are kept. roof: share of what peak (c) or memory (m) allow.',
    slower === 0 ? 'No op is slower than stock.' : `${slower} ${slower === 1 ? 'op is' : 'ops are'} slower than stock.`,
  ].join('\n');
}

/** The regions of a plan and what lies between them. */
function formatPlan({obstacle, steps, arenaBytes, programBytes}) {
  if (obstacle !== null) return [`Not planned: ${obstacle}`];
  const regions = Math.max(0, ...steps.map(({region}) => region));
  const kib = (bytes) => `${Math.ceil(bytes / 1024)} KiB`;
  const rows = steps.map(({region, kernels, pieces, expectedMs, ms}) => {
    const pair = [expectedMs > 0 ? expectedMs.toFixed(3) : '', ms === null ? '' : ms.toFixed(3)];
    return region === 0 ? ['', `call of ${kernels}`, '', ...pair] : [String(region), kernels, String(pieces), ...pair];
  });
  return [
    `Planned: ${regions} ${regions === 1 ? 'region' : 'regions'}, an arena of ${kib(arenaBytes)}, ${kib(programBytes)} of records`,
    columns([['region', 'kernels, a chain with >', 'pieces', 'expected', 'ms'], ...rows], ['right', 'left']),
  ];
}

const FIGURES = ['ms', 'share', 'GFLOP/s', 'roof', 'stock', 'ratio'];

function figures({ms, stockMs, flops, roofMs, bound}, wholeMs) {
  const letter = bound === undefined ? '' : bound === 'compute' ? ' c' : ' m';
  return [
    ms.toFixed(3),
    percent(ms / wholeMs),
    flops ? gflops(flops, ms).toFixed(1) : '',
    roofMs > 0 && ms > 0 ? `${percent(roofMs / ms)}${letter}` : '',
    stockMs.toFixed(3),
    ms > 0 ? (stockMs / ms).toFixed(2) : '',
  ];
}

/** GFLOP/s of flops that take some milliseconds. */
export function gflops(flops, ms) {
  return flops / ms / 1e6;
}

/** Lines of cells under each other; to the right where no alignment is given. */
function columns(rows, aligns) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const pad = (cell, i) => (aligns[i] === 'left' ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}

/** The end of a long name says more than its beginning. */
function shorten(text, length) {
  return text.length <= length ? text : `…${text.slice(1 - length)}`;
}

function percent(share) {
  return `${(100 * share).toFixed(0)}%`;
}

function total(ops, key) {
  return round(ops.reduce((sum, op) => sum + op[key], 0));
}

function roundStep(step) {
  return {...step, expectedMs: round(step.expectedMs), ms: step.ms && round(step.ms)};
}

function roundRoof({gflops: peak, bandwidths}) {
  return {
    gflops: round(peak),
    bandwidths: bandwidths.map(({bytes, read, write, copy}) => {
      return {bytes, read: round(read), write: round(write), copy: round(copy)};
    }),
  };
}

function round(value) {
  return Number(value.toFixed(5));
}
