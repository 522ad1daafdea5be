// Models with control flow run by `executeAsync`, node by node. Most of their work is not behind it: the largest stretch
// of plain nodes runs apart, as a model without control flow would.
import {dispose, type NamedTensorMap, type Tensor} from '@tensorflow/tfjs-core';
import {parseRef} from './graphTypes';
import type {Executor, ExecutorNode, RepeatedRuns} from './executor';

/** What is computed apart of a call of `executeAsync`. Names are those of nodes whose first output is meant. */
export interface Split {
  /** The results of control flow that the stretch needs, or that have been computed with them. */
  readonly before: readonly string[];
  /** What the stretch computes for outputs and for nodes after it. */
  readonly stretch: readonly string[];
  /** Whether anything is left to do. */
  readonly after: boolean;
}

/** A stretch is worth a run of its own if one of these is in it. */
const HEAVY = /Conv|MatMul/;
/** Values of these follow from shapes alone: they are made anew rather than fed. */
const FROM_SHAPES = /^(Shape|ShapeN|Size|Rank|NoOp)$/;
/** These may give their input's data. */
const ALIAS = /^(Reshape|ExpandDims|Squeeze|Identity|Cast)$/;
/** Ops of control flow that give values; most give handles, which mean nothing in another run. */
const VALUES = /^(TensorListStack|TensorArrayGatherV3|NonMaxSuppression|Where)/;

/**
 * Finds what to compute apart, for any outputs.
 *
 * @param weights names of nodes whose values are there
 * @returns a function of the outputs' nodes and the names of those that are fed: null if all shall run as ever
 */
export function splitter(
  nodes: readonly ExecutorNode[],
  weights: Readonly<Record<string, unknown>>,
): (outputs: readonly ExecutorNode[], fed: ReadonlySet<string>) => Split | null {
  const alongGraph = (next: (node: ExecutorNode, of: NumberOf) => number) => growAlong(nodes, weights, next);
  const frames = alongGraph(({op, inputs}, of) => {
    const around = most(inputs.map(of));
    return op === 'Enter' ? around + 1 : op === 'Exit' ? most([around - 1]) : around;
  });
  const isPlain = (node: ExecutorNode) => !isControl(node) && frames(node) === 0;
  // How often plain nodes follow control flow on a way to a node. Behind a branch outside of loops it may not run at all.
  const level = alongGraph((node, of) =>
    node.op === 'Switch' && frames(node) === 0
      ? Infinity
      : most(node.inputs.map((input) => of(input) + (isPlain(node) && !isPlain(input) ? 1 : 0))),
  );
  // 0: hangs on nothing but constants and shapes. 1: may be an input, or comes from control flow. 2: is computed.
  const rank = alongGraph((node, of) => {
    if (node.op.startsWith('Placeholder') || !isPlain(node)) return 1;
    const before = FROM_SHAPES.test(node.op) ? 0 : most(node.inputs.map(of));
    return before && !ALIAS.test(node.op) ? 2 : before;
  });
  const work: number[] = [];
  for (const node of nodes) {
    if (isPlain(node) && HEAVY.test(node.op)) work[level(node)] = (work[level(node)] ?? 0) + 1;
  }
  const heaviest = work.reduce((best, count, i) => (count > (work[best] ?? 0) ? i : best), 0);

  /** Whether a node can be computed apart: the stretch itself and what control flow gives before it. */
  const isApart = (node: ExecutorNode) => {
    // Of logical ops tfjs takes the type of the inputs for that of the output, and would refuse it.
    if (frames(node) > 0 || level(node) > heaviest || node.category === 'logical' || hasMoreOutputs(node)) return false;
    return isControl(node) ? level(node) < heaviest && VALUES.test(node.op) : rank(node) === 2;
  };

  return (outputs, fed) => {
    const [before, stretch] = [new Set<ExecutorNode>(), new Set<ExecutorNode>()];
    const isThere = ({name}: ExecutorNode) => fed.has(name) || Boolean(weights[name]);
    let [after, heavy] = [false, false];
    walk(outputs, (node) => {
      if (isThere(node)) return false;
      if (isApart(node)) {
        (isControl(node) ? before : stretch).add(node);
        return false;
      }
      after ||= isControl(node);
      return true;
    });
    walk([...stretch], (node) => {
      if (isThere(node)) return false;
      if (isControl(node)) before.add(node);
      heavy ||= HEAVY.test(node.op);
      return !isControl(node);
    });
    if (!heavy || [...before].some(hasMoreOutputs)) return null;
    // Without control flow, before or after, tfjs has a warning to give.
    after ||= before.size === 0;
    if (!after && !outputs.every((node) => stretch.has(node) || before.has(node))) return null;
    return {before: namesOf(before), stretch: namesOf(stretch), after};
  };
}

/**
 * Lets `executeAsync` compute the largest stretch of nodes without control flow through `runs`. Outputs are the same; where
 * inner nodes are fed, or what is asked for does not need such a stretch, the executor runs as ever.
 */
export function splitExecution(executor: Executor, runs: RepeatedRuns): void {
  const {nodes} = executor.graph;
  const executeAsync = executor.executeAsync.bind(executor);
  // Not what feeding.ts has put in their place: inner nodes are fed here as they are in this graph.
  const own = Object.getPrototypeOf(executor) as Executor;
  const nodesOf = (names: readonly string[]) => names.map((name) => nodes[name]!);
  const splits = new Map<string, Split | null>();
  let split: ReturnType<typeof splitter> | undefined;

  const splitFor = (fed: readonly string[], outputs: readonly string[]): Split | null => {
    const [feeds, fetches] = [fed, outputs].map((names) => names.map(parseRef));
    const isInput = feeds.every(({node}) => nodes[node]?.op.startsWith('Placeholder'));
    if (!isInput || !fetches.every(({node, output}) => nodes[node] && output === 0)) return null;
    split ??= splitter(Object.values(nodes) as ExecutorNode[], executor.weightMap);
    return split(nodesOf(fetches.map(({node}) => node)), new Set(feeds.map(({node}) => node)));
  };

  executor.executeAsync = async (inputs, outputs = []) => {
    if (!runs.isActive()) return executeAsync(inputs, outputs);
    const [given, asked] = [executor.mapInputs(inputs), executor.mapOutputs(outputs)];
    const fed = Object.keys(given).sort();
    const key = JSON.stringify([fed, asked]);
    if (!splits.has(key)) splits.set(key, splitFor(fed, asked));
    const parts = splits.get(key);
    if (!parts) return executeAsync(inputs, outputs);
    const {before, stretch, after} = parts;
    const made: NamedTensorMap = {};
    let results: Tensor[] = [];
    const add = (names: readonly string[], tensors: Tensor[]) => names.forEach((name, i) => (made[name] = tensors[i]));
    try {
      if (before.length) add(before, await own.executeAsync.call(executor, given, [...before]));
      const all = {...given, ...made};
      const tensors = [...fed, ...before].map((name) => all[name]);
      const compute = () => own.execute.call(executor, all, [...stretch]);
      add(
        stretch,
        asPlaceholders(nodesOf(before), () => runs.run(`async ${key}`, tensors, compute)),
      );
      results = after
        ? await own.executeAsync.call(executor, {...given, ...made}, asked)
        : asked.map((name) => made[parseRef(name).node]);
      return results;
    } catch {
      // An error of tfjs, which it gives itself; or there is something here that cannot be split.
      const whole = await executeAsync(inputs, outputs);
      splits.set(key, null);
      return whole;
    } finally {
      dispose(Object.values(made).filter((tensor) => !results.includes(tensor)));
    }
  };
}

/** Runs `f` with nodes that pass for placeholders: `execute` would refuse to be fed what control flow gives. */
function asPlaceholders<T>(fed: readonly ExecutorNode[], f: () => T): T {
  const ops = fed.map(({op}) => op);
  for (const node of fed) node.op = 'Placeholder';
  try {
    return f();
  } finally {
    fed.forEach((node, i) => (node.op = ops[i]));
  }
}

function isControl({category}: ExecutorNode): boolean {
  return category === 'control' || category === 'dynamic';
}

type NumberOf = (node: ExecutorNode) => number;

/** A number for each node that follows from those of its inputs, and is not smaller than with smaller ones; 0 for weights. */
function growAlong(
  nodes: readonly ExecutorNode[],
  weights: Readonly<Record<string, unknown>>,
  next: (node: ExecutorNode, of: NumberOf) => number,
): NumberOf {
  const numbers = new Map<ExecutorNode, number>();
  const of: NumberOf = (node) => numbers.get(node) ?? 0;
  // Loops lead back: again until nothing grows.
  for (let pass = 0, grown = true; grown && pass < nodes.length; pass++) {
    grown = false;
    for (const node of nodes) {
      const number = weights[node.name] ? 0 : next(node, of);
      grown ||= number !== of(node);
      numbers.set(node, number);
    }
  }
  return of;
}

function most(values: readonly number[]): number {
  return Math.max(0, ...values);
}

/** tfjs takes one output of a node as fed. */
function hasMoreOutputs({name, children}: ExecutorNode): boolean {
  return children.some(({inputNames}) =>
    inputNames.some((input) => input.startsWith(`${name}:`) && !input.endsWith(':0')),
  );
}

function namesOf(nodes: ReadonlySet<ExecutorNode>): string[] {
  return [...nodes].map(({name}) => name);
}

/** Goes back from nodes to their inputs for as long as `visit` says so, to each once. */
function walk(from: readonly ExecutorNode[], visit: (node: ExecutorNode) => boolean): void {
  const stack = [...from];
  const seen = new Set<ExecutorNode>();
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (visit(node)) stack.push(...node.inputs);
  }
}
