/** What is learned of a dense network's layers before any of them is pruned. */
import {blockGrid, interpolateLoss, type BlockRowSolver} from '../../pruning';
import type {BlockSize} from '../../packed';
import type {LayerChoice} from '../layerChoice';
import type {MeasuredLosses} from '../layerPlans';
import {readFilter} from '../pruneLayers';
import {budgetOf, type PruneOptions} from '../pruneOptions';
import type {DenseNetwork} from './denseNetwork';
import {fitShape} from './layerFit';
import {lossCurves, type CandidateLayer} from './lossCurves';
import type {Progress} from './progress';
import {makeCandidate} from './saliency';
import {pickEvenly, type Samples} from './samples';
import {ScratchModel} from './scratchModel';
import {outputImportance} from './sensitivity';
import {inputMoments} from './study';
import {Frontiers} from './walk';
import type {WalkLayer} from './walkLayers';

/** Samples for sensitivities, for moments, and others than these for the loss of a layer's trials. */
const SENSITIVITY_SAMPLES = 128;
const STUDY_SAMPLES = 256;
const CURVE_SAMPLES = 32;
/** The sizes of blocks that 'auto' chooses from. */
const AUTO_SIZES: readonly BlockSize[] = [1, 2, 4];
/** Share of the work for `Progress`. */
const LOSSES = 0.25;

export class CandidateStudy {
  /** What the user should know of it. */
  readonly warnings: string[] = [];
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

  /** The layers that may be pruned, with what their weights are worth. */
  async findCandidates(choices: readonly LayerChoice[]): Promise<ReadonlyMap<string, CandidateLayer>> {
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
  async measureLosses(
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
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0];
