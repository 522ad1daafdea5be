// What the benchmark of record measures.
import {UPSCALER} from './models.mjs';

const BLOCK_SIZES = [1, 2, 4, 8, 16, 32];
const SPARSITIES = [0.25, 0.5, 0.75];
const THREADS = [1, 2];

const UNTOUCHED = {n: 4, sparsity: 0};
const USUAL = [UNTOUCHED, {n: 4, sparsity: 0.5}, {n: 4, sparsity: 0.75}];
const EVERY = [UNTOUCHED, ...BLOCK_SIZES.flatMap((n) => SPARSITIES.map((sparsity) => ({n, sparsity})))];

/** The model of the plots. */
export const MAIN_MODEL = 'mobilenet_v2_1.0_224';

/** Models of ../shared; the first three were trained sparse by their makers. */
const SHARED = ['handlandmark-sparse', 'blazepose-detector', 'facemesh-detection-full'].concat([
  'blazeface-front',
  'faceboxes',
  'selfie',
]);
/** Models of the npm package @vladmandic/human. */
const HUMAN = ['centernet', 'movenet-lightning', 'faceres', 'facemesh', 'handlandmark-lite', 'handtrack'].concat([
  'blazeface',
  'emotion',
  'iris',
  'antispoof',
  'liveness',
]);

/**
 * Its workers spin on after a run, so that with several threads there are pauses after every run, out of which all engines
 * wake slowly: it is measured apart there, beside ours alone.
 */
const SPINS = 'ort';
/** Models that there is a file of for every peer. */
const EVERY_PEER = [MAIN_MODEL, 'mobilenet_v1_1.0_224'];

/** Models by name (see `findModel`), and the weights with which each is measured. */
const MODELS = [
  {model: MAIN_MODEL, weights: EVERY},
  {model: 'mobilenet_v1_1.0_224', weights: USUAL},
  {model: 'mobilenet_edgetpu_0.75_224', weights: USUAL},
  ...[...SHARED.map((name) => `human/${name}`), ...HUMAN.map((name) => `human:${name}`), UPSCALER].map((model) => ({
    model,
    weights: [UNTOUCHED],
  })),
];

/** Environments that npm run profile knows. */
export const PROFILES_IN = ['chromium', 'node'];
/** Models of the per-layer bars; few, since each is a large part of the file. */
const PROFILES = [
  {model: MAIN_MODEL, ...UNTOUCHED},
  {model: MAIN_MODEL, n: 4, sparsity: 0.5},
  {model: 'human/handlandmark-sparse', ...UNTOUCHED},
  {model: UPSCALER, ...UNTOUCHED},
];

/**
 * @typedef {object} Job one child process
 * @property {string} id unique, for `--only` and to know it again
 * @property {'rows' | 'profiles' | 'regions' | 'kernels'} kind where its result goes in the record
 * @property {string} script in `benchmarks`
 * @property {string[]} args
 * @property {string | null} model
 */

/**
 * @param {object} options
 * @param {string} options.env
 * @param {string[]} options.peers
 * @param {number} options.runs timed runs, or rounds of the kernels
 * @returns {Job[]}
 */
export function planJobs({env, peers, runs}) {
  const common = ['--env', env, '--runs', String(runs), '--json'];
  const job = (kind, script, name, {model, n, sparsity}, threads, more) => ({
    id: `${name} ${model} ${weightsInWords({n, sparsity})}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    kind,
    script,
    args: [
      ...['--model', model, '--n', String(n), '--sparsity', String(sparsity), '--threads', String(threads)],
      ...[...more, ...common],
    ],
    model,
  });
  const bench = (name, target, threads, beside) =>
    job('rows', 'bench.mjs', name, target, threads, ['--peers', beside.join(',')]);
  const calm = peers.filter((peer) => peer !== SPINS);
  const rows = MODELS.flatMap(({model, weights}) =>
    THREADS.flatMap((threads) =>
      weights.map((pruning) => bench('bench', {model, ...pruning}, threads, threads > 1 ? calm : peers)),
    ),
  );
  const apart = peers.includes(SPINS) ? EVERY_PEER : [];
  for (const threads of THREADS.filter((count) => count > 1)) {
    rows.push(
      ...apart.flatMap((model) =>
        USUAL.map((pruning) => bench(`bench beside ${SPINS}`, {model, ...pruning}, threads, [SPINS])),
      ),
    );
  }
  const profiles = PROFILES_IN.includes(env)
    ? PROFILES.map((target) => job('profiles', 'profile.mjs', 'profile', target, 1, []))
    : [];
  const kernels = ['relaxed', 'simd128'].map((variant) => ({
    id: `kernels ${variant}`,
    kind: 'kernels',
    script: 'kernels.mjs',
    args: ['--variant', variant, '--rounds', String(runs), '--json'],
    model: null,
  }));
  const regions = {id: 'regions', kind: 'regions', script: 'regions.mjs', args: ['--json'], model: null};
  return [...rows, ...profiles, regions, ...kernels];
}

/** `untouched` or, say, `1x4 50%`. */
export function weightsInWords({n, sparsity}) {
  return sparsity === 0 ? 'untouched' : `1x${n} ${Number((100 * sparsity).toFixed(2))}%`;
}
