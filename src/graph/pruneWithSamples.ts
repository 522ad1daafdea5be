/**
 * Pruning by what a network computes on unlabelled samples: blocks are chosen by the optimal brain surgeon, rates by
 * measured losses, and all weights are fitted anew, layer by layer, to the outputs of the dense network.
 */
import type {io} from '@tensorflow/tfjs-core';
import {nonzeroBlocks, type BlockSize} from '../packed';
import {
  blockGrid,
  expandOrder,
  interpolateLoss,
  type BlockGrid,
  type BlockRowSolver,
  type FitShape,
  type KeptShares,
} from '../pruning';
import type {MaxDrop, RepairReport} from './calibrationOptions';
import {DenseNetwork} from './calibration/denseNetwork';
import {isWithin, overfitting, scaleSparsity} from './calibration/judgement';
import {layerErrors} from './calibration/layerErrors';
import {lossCurves, type CandidateLayer} from './calibration/lossCurves';
import {Progress} from './calibration/progress';
import {makeCandidate} from './calibration/saliency';
import {pickEvenly, Samples} from './calibration/samples';
import {DISTILLING, maskedOnly, Stages} from './calibration/stages';
import {ScratchModel} from './calibration/scratchModel';
import {outputImportance} from './calibration/sensitivity';
import {inputMoments} from './calibration/study';
import {sweep, type SweepTask} from './calibration/sweep';
import {usableBatch} from './calibration/usableBatch';
import {Frontiers, Walk} from './calibration/walk';
import type {WalkLayer} from './calibration/walkLayers';
import {cleanUpGraph} from './cleanup';
import {findChannelGroups} from './coupling';
import {countLayer} from './layerCounts';
import {chooseForLayer, type LayerChoice} from './layerChoice';
import {layerGeometry} from './layerGeometry';
import {settlePlans, type LayerPlan, type MeasuredLosses} from './layerPlans';
import {ModelGraph} from './modelGraph';
import {orderingMethod, type PlannedRate} from './orderingMethods';
import {planOrders} from './planOrders';
import type {PruneResult} from './prune';
import {checkLayerNames} from './pruneChecks';
import {readFilter, type Layer} from './pruneLayers';
import {budgetOf, orderMethod, type PruneOptions} from './pruneOptions';
import {accuracyOf, reportLayer, reportModel} from './pruneReport';
import {rearrangeChannels, type Rearrangement} from './rearrange';

/** Samples for sensitivities, for moments, and others than these for the loss of a layer's trials. */
const SENSITIVITY_SAMPLES = 128;
const STUDY_SAMPLES = 256;
const CURVE_SAMPLES = 32;
/** The sizes of blocks that 'auto' chooses from. */
const AUTO_SIZES: readonly BlockSize[] = [1, 2, 4];
/** Shares of the work for `Progress`: losses of layers; an order, a sweep and its measurement. */
const LOSSES = 0.25;
const ONE_TRIAL = 0.5;
/** Beyond this share of zeros a filter that is not pruned counts as sparse. */
const MOST_ZEROS = 0.02;
/** How often what may go is halved. */
const TRIALS = 4;

/** @param artifacts unpacked, with all weights there */
export async function pruneWithSamples(
  artifacts: io.ModelArtifacts,
  options: PruneOptions,
  solver: BlockRowSolver,
): Promise<PruneResult> {
  const progress = new Progress(options.onProgress, options.signal);
  if (options.repair === 'distill') progress.extend(DISTILLING);
  progress.begin('reading samples', 0.05);
  await progress.tell(0);
  const cleaned = cleanUpGraph(artifacts).artifacts;
  const network = new DenseNetwork(cleaned);
  const {seed = 0} = options;
  const samples = await Samples.read(
    options.calibration!,
    network.inputNames(),
    options.samples ?? Infinity,
    seed,
    options.signal,
  );
  const dense = new ScratchModel(cleaned);
  try {
    const batchSize = await usableBatch(dense, network.graph, network.outputs, samples);
    const job = new PruneJob(network, options, solver, samples, batchSize, dense, progress);
    return await job.run();
  } finally {
    dense.dispose();
  }
}

/** Measures on samples what was pruned without them. */
export async function measurePruned(
  artifacts: io.ModelArtifacts,
  {artifacts: pruned, report}: PruneResult,
  options: PruneOptions,
): Promise<PruneResult> {
  const progress = new Progress(options.onProgress, options.signal);
  progress.begin('measuring', 1);
  await progress.tell(0);
  const network = new DenseNetwork(artifacts);
  const {calibration, samples: most = Infinity, seed = 0, signal} = options;
  const samples = await Samples.read(calibration!, network.inputNames(), most, seed, signal);
  const dense = new ScratchModel(artifacts);
  try {
    const batchSize = await usableBatch(dense, network.graph, network.outputs, samples);
    const stager = new Stages(samples, batchSize, options, progress);
    const stages = [
      ...(await stager.measureDense(network.outputs, dense)),
      await stager.measureAlone('pruned', network, pruned, dense),
    ];
    const repair: RepairReport = {
      method: 'none',
      samplesFit: 0,
      samplesKeptOut: samples.keptOut.length,
      stages,
      distillationKept: null,
      layers: [],
      warnings: [],
      seconds: progress.seconds,
    };
    return {artifacts: pruned, report: {...report, accuracy: accuracyOf(report.lossless, repair), repair}};
  } finally {
    dense.dispose();
  }
}

class PruneJob {
  private readonly warnings: string[] = [];
  private readonly seed: number;

  constructor(
    private readonly network: DenseNetwork,
    private readonly options: PruneOptions,
    private readonly solver: BlockRowSolver,
    private readonly samples: Samples,
    private readonly batchSize: number,
    private readonly dense: ScratchModel,
    private readonly progress: Progress,
  ) {
    this.seed = options.seed ?? 0;
  }

  async run(): Promise<PruneResult> {
    const {network, options} = this;
    const descriptions = network.layers.map(({description}) => description);
    checkLayerNames(options, descriptions);
    const choose = (scaled: PruneOptions) => Promise.all(descriptions.map((layer) => chooseForLayer(scaled, layer)));
    const choices = await choose(options);
    const candidates = await this.findCandidates(choices);
    const measured = await this.measureLosses(candidates, choices);
    const pruneTo = async (share: number) => {
      const scaled = scaleSparsity(options, share);
      const plans = settlePlans(
        network.graph,
        network.shapes,
        network.layers,
        share === 1 ? choices : await choose(scaled),
        scaled,
        measured,
      );
      return this.pruneAs(plans, candidates, scaled);
    };
    const whole = await pruneTo(1);
    const {maxDrop} = options;
    if (!maxDrop || isWithin(maxDrop, whole)) return whole;
    return this.findLargest(maxDrop, pruneTo);
  }

  /** The largest share of what was asked for that loses no more than is allowed, by halving. */
  private async findLargest(maxDrop: MaxDrop, pruneTo: (share: number) => Promise<PruneResult>): Promise<PruneResult> {
    let [low, high] = [0, 1];
    this.progress.extend(TRIALS * (ONE_TRIAL + (this.options.repair === 'distill' ? DISTILLING : 0)));
    let best: PruneResult | null = null;
    for (let trial = 0; trial < TRIALS; trial++) {
      const share = (low + high) / 2;
      const result = await pruneTo(share);
      if (isWithin(maxDrop, result)) [low, best] = [share, result];
      else high = share;
    }
    best ??= await pruneTo(0);
    const percent = Math.round(low * 100);
    const {report} = best;
    const warnings = [
      ...report.repair!.warnings,
      `${percent}% of the sparsity asked for is the most that was found to keep within maxDrop on samples kept out.`,
    ];
    return {...best, report: {...report, repair: {...report.repair!, warnings}}};
  }

  /** The layers that may be pruned, with what their weights are worth. */
  private async findCandidates(choices: readonly LayerChoice[]): Promise<ReadonlyMap<string, CandidateLayer>> {
    const {network, samples, progress, solver, batchSize} = this;
    const walked = new Map(network.walk.map((layer) => [layer.name, layer]));
    const chosen = network.layers.flatMap((layer, i) => {
      const choice = choices[i];
      const walk = walked.get(layer.description.name);
      return 'leftAlone' in choice || layer.fixed !== undefined || !walk ? [] : [{layer, choice, walk}];
    });
    progress.begin('sensitivities', 0.1);
    const importance = await this.measureImportance(
      chosen.map(({walk}) => walk),
      pickEvenly(samples.fit, SENSITIVITY_SAMPLES),
    );
    progress.begin('moments', 0.1);
    const moments = await inputMoments(
      this.dense,
      chosen.map(({walk}) => walk),
      samples,
      this.studied(),
      batchSize,
      this.seed,
      progress,
    );
    const candidates = new Map<string, CandidateLayer>();
    for (const [i, {layer, choice, walk}] of chosen.entries()) {
      const {name} = layer.description;
      const dense = {
        filter: readFilter(network.graph, layer),
        bias: walk.bias === null ? null : network.graph.weightValues(walk.bias),
      };
      const shape = fitShape(blockGrid(this.options.pattern ?? '1xN', layer.description, 1));
      const candidate = await makeCandidate(solver, name, shape, dense, importance[i], moments[i]);
      candidates.set(name, {candidate, layer: walk, sizes: choice.n === 'auto' ? AUTO_SIZES : [choice.n]});
    }
    return candidates;
  }

  private studied(): number[] {
    return pickEvenly(this.samples.fit, STUDY_SAMPLES);
  }

  /** Others than those that trials are fitted to, where there are enough: what a fit has seen looks too cheap to prune. */
  private tried(): number[] {
    const studied = new Set(this.studied());
    const others = this.samples.fit.filter((index) => !studied.has(index));
    return pickEvenly(others.length >= CURVE_SAMPLES ? others : this.samples.fit, CURVE_SAMPLES);
  }

  private async measureImportance(layers: readonly WalkLayer[], which: readonly number[]): Promise<Float64Array[]> {
    const filters = layers.map(({layer}) => layer!.description.outChannels);
    const probed = layers.map(({name, clip}, i) => ({name, clip, filters: filters[i]}));
    const inner = this.network.innerTensors();
    const linear = this.network.walk.filter(({clip}) => !clip).map(({name}) => name);
    const size = Math.min(this.batchSize, 4);
    const measure = (withOutputs: boolean) => {
      let batch = 0;
      const tell = () => this.progress.tell((++batch * size) / which.length);
      const {artifacts} = this.network;
      const others = withOutputs ? inner : linear;
      return outputImportance(artifacts, probed, others, this.samples, which, size, this.seed, tell, withOutputs);
    };
    try {
      // Behind the outputs of detectors are ops without a gradient; what the layers give before them has one.
      return await measure(true).catch((error: unknown) => {
        this.options.signal?.throwIfAborted();
        if (linear.length === 0) throw error;
        this.warnings.push(
          `The outputs have no gradient (${firstLine(error)}): sensitivities are those of the layers before them.`,
        );
        return measure(false);
      });
    } catch (error) {
      this.options.signal?.throwIfAborted();
      this.warnings.push(
        `No gradient could be taken (${firstLine(error)}): all channels of a layer count alike, which ` +
          'costs accuracy.',
      );
      return filters.map((count) => new Float64Array(count).fill(1));
    }
  }

  /** Losses of layers pruned alone, where rates or sizes of blocks hang on them. */
  private async measureLosses(
    candidates: ReadonlyMap<string, CandidateLayer>,
    choices: readonly LayerChoice[],
  ): Promise<MeasuredLosses | undefined> {
    const budget = budgetOf(this.options);
    if (!budget && choices.every(({n}) => n !== 'auto')) {
      this.progress.extend(-LOSSES);
      return undefined;
    }
    const {network, samples, progress, solver, batchSize} = this;
    progress.begin('losses of single layers', LOSSES);
    const copy = new ScratchModel(network.artifacts);
    try {
      const losses = await lossCurves(
        [...candidates.values()],
        solver,
        {dense: this.dense, pruned: copy},
        network.outputs,
        samples,
        this.tried(),
        batchSize,
        budget?.share ?? 0.5,
        this.seed,
        progress,
        {
          graph: network.graph,
          frontiers: new Frontiers(
            network.graph,
            network.order,
            network.outputs.map(({name}) => name),
            true,
          ),
        },
      );
      return ({description}, n) => {
        const curve = losses.get(description.name)?.get(n);
        return curve && interpolateLoss(curve);
      };
    } finally {
      copy.dispose();
    }
  }

  private async pruneAs(
    plans: readonly LayerPlan[],
    candidates: ReadonlyMap<string, CandidateLayer>,
    options: PruneOptions,
  ): Promise<PruneResult> {
    const {network, progress, samples, batchSize} = this;
    const warnings = [...this.warnings];
    const graph = ModelGraph.from(network.artifacts);
    const method = orderMethod({rearrange: 'search', ...options});
    const pruned = network.layers.filter((_, i) => method !== 'none' && 'sparsity' in plans[i]);
    const keptByOrder = new Map<Layer, KeptShares>();
    const found = findChannelGroups(graph, network.shapes);
    const ordering = orderingMethod(method, {
      geometryOf: ({description}) => layerGeometry(graph, network.shapes, description),
      rateOf: (layer) => plans[network.layers.indexOf(layer)] as PlannedRate,
      scoresOf: ({description}) => candidates.get(description.name)!.candidate.saliency,
      seed: this.seed,
      report: (layer, kept) => keptByOrder.set(layer, kept),
    });
    progress.begin('order of channels', 0.05);
    await progress.tell(0);
    const {rearrangements, notRearranged} = planOrders(graph, found, pruned, ordering);
    const renamed = rearrangeChannels(graph, found, rearrangements);

    const ordered = new DenseNetwork(graph.toArtifacts());
    const orderedLayers = new Map(ordered.layers.map((layer) => [layer.description.name, layer]));
    const layerOf = ({description: {name}}: Layer) => orderedLayers.get(renamed.get(name) ?? name)!;
    const tasks = new Map<string, SweepTask>();
    network.layers.forEach((layer, i) => {
      const candidate = candidates.get(layer.description.name);
      const now = layerOf(layer);
      const filter = readFilter(ordered.graph, now);
      const plan = plans[i];
      const grid = blockGrid(options.pattern ?? '1xN', now.description, plan.n);
      const there = nonzeroBlocks(filter, grid.shape, grid.n);
      if (!('sparsity' in plan) || !candidate) {
        // A sparse filter keeps its weights: to fit it anew with zeros of any pattern takes a system of its own for each filter.
        if (shareOfZeros(filter) > MOST_ZEROS || layer.fixed !== undefined) return;
        const importance = new Float64Array(now.description.outChannels).fill(1);
        const {name, isClassifier} = now.description;
        tasks.set(name, {shape: fitShape(grid), rate: null, mayKeep: null, importance, isClassifier});
        return;
      }
      const importance = permuted(candidate.candidate.importance, layer, rearrangements);
      const mayKeep = there.includes(0) ? there : null;
      const {name, isClassifier} = now.description;
      tasks.set(name, {shape: fitShape(grid), rate: plan.sparsity, mayKeep, importance, isClassifier});
    });

    const student = new ScratchModel(ordered.artifacts);
    const teacher = new ScratchModel(ordered.artifacts);
    try {
      const goals = ordered.walk.flatMap(({name, shortcut}) => (shortcut ? [name, shortcut.sum] : [name]));
      const networks = {dense: teacher, pruned: student};
      const walk = new Walk(ordered.graph, ordered.order, goals, networks, samples, samples.fit, batchSize);
      progress.begin('fitting layers', 0.4);
      const result = await sweep(
        ordered.graph,
        ordered.walk,
        tasks,
        walk,
        student,
        this.solver,
        this.seed,
        samples.fit.length,
        progress,
      );
      const before = new Map(network.layers.map((layer) => [layer, readFilter(ordered.graph, layerOf(layer))]));
      for (const [name, values] of result.weights)
        ordered.graph.setWeight(name, values, ordered.graph.weightShape(name));

      progress.begin('measuring', 0.05);
      const errors = await layerErrors(networks, ordered.walk, samples, batchSize);
      const stager = new Stages(samples, batchSize, options, progress);
      const closed = await stager.measureStage('closed', ordered.outputs, networks, warnings);
      const counts = network.layers.map((layer, i) => {
        const {description} = layerOf(layer);
        const grid = blockGrid(options.pattern ?? '1xN', description, plans[i].n);
        return countLayer(before.get(layer)!, readFilter(ordered.graph, layerOf(layer)), grid, plans[i]);
      });
      const keepOrder = 'the option rearrange is false';
      const reports = network.layers.map((layer, i) => {
        const whyNot = method === 'none' ? keepOrder : notRearranged(layer);
        return reportLayer(layer.description, counts[i], plans[i], whyNot, keptByOrder.get(layer) ?? null);
      });
      const original = new Map([...renamed].map(([from, to]) => [to, from]));
      const stages = [
        ...(await stager.measureDense(ordered.outputs, teacher)),
        await stager.measureAlone('pruned', ordered, maskedOnly(ordered, tasks, result.weights), teacher),
        closed,
      ];
      let repaired = ordered.graph.toArtifacts();
      let distillationKept: boolean | null = null;
      if (options.repair === 'distill') {
        const distilled = await stager.distill(ordered, repaired, teacher);
        distillationKept = distilled.gained;
        repaired = distilled.artifacts;
        stages.push(await stager.measureAlone('distill', ordered, repaired, teacher));
        if (!distilled.gained) warnings.push('Distillation gained nothing on samples kept out and was left out again.');
      }
      warnings.push(...overfitting(stages.at(-1)!));
      const repair: RepairReport = {
        method: options.repair ?? 'closed',
        samplesFit: samples.fit.length,
        samplesKeptOut: samples.keptOut.length,
        stages,
        distillationKept,
        layers: errors.map(({name, relativeError}) => ({name: original.get(name) ?? name, relativeError})),
        warnings,
        seconds: progress.seconds,
      };
      return {artifacts: repaired, report: {...reportModel(reports, counts, options, repair)}};
    } finally {
      student.dispose();
      teacher.dispose();
    }
  }
}

function shareOfZeros(values: Float32Array): number {
  let zeros = 0;
  for (const value of values) if (value === 0) zeros++;
  return zeros / values.length;
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0];

function fitShape({shape: {kh, kw, inChannels, outChannels}, n}: BlockGrid): FitShape {
  return {filters: outChannels, channels: inChannels, taps: kh * kw, n};
}

/** Values by output channel in the order that the channels have now. */
function permuted(values: Float64Array, {description}: Layer, rearrangements: readonly Rearrangement[]): Float64Array {
  const result = values.slice();
  for (const {group, order} of rearrangements) {
    for (const {name, from, multiplier} of group.producers) {
      if (name !== description.name) continue;
      expandOrder(order, multiplier).forEach((channel, place) => (result[from + place] = values[from + channel]));
    }
  }
  return result;
}
