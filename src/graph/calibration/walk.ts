import {dispose, type NamedTensorMap} from '@tensorflow/tfjs-core';
import {parseRef, type GraphNode, type ModelGraph} from '../modelGraph';
import {topologicalOrder} from '../topologicalOrder';
import type {Samples} from './samples';
import {restoreAll, storedBytes, storeTensor, type StoredTensor} from './sampleStore';
import type {ScratchModel} from './scratchModel';

/** What the tensors between two layers may take for all samples, of the dense and the pruned network together. */
const MOST_BYTES = 300e6;
/** Tensors are kept where they are no wider than so many times the narrowest before: else they are computed again. */
const NARROW = 2;

/** The nodes that are computed of an inference's inputs, inputs before their users. */
export function computedNodes(graph: ModelGraph): GraphNode[] {
  return topologicalOrder(graph).filter(
    ({name}) => graph.isLive(name) && graph.constantBehind(name) === undefined && !graph.hasWeight(name),
  );
}

/** The tensors that cross from the nodes before a node to it and those after it. */
export class Frontiers {
  private readonly place: ReadonlyMap<string, number>;
  private readonly lastUse = new Map<string, number>();

  /**
   * @param order of `computedNodes`
   * @param goals the nodes that are to be computed
   * @param fetchesGoals whether they have to be there in the end
   */
  constructor(
    private readonly graph: ModelGraph,
    private readonly order: readonly GraphNode[],
    goals: readonly string[],
    fetchesGoals: boolean,
  ) {
    this.place = new Map(order.map(({name}, i) => [name, i]));
    const needed = new Set(goals);
    if (fetchesGoals) for (const name of goals) this.lastUse.set(name, order.length);
    for (const node of [...order].reverse()) {
      if (needed.has(node.name)) for (const {node: input} of graph.inputs(node)) needed.add(input);
    }
    order.forEach((node, i) => {
      if (!needed.has(node.name)) return;
      for (const {node: input} of graph.inputs(node)) {
        this.lastUse.set(input, Math.max(i, this.lastUse.get(input) ?? 0));
      }
    });
  }

  placeOf(node: string): number {
    return this.place.get(node)!;
  }

  /** Names of nodes whose first outputs they are; `null` where one is another output, which cannot be fed. */
  before(node: string): string[] | null {
    const position = this.placeOf(node);
    const names = this.order
      .slice(0, position)
      .flatMap(({name}) => (this.lastUse.get(name)! >= position ? [name] : []));
    const isFirstOutput = (name: string) =>
      this.graph.consumers(name).every(({node: user, slot}) => parseRef(user.input![slot]).output === 0);
    return names.every(isFirstOutput) ? names : null;
  }
}

type State = ReadonlyArray<Readonly<Record<string, StoredTensor>>>;

/** Called with the tensors of a batch, which it must not dispose of. */
export type Visit = (dense: NamedTensorMap, pruned: NamedTensorMap, batch: number) => void;

/**
 * Goes through a network from its inputs on, the dense and the pruned one side by side, all samples at every layer. What
 * lies between two layers is kept where it is narrow, and computed anew from there.
 */
export class Walk {
  private readonly frontiers: Frontiers;
  private position = 0;
  private dense: State | null = null;
  private pruned: State | null = null;
  /** Whether the two networks differ in what was computed so far. */
  private differ = false;
  /** Bytes of a batch at the narrowest place that was passed. */
  private narrowest = Infinity;

  /**
   * @param order of `computedNodes`
   * @param goals the nodes that will be visited
   */
  constructor(
    graph: ModelGraph,
    order: readonly GraphNode[],
    goals: readonly string[],
    private readonly networks: {readonly dense: ScratchModel; readonly pruned: ScratchModel},
    private readonly samples: Samples,
    private readonly which: readonly number[],
    private readonly batchSize: number,
  ) {
    this.frontiers = new Frontiers(graph, order, goals, false);
  }

  get batches(): number {
    return Math.ceil(this.which.length / this.batchSize);
  }

  /** Tells that a layer of the pruned network has changed. */
  changed(): void {
    this.differ = true;
  }

  /** Whether the pruned network differs from the dense one. */
  get hasChanged(): boolean {
    return this.differ;
  }

  /**
   * Computes tensors that come before a node, for all samples.
   *
   * @param fetches as nodes name their inputs
   */
  async visit(node: string, fetches: readonly string[], visit: Visit): Promise<void> {
    const position = this.frontiers.placeOf(node);
    const frontier = this.frontiers.before(node);
    let keeps = frontier !== null && position > this.position;
    const states: {dense: Array<Record<string, StoredTensor>>; pruned: Array<Record<string, StoredTensor>>} = {
      dense: [],
      pruned: [],
    };
    const {dense, pruned} = this.networks;
    let batch = 0;
    for await (const feeds of this.feeds()) {
      const wanted = keeps ? [...fetches, ...frontier!] : fetches;
      const ours = await dense.run(feeds.dense, wanted);
      const theirs = this.differ ? await pruned.run(feeds.pruned, wanted) : ours;
      if (keeps && batch === 0) {
        const bytes = frontier!.reduce((sum, name) => sum + storedBytes(ours[name]), 0);
        const start = Object.values(feeds.dense).reduce((sum, tensor) => sum + storedBytes(tensor), 0);
        this.narrowest = Math.min(this.narrowest, start, bytes);
        keeps = bytes <= NARROW * this.narrowest && bytes * this.batches * (this.differ ? 2 : 1) <= MOST_BYTES;
      }
      if (keeps) {
        const store = (tensors: NamedTensorMap) =>
          Object.fromEntries(frontier!.map((name) => [name, storeTensor(tensors[name])]));
        states.dense.push(store(ours));
        if (this.differ) states.pruned.push(store(theirs));
      }
      dispose(feeds.dense);
      if (feeds.pruned !== feeds.dense) dispose(feeds.pruned);
      visit(ours, theirs, batch++);
      dispose(ours);
      if (theirs !== ours) dispose(theirs);
    }
    if (!keeps) return;
    this.position = position;
    this.dense = states.dense;
    this.pruned = this.differ ? states.pruned : null;
  }

  private async *feeds(): AsyncGenerator<{dense: NamedTensorMap; pruned: NamedTensorMap}> {
    const {dense, pruned} = this;
    if (!dense) {
      for await (const {feeds} of this.samples.batches(this.which, this.batchSize)) yield {dense: feeds, pruned: feeds};
      return;
    }
    for (let batch = 0; batch < dense.length; batch++) {
      const feeds = restoreAll(dense[batch]);
      yield {dense: feeds, pruned: pruned ? restoreAll(pruned[batch]) : feeds};
    }
  }
}
