// The profile itself. Runs in Node and, bundled, in a page: nothing here may use either's own API.
import {OURS, startBackend} from './benchmark.mjs';
import {tfjsEngine} from './engine.mjs';
import {planInputs} from './inputs.mjs';
import {installStopwatch, surveyOps} from './kernelTrace.mjs';
import {startMeters} from './meters.mjs';
import {lastPlan} from './regionsRun.mjs';
import {UserError} from './userError.mjs';

const WARM_UPS = 4;
/** Inferences that estimate what each op takes before it is decided how often it is repeated. */
const ESTIMATES = 3;
/** A span that is timed lasts so many ticks of the clock: one tick is 4% of it. */
const TICKS = 25;
const MOST_REPEATS = 50;
/** Rounds of the peak meter: 1.5 ms at 65 GFLOP/s. */
const PEAK_ROUNDS = 1_000_000;

/** The model on our backend as it is, and with stock's kernels in the place of ours, on the same heap and graph. */
const MODES = [
  {key: 'ms', path: 'auto'},
  {key: 'stockMs', path: {kind: 'stock'}},
];

/**
 * @typedef {import('./kernelTrace.mjs').TracedOp & {ms: number, stockMs: number}} MeasuredOp smallest of the runs
 * @typedef {object} MeasuredProfile
 * @property {MeasuredOp[]} ops in order of execution
 * @property {{ms: number, stockMs: number}} rest what an inference takes beside its ops: tfjs's own JavaScript
 * @property {{ms: number, stockMs: number}} whole inferences until their results can be read, nothing watched, kernel by
 *     kernel
 * @property {MeasuredPlan} plan how our backend runs the model when nobody watches
 * @property {import('./roofline.mjs').Roof} roof
 * @property {number} tickMs of the clock
 * @property {string} variant
 * @property {string} tfjs its version
 */

/**
 * @typedef {object} MeasuredPlan
 * @property {string | null} obstacle why there is none
 * @property {number} ms inferences until their results can be read; of the kernels one by one where there is no plan
 * @property {number} arenaBytes
 * @property {number} programBytes
 * @property {{region: number, kernels: string, pieces: number, expectedMs: number, ms: number | null}[]} steps smallest of
 *     the runs, null where control flow gives what the plan needs; of a kernel that is called between regions, region and
 *     pieces are 0
 */

/**
 * Times every op of an inference, run by run in turn on our kernels and on stock's. Ops that are short beside a tick of the
 * clock are called several times in a row, which finds their data in the cache.
 *
 * @param {{n: number, sparsity: number, threads: number, runs: number}} options
 * @param {object} host what `runBenchmark` (benchmark.mjs) takes, and
 * @param {(variant: string) => Promise<BufferSource>} host.loadMeters the binary of `compileMeters`
 * @returns {Promise<MeasuredProfile>}
 * @throws {UserError} if the ops differ from run to run, or the backend runs on fewer threads than asked for
 */
export async function runProfile({n, sparsity, threads, runs}, host) {
  const {tf, blocksparse, onProgress} = host;
  const variant = await startBackend(threads, host);
  const meters = await startMeters(await host.loadMeters(variant));
  onProgress('measuring memory');
  const bandwidths = meters.bandwidths();
  let gflops = meters.peak(PEAK_ROUNDS);

  let model;
  const engine = tfjsEngine({
    ...{name: OURS, weights: '', backend: OURS, tf},
    plan: (loaded) => planInputs(loaded, {format: host.format}),
    async loadModel() {
      blocksparse.pruneOnLoad(sparsity > 0 ? {n, sparsity} : null);
      model = await host.loadModel();
      blocksparse.pruneOnLoad(null);
      return model;
    },
  });
  onProgress('loading');
  await engine.activate();
  await engine.load();
  engine.prepare();
  const infer = async () => {
    const start = performance.now();
    const {release} = await engine.run();
    const ms = performance.now() - start;
    release();
    return ms;
  };

  const tickMs = clockTick();
  for (let i = 0; i < WARM_UPS; i++) {
    for (const {path} of MODES) {
      blocksparse.configure({path, regions: false});
      await infer();
    }
  }
  blocksparse.configure({path: 'auto'});
  const ops = await surveyOps({tf, backendName: OURS, executor: model.executor}, infer);
  const stopwatch = installStopwatch(tf, OURS);
  const best = MODES.map((mode) => ({
    ...mode,
    whole: Infinity,
    rest: Infinity,
    ms: ops.map(() => Infinity),
    repeats: ops.map(() => 1),
  }));
  for (let run = -ESTIMATES; run < runs; run++) {
    if (run >= 0 && run % 10 === 0) onProgress(`run ${run + 1} of ${runs}`);
    gflops = Math.max(gflops, meters.peak(PEAK_ROUNDS));
    for (const mode of best) {
      blocksparse.configure({path: mode.path});
      if (run === 0) {
        mode.repeats = ops.map(({view}, i) => (view ? 1 : repeatsOf(mode.ms[i], tickMs)));
        mode.ms.fill(Infinity);
      }
      mode.whole = Math.min(mode.whole, await infer());
      const laps = await stopwatch.time(infer, mode.repeats);
      checkSame(ops, laps.kernels);
      mode.rest = Math.min(mode.rest, laps.restMs);
      laps.ms.forEach((ms, i) => (mode.ms[i] = Math.min(mode.ms[i], ms)));
    }
  }
  stopwatch.remove();
  blocksparse.configure({path: 'auto', regions: true});
  const plan = await measurePlan(blocksparse, {model, engine, infer, runs});
  engine.dispose();

  const timesOf = (values) => Object.fromEntries(best.map((mode) => [mode.key, values(mode)]));
  return {
    ops: ops.map((op, i) => ({...op, ...timesOf(({ms}) => ms[i])})),
    rest: timesOf(({rest}) => rest),
    whole: timesOf(({whole}) => whole),
    plan,
    roof: {gflops, bandwidths},
    tickMs,
    variant,
    tfjs: tf.version_core,
  };
}

/** @returns {Promise<MeasuredPlan>} */
async function measurePlan(blocksparse, {model, engine, infer, runs}) {
  for (let i = 0; i < WARM_UPS; i++) await infer();
  const {obstacle, steps, arenaBytes, programBytes} = lastPlan(blocksparse, model);
  let ms = Infinity;
  let times = null;
  for (let run = 0; run < runs; run++) {
    ms = Math.min(ms, await infer());
    if (obstacle !== null) continue;
    const laps = blocksparse.measurePlan(model, engine.inputs());
    times = laps && laps.map((lap, i) => Math.min(lap, times?.[i] ?? Infinity));
  }
  let region = 0;
  const named = steps.flatMap(({tasks, call}) => {
    if (!tasks) return [{region: 0, kernels: call, pieces: 0, expectedMs: 0}];
    region++;
    return tasks.map((task) => ({region, ...task}));
  });
  return {obstacle, ms, arenaBytes, programBytes, steps: named.map((step, i) => ({...step, ms: times && times[i]}))};
}

/** The smallest step of the clock, or the time that it takes to read it. */
function clockTick() {
  let tick = Infinity;
  for (let i = 0; i < 50; i++) {
    const start = performance.now();
    let now;
    do now = performance.now();
    while (now === start);
    tick = Math.min(tick, now - start);
  }
  return tick;
}

function repeatsOf(ms, tickMs) {
  return Math.min(MOST_REPEATS, Math.max(1, Math.ceil((TICKS * tickMs) / ms)));
}

function checkSame(ops, kernels) {
  if (ops.length === kernels.length && ops.every(({kernel}, i) => kernel === kernels[i])) return;
  throw new UserError('the ops of this model differ from run to run: what it does depends on the values');
}
