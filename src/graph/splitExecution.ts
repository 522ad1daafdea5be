// Models with control flow run by `executeAsync`, node by node. Most of their work is not behind it: the largest stretch
// of plain nodes runs apart, as a model without control flow would.
import {dispose, type NamedTensorMap, type Tensor} from '@tensorflow/tfjs-core';
import {parseRef} from './graphTypes';
import type {Executor, ExecutorNode, RepeatedRuns} from './planExecution';

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

/** What is known of a node from those before it; each only grows along the graph. */
interface Facts {
  /** Frames of loops around it; Infinity where it may not run at all. */
  readonly depth: number;
  /** How often plain nodes follow control flow on a way to it. */
  readonly level: number;
  /** 0: hangs on nothing but constants and shapes. 1: may be an input, or control flow. 2: is computed. */
  readonly rank: number;
}

const NOTHING: Facts = {depth: 0, level: 0, rank: 0};

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
  const facts = new Map<ExecutorNode, Facts>();
  const factsOf = (node: ExecutorNode) => facts.get(node) ?? NOTHING;
  const isPlain = (node: ExecutorNode) => !isControl(node) && factsOf(node).depth === 0;
  // Loops lead back: again until nothing grows.
  for (let pass = 0, grown = true; grown && pass < nodes.length; pass++) {
    grown = false;
    for (const node of nodes) {
      if (weights[node.name]) continue;
      const [before, now] = [factsOf(node), follow(node, node.inputs.map(factsOf), node.inputs.map(isPlain))];
      if (now.depth === before.depth && now.level === before.level && now.rank === before.rank) continue;
      facts.set(node, now);
      grown = true;
    }
  }
  const work: number[] = [];
  for (const node of nodes) {
    const {level} = factsOf(node);
    if (isPlain(node) && HEAVY.test(node.op)) work[level] = (work[level] ?? 0) + 1;
  }
  const heaviest = work.reduce((best, count, level) => (count > (work[best] ?? 0) ? level : best), 0);

  /** Whether a node can be computed apart: the stretch itself and what control flow gives before it. */
  const isApart = (node: ExecutorNode) => {
    const {depth, level, rank} = factsOf(node);
    if (depth > 0 || level > heaviest || node.category === 'logical' || hasMoreOutputs(node)) return false;
    return isControl(node) ? level < heaviest && VALUES.test(node.op) : rank === 2;
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
  const splits = new Map<string, Split | null>();
  let split: ReturnType<typeof splitter> | undefined;

  const splitFor = (fed: readonly string[], outputs: readonly string[]): Split | null => {
    const [feeds, fetches] = [fed, outputs].map((names) => names.map(parseRef));
    const isInput = feeds.every(({node}) => nodes[node]?.op.startsWith('Placeholder'));
    if (!isInput || !fetches.every(({node, output}) => nodes[node] && output === 0)) return null;
    split ??= splitter(Object.values(nodes) as ExecutorNode[], executor.weightMap);
    return split(
      fetches.map(({node}) => nodes[node]!),
      new Set(feeds.map(({node}) => node)),
    );
  };

  executor.executeAsync = async (inputs, outputs = []) => {
    if (!runs.isActive()) return executeAsync(inputs, outputs);
    const [given, asked] = [executor.mapInputs(inputs), executor.mapOutputs(outputs)];
    const fed = Object.keys(given).sort();
    const key = JSON.stringify([fed, asked]);
    if (!splits.has(key)) splits.set(key, splitFor(fed, asked));
    const parts = splits.get(key);
    if (!parts) return executeAsync(inputs, outputs);
    const made: NamedTensorMap = {};
    let results: Tensor[] = [];
    const add = (names: readonly string[], tensors: Tensor[]) => names.forEach((name, i) => (made[name] = tensors[i]));
    try {
      const {before, stretch, after} = parts;
      if (before.length) add(before, await own.executeAsync.call(executor, given, [...before]));
      const all = {...given, ...made};
      const compute = () =>
        asPlaceholders(
          before.map((name) => nodes[name]!),
          () => own.execute.call(executor, all, [...stretch]),
        );
      add(
        stretch,
        runs.run(
          `async ${key}`,
          [...fed, ...before].map((name) => all[name]),
          compute,
        ),
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

function follow(node: ExecutorNode, inputs: readonly Facts[], plain: readonly boolean[]): Facts {
  const {op} = node;
  const most = (values: readonly number[]) => Math.max(0, ...values);
  const around = most(inputs.map(({depth}) => depth));
  let depth = around;
  if (op === 'Enter') depth++;
  // A branch outside of loops: what is behind it may never run.
  else if (op === 'Switch' && around === 0) depth = Infinity;
  else if (op === 'Exit') depth = most([around - 1]);
  const isPlain = !isControl(node) && depth === 0;
  const level = most(inputs.map((input, i) => input.level + (isPlain && !plain[i] ? 1 : 0)));
  if (op.startsWith('Placeholder') || !isPlain) return {depth, level, rank: 1};
  const rank = FROM_SHAPES.test(op) ? 0 : most(inputs.map((input) => input.rank));
  return {depth, level, rank: rank && !ALIAS.test(op) ? 2 : rank};
}

/** tfjs takes one output of a node as fed. */
function hasMoreOutputs({name, children}: ExecutorNode): boolean {
  return children.some(({inputNames}) =>
    inputNames.some((input) => {
      const {node, output} = parseRef(input);
      return node === name && output > 0;
    }),
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
