// Watches the kernels that an inference calls. Runs in Node and, bundled, in a page.

/** Calls of the graph executor after a node has run, and where their arguments name it. */
const AFTER_NODE = {
  checkTensorForDisposalWithNodeLiveUntilInfo: (node) => node.name,
  checkTensorForDisposal: (name) => name,
};

/** Attributes that are kept. */
const ATTRS = ['strides', 'pad', 'dilations', 'filterSize', 'transposeA', 'transposeB', 'activation'];

/**
 * @typedef {import('./roofline.mjs').OpShape & {node: string, path: string, kept: number | null, workers: boolean}} TracedOp
 *     node: of the graph that ran it, '' where unknown. path: stock, dense, winograd, 1xN, view, or ours for kernels that have one
 *     path. kept: share of the blocks that it computes. workers: whether it handed out work to them
 */

/**
 * What an inference calls, in order. Which way a kernel takes shows in what it asks for: a form of its weights from the
 * backend's cache, stock's kernel of its name, the workers.
 *
 * @param {object} host
 * @param {typeof import('@tensorflow/tfjs-core')} host.tf
 * @param {string} host.backendName of ours; it is active
 * @param {object | undefined} host.executor of the graph model
 * @param {() => Promise<unknown>} infer runs the model once
 * @returns {Promise<TracedOp[]>}
 */
export async function surveyOps({tf, backendName, executor}, infer) {
  const {weightCache, threads} = tf.backend();
  const ops = [];
  let current = null;
  let named = 0;
  const restore = [
    replaceKernels(tf, backendName, (kernel, run) => {
      const isStock = run === tf.getKernel(kernel, 'wasm')?.kernelFunc;
      return (args) => {
        if (current) return run(args); // called by the op that is being described
        current = {kernel, stock: isStock, layer: null, workers: false};
        const out = run(args);
        ops.push(describe(current, args, out));
        current = null;
        return out;
      };
    }),
    // A kernel of ours may call other kernels of stock's on the way.
    replaceKernels(tf, 'wasm', (kernel, run) => (args) => {
      if (current?.kernel === kernel) current.stock = true;
      return run(args);
    }),
    replaceMethod(weightCache, 'resolve', (resolve) => (dataId, shape, ...rest) => {
      const resolved = resolve.call(weightCache, dataId, shape, ...rest);
      if (current && resolved) {
        const {kept} = weightCache.layer(dataId, shape).counts;
        current.layer = {...resolved.weights, kept, shape: shape.filter};
      }
      return resolved;
    }),
    replaceMethod(threads.pool, 'run', (run) => (...args) => {
      if (current) current.workers = true;
      return run.apply(threads.pool, args);
    }),
    ...Object.entries(AFTER_NODE).map(([method, nameOf]) =>
      // Bodies of loops and functions have executors of their own.
      replaceMethod(executor && Object.getPrototypeOf(executor), method, (check) => {
        return function (...args) {
          for (; named < ops.length; named++) ops[named].node = nameOf(...args);
          return check.apply(this, args);
        };
      }),
    ),
  ];
  try {
    await infer();
  } finally {
    for (const undo of restore.reverse()) undo();
  }
  return ops;
}

function describe({kernel, stock, layer, workers}, {inputs, attrs}, out) {
  const tensors = Object.values(inputs).filter((input) => input?.shape);
  const outputs = Array.isArray(out) ? out : [out];
  const view = sharesData(inputs, out);
  const described = {
    node: '',
    kernel,
    inputs: tensors.map(shapeAndType),
    outputs: outputs.map(shapeAndType),
    attrs: knownAttrs(attrs),
    view,
    path: view ? 'view' : stock ? 'stock' : 'ours',
    weights: null,
    kept: null,
    workers,
  };
  if (layer === null || stock) return described;
  const {dense, winograd, n, bytes, kept, outChannels, shape} = layer;
  const columns = shape.kh * shape.kw * shape.inChannels;
  const size = columns * outChannels;
  if (dense) {
    return {...described, path: winograd ? 'winograd' : 'dense', kept: 1, weights: {entries: size, bytes}};
  }
  // Of a ragged last row only the channels that there are.
  const share = kept[n] / (columns * Math.ceil(outChannels / n));
  return {...described, path: `1x${n}`, kept: share, weights: {entries: Math.round(size * share), bytes}};
}

function shapeAndType({shape, dtype}) {
  return {shape: [...shape], dtype};
}

function knownAttrs(attrs) {
  return Object.fromEntries(ATTRS.filter((name) => attrs?.[name] !== undefined).map((name) => [name, attrs[name]]));
}

function sharesData(inputs, out) {
  const ids = Object.values(inputs).map((input) => input?.dataId);
  return !Array.isArray(out) && ids.includes(out.dataId);
}

/**
 * A stopwatch around every kernel of a backend; `remove` takes it off.
 *
 * @param {typeof import('@tensorflow/tfjs-core')} tf
 * @param {string} backendName
 * @returns {{time: (infer: () => Promise<number>, repeats?: number[]) => Promise<Laps>,
 *     remove: () => void}}
 *
 * @typedef {object} Laps of one inference
 * @property {string[]} kernels in the order of their calls
 * @property {number[]} ms of each; the mean where `repeats` has it called several times in a row
 * @property {number} restMs of the inference: what it took beside all kernels
 */
export function installStopwatch(tf, backendName) {
  let laps = null;
  let running = false;
  const remove = replaceKernels(tf, backendName, (kernel, run) => (args) => {
    // A kernel that another one calls is a part of it.
    if (laps === null || running) return run(args);
    running = true;
    const count = laps.repeats[laps.ms.length] ?? 1;
    const start = performance.now();
    const out = run(args);
    for (let i = 1; i < count; i++) {
      const again = run(args);
      for (const {dataId} of Array.isArray(again) ? again : [again]) args.backend.disposeData(dataId);
    }
    const span = performance.now() - start;
    running = false;
    laps.spans += span;
    laps.ms.push(span / count);
    laps.kernels.push(kernel);
    return out;
  });
  return {
    async time(infer, repeats = []) {
      laps = {kernels: [], ms: [], spans: 0, repeats};
      const current = laps;
      try {
        const ms = await infer();
        return {kernels: current.kernels, ms: current.ms, restMs: ms - current.spans};
      } finally {
        laps = null;
      }
    },
    remove,
  };
}

/**
 * @param {(kernelName: string, run: Function) => Function} wrap
 * @returns {() => void} puts the kernels back
 */
function replaceKernels(tf, backendName, wrap) {
  const undo = tf
    .getKernelsForBackend(backendName)
    .map((config) => replaceMethod(config, 'kernelFunc', (run) => wrap(config.kernelName, run)));
  return () => undo.forEach((restore) => restore());
}

/** Replaces a method of an object if there is one, its own or inherited, until the returned function is called. */
function replaceMethod(object, name, wrap) {
  const original = object?.[name];
  if (typeof original !== 'function') return () => undefined;
  const own = Object.getOwnPropertyDescriptor(object, name);
  object[name] = wrap(original);
  return () => (own ? Object.defineProperty(object, name, own) : delete object[name]);
}
