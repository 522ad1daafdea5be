/**
 * Pruning by what a network computes on unlabelled samples: blocks are chosen by the optimal brain surgeon, rates by
 * measured losses, and all weights are fitted anew, layer by layer, to the outputs of the dense network.
 */
import type {io} from '@tensorflow/tfjs-core';
import {nonzeroBlocks} from '../packed';
import {blockGrid, expandOrder, type BlockRowSolver, type KeptShares} from '../pruning';
import type {MaxDrop, RepairReport} from './calibrationOptions';
import {CandidateStudy} from './calibration/candidateStudy';
import {DenseNetwork} from './calibration/denseNetwork';
import {isWithin, overfitting, scaleSparsity} from './calibration/judgement';
import {layerErrors} from './calibration/layerErrors';
import {fitShape} from './calibration/layerFit';
import type {CandidateLayer} from './calibration/lossCurves';
import {Progress} from './calibration/progress';
import {Samples} from './calibration/samples';
import {DISTILLING, maskedOnly, Stages} from './calibration/stages';
import {ScratchModel} from './calibration/scratchModel';
import {sweep, type SweepTask} from './calibration/sweep';
import {usableBatch} from './calibration/usableBatch';
import {Walk} from './calibration/walk';
import {cleanUpGraph} from './cleanup';
import {findChannelGroups} from './coupling';
import {countLayer} from './layerCounts';
import {chooseForLayer} from './layerChoice';
import {layerGeometry} from './layerGeometry';
import {settlePlans, type LayerPlan} from './layerPlans';
import {isSketch} from './layerRuns';
import {givenLayers} from './givenLayers';
import {ModelGraph, type GraphNode} from './modelGraph';
import {orderingMethod, type PlannedRate} from './orderingMethods';
import {planOrders} from './planOrders';
import type {PruneResult} from './prune';
import {checkLayerNames} from './pruneChecks';
import {readFilter, type Layer, type LayerDescription} from './pruneLayers';
import {orderMethod, type PruneOptions} from './pruneOptions';
import {reportLayer, reportModel} from './pruneReport';
import {rearrangeChannels, type Rearrangement} from './rearrange';

/** Share of the work for `Progress`: an order, a sweep and its measurement. */
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
  const cleaned = isSketch(artifacts) ? artifacts : cleanUpGraph(artifacts).artifacts;
  const network = new DenseNetwork(cleaned);
  const given = givenLayers(ModelGraph.from(artifacts), network.graph);
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
    const job = new PruneJob(network, given, options, solver, samples, batchSize, dense, progress);
    return await job.run();
  } finally {
    dense.dispose();
  }
}

class PruneJob {
  private readonly study: CandidateStudy;
  private readonly seed: number;

  constructor(
    private readonly network: DenseNetwork,
    private readonly given: ReadonlyMap<string, GraphNode>,
    private readonly options: PruneOptions,
    private readonly solver: BlockRowSolver,
    private readonly samples: Samples,
    private readonly batchSize: number,
    dense: ScratchModel,
    private readonly progress: Progress,
  ) {
    this.seed = options.seed ?? 0;
    this.study = new CandidateStudy(network, options, solver, samples, batchSize, dense, progress);
  }

  /** A layer as the user knows it. */
  private asGiven({description}: Layer): LayerDescription {
    const {name, op} = this.given.get(description.name) ?? description;
    return {...description, name, op};
  }

  async run(): Promise<PruneResult> {
    const {network, options} = this;
    const descriptions = network.layers.map((layer) => this.asGiven(layer));
    checkLayerNames(options, descriptions);
    const choose = (scaled: PruneOptions) => Promise.all(descriptions.map((layer) => chooseForLayer(scaled, layer)));
    const choices = await choose(options);
    const candidates = await this.study.findCandidates(choices);
    const measured = await this.study.measureLosses(candidates, choices);
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

  private async pruneAs(
    plans: readonly LayerPlan[],
    candidates: ReadonlyMap<string, CandidateLayer>,
    options: PruneOptions,
  ): Promise<PruneResult> {
    const {network, progress, samples, batchSize} = this;
    const warnings = [...this.study.warnings];
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
        return reportLayer(this.asGiven(layer), counts[i], plans[i], whyNot, keptByOrder.get(layer) ?? null);
      });
      const original = new Map([...renamed].map(([from, to]) => [to, from]));
      const givenName = (name: string) => {
        const before = original.get(name) ?? name;
        return this.given.get(before)?.name ?? before;
      };
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
        layers: errors.map(({name, relativeError}) => ({name: givenName(name), relativeError})),
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
