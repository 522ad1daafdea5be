/**
 * Lets every graph model that is loaded pass through rewriters. All ways into
 * a graph model (URL, IOHandler, memory, shards, streams, synchronous or not)
 * end in `GraphModel.prototype.loadSync` or `loadStreaming`, so these are
 * where it hooks in. Without a rewriter that applies, tfjs's own code runs
 * untouched.
 */
import {GraphModel} from '@tensorflow/tfjs-converter';
import {io, util} from '@tensorflow/tfjs-core';

import {feedRewritten} from './feeding';

/** In the order in which they run. */
const KINDS = ['packed', 'prune', 'cleanup'] as const;
export type RewriterKind = (typeof KINDS)[number];

export interface Rewriter {
  /**
   * Whether the model is to be rewritten. Asked once, before any weight is
   * decoded; weights that arrive as a stream are not there yet.
   *
   * @param url where the model comes from, if that is known.
   */
  applies(artifacts: io.ModelArtifacts, url: string | undefined): boolean;
  /** The artifacts to load instead; those given must not be changed. `weightData` is complete. */
  rewrite(artifacts: io.ModelArtifacts, url: string | undefined): io.ModelArtifacts | Promise<io.ModelArtifacts>;
  /** Called with the model when it has loaded what it rewrote. */
  loaded?(model: GraphModel): void;
}

/** What the hook needs of GraphModel beyond its public types. */
interface GraphModelInternals {
  modelUrl: unknown;
  load(): true | Promise<true>;
  loadSync(artifacts: io.ModelArtifacts): true | Promise<true>;
  loadStreaming(artifacts: io.ModelArtifacts): Promise<true>;
}

/** Set on artifacts that are to be loaded as they are. */
const AS_IS = Symbol.for('tfjs-backend-blocksparse-1xn.asIs');

/** Shared by all copies of this package in a page, say one imported as ESM and one as CommonJS. */
const REWRITERS = Symbol.for('tfjs-backend-blocksparse-1xn.rewriters');
const INSTALLED = Symbol.for('tfjs-backend-blocksparse-1xn.loadHook');
const WATCHER = Symbol.for('tfjs-backend-blocksparse-1xn.loadWatcher');

type Rewriters = Map<RewriterKind, Rewriter>;
type Watcher = (model: GraphModel) => void;

function rewriters(): Rewriters {
  const holder = globalThis as {[REWRITERS]?: Rewriters};
  return (holder[REWRITERS] ??= new Map());
}

/** Sets the rewriter of a kind for all later loads, or takes it away. */
export function setRewriter(kind: RewriterKind, rewriter: Rewriter | null): void {
  if (rewriter === null) rewriters().delete(kind);
  else rewriters().set(kind, rewriter);
}

/** Sets what is called with every model that has loaded, rewritten or not. */
export function watchLoads(watcher: Watcher): void {
  (globalThis as {[WATCHER]?: Watcher})[WATCHER] = watcher;
}

/** Hooks into `GraphModel`. Calling it again, from whatever copy of this package, does nothing. */
export function installLoadHook(): void {
  const prototype = GraphModel.prototype as unknown as GraphModelInternals & {[INSTALLED]?: true};
  if (prototype[INSTALLED]) return;
  prototype[INSTALLED] = true;
  const {load, loadSync, loadStreaming} = prototype;
  /** Models whose handler gave a promise: they load inside `then`, where `loadSync` may return a promise too. */
  const mayWait = new WeakSet<object>();

  prototype.load = function (this: GraphModelInternals) {
    const result = load.call(this);
    if (result !== true) {
      mayWait.add(this);
      const done = (): unknown => mayWait.delete(this);
      result.then(done, done);
    }
    return result;
  };

  prototype.loadSync = function (this: GraphModelInternals, artifacts) {
    const url = urlOf(this);
    if (AS_IS in artifacts) return loadSync.call(this, artifacts);
    const applying = applyingTo(artifacts, url);
    if (applying.length === 0) return loaded(this, loadSync.call(this, artifacts) as true);
    const rewritten = rewriteAll(applying, artifacts, url);
    if (!util.isPromise(rewritten)) return finish(this, rewritten, applying);
    if (mayWait.has(this)) return rewritten.then((ready) => finish(this, ready, applying));
    // Nobody will look at this promise: its failure must not end the process.
    rewritten.catch(() => undefined);
    throw new Error(
      'loadGraphModelSync cannot wait for asynchronous work such as calibration, which the options for this model ' +
        'ask for: use loadGraphModel, or prune the artifacts first with pruneGraphModel.',
    );
  };

  prototype.loadStreaming = async function (this: GraphModelInternals, artifacts) {
    const url = urlOf(this);
    const applying = applyingTo(artifacts, url);
    if (applying.length === 0) return loaded(this, await loadStreaming.call(this, artifacts));
    return finish(this, await rewriteAll(applying, await readWeightStream(artifacts), url), applying);
  };

  const loaded = (internals: GraphModelInternals, result: true): true => {
    (globalThis as {[WATCHER]?: Watcher})[WATCHER]?.(internals as unknown as GraphModel);
    return result;
  };
  const finish = (internals: GraphModelInternals, artifacts: io.ModelArtifacts, applied: readonly Rewriter[]): true => {
    const result = loadSync.call(internals, artifacts) as true;
    const model = internals as unknown as GraphModel;
    feedRewritten(model);
    for (const rewriter of applied) rewriter.loaded?.(model);
    return loaded(internals, result);
  };
}

/** The artifacts with the weights in `weightData`, read from the stream if they come as one. */
export async function readWeightStream(artifacts: io.ModelArtifacts): Promise<io.ModelArtifacts> {
  if (artifacts.getWeightStream === undefined) return artifacts;
  const chunks: Uint8Array[] = [];
  const reader: ReadableStreamDefaultReader<ArrayBuffer | Uint8Array> = artifacts.getWeightStream().getReader();
  for (;;) {
    const {done, value} = await reader.read();
    // Streams of fetched files give byte arrays, whatever the type says.
    if (value !== undefined) chunks.push(new Uint8Array(value));
    if (done) break;
  }
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  const read: io.ModelArtifacts = {...artifacts, weightData: bytes.buffer};
  delete read.getWeightStream;
  return read;
}

/** Loads artifacts that no rewriter touches, and nobody is told of the model. */
export function loadAsIs(artifacts: io.ModelArtifacts): GraphModel {
  const model: GraphModel = new GraphModel(
    io.fromMemorySync({...artifacts, [AS_IS]: true} as io.ModelArtifacts) as io.IOHandler,
  );
  model.load();
  return model;
}

function applyingTo(artifacts: io.ModelArtifacts, url: string | undefined): Rewriter[] {
  return KINDS.flatMap((kind) => {
    const rewriter = rewriters().get(kind);
    return rewriter?.applies(artifacts, url) ? [rewriter] : [];
  });
}

/** One rewriter after the other; a promise only if one of them gives one. */
function rewriteAll(
  applying: readonly Rewriter[],
  artifacts: io.ModelArtifacts,
  url: string | undefined,
): io.ModelArtifacts | Promise<io.ModelArtifacts> {
  return applying.reduce<io.ModelArtifacts | Promise<io.ModelArtifacts>>(
    (current, rewriter) =>
      util.isPromise(current) ? current.then((ready) => rewriter.rewrite(ready, url)) : rewriter.rewrite(current, url),
    artifacts,
  );
}

/** Where a model comes from: its URL, or what its handler calls `path` or `url`. */
function urlOf(model: GraphModelInternals): string | undefined {
  const source = model.modelUrl;
  if (typeof source === 'string') return source;
  const {path, url} = source as {path?: unknown; url?: unknown};
  const first: unknown = Array.isArray(path) ? path[0] : (path ?? url);
  return typeof first === 'string' ? first : undefined;
}
