// The built command line in a process of its own, and models for it on disk.
import {spawn, spawnSync, type ChildProcess, type SpawnSyncReturns} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {io} from '@tensorflow/tfjs-core';
import {ConvGraphBuilder} from '../graph/convGraphs';
import {plainEnv} from './plainEnv';

const CLI = path.resolve(__dirname, '../../dist/cli.mjs');

export interface CallOptions {
  readonly cwd?: string;
  /** Arguments of Node itself. */
  readonly node?: readonly string[];
}

/** Runs `blocksparse-1xn` to its end. */
export function callCli(args: readonly string[], {cwd, node = []}: CallOptions = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [...node, CLI, ...args], {
    cwd,
    env: plainEnv,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
}

/** Starts `blocksparse-1xn`. */
export function startCli(args: readonly string[], {cwd, node = []}: CallOptions = {}): ChildProcess {
  return spawn(process.execPath, [...node, CLI, ...args], {cwd, env: plainEnv});
}

/** The one JSON object that a successful call prints. */
export function callForJson<T = Record<string, unknown>>(args: readonly string[], options?: CallOptions): T {
  const {status, stdout, stderr} = callCli([...args, '--json'], options);
  if (status !== 0) throw new Error(`exit code ${status}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

/** What every mistake has to come to: its exit code, nothing on stdout, one line on stderr. */
export function expectOneLine(
  run: Pick<SpawnSyncReturns<string>, 'status' | 'stdout' | 'stderr'>,
  status: number,
  message: RegExp,
): void {
  expect(run.stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(message)]);
  expect(run.stdout).toBe('');
  expect(run.status).toBe(status);
}

export const temporaryFolder = (): string => mkdtempSync(path.join(tmpdir(), 'cli-'));

/**
 * Makes a temporary folder with a model for the tests of a file, and removes it afterwards.
 *
 * @param use is given the two paths
 */
export function withModel(
  make: () => io.ModelArtifacts,
  use: (made: {folder: string; model: string}) => void,
  [before, after] = [beforeAll, afterAll],
): void {
  let folder: string;
  before(() => {
    folder = temporaryFolder();
    use({folder, model: writeModel(path.join(folder, 'model'), make())});
  });
  after(() => rmSync(folder, {recursive: true, force: true}));
}

/** A classifier of small images: convolutions, a depthwise one, a residual sum, a MatMul, softmax. */
export function smallClassifier(seed = 1): io.ModelArtifacts {
  const graph = new ConvGraphBuilder(seed);
  const image = graph.input('image', [-1, 12, 12, 3]);
  const stem = graph.conv('stem', image, {k: 3, stride: 2, out: 16, fused: ['BiasAdd', 'Relu6']});
  const expand = graph.conv('expand', stem, {out: 32, fused: ['BiasAdd', 'Relu6']});
  const depthwise = graph.depthwise('depthwise', expand, {fused: ['BiasAdd', 'Relu6']});
  const project = graph.conv('project', depthwise, {out: 16, fused: ['BiasAdd']});
  const sum = graph.add('sum', 'AddV2', [project, stem]);
  const features = graph.reduce('features', 'Mean', sum, [1, 2], false);
  const logits = graph.matMul('logits', features, 10);
  return graph.artifacts([graph.add('scores', 'Softmax', [logits])]);
}

/** A model of more than 4 MB, and so of two weight files. */
export function largeModel(): io.ModelArtifacts {
  const graph = new ConvGraphBuilder(2);
  const image = graph.input('image', [1, 2, 2, 32]);
  const wide = graph.conv('wide', image, {out: 1024});
  return graph.artifacts([graph.conv('narrow', wide, {out: 1040})]);
}

/** Writes a model as `folder/model.json` and `folder/weights.bin`. @returns path of the JSON */
export function writeModel(folder: string, artifacts: io.ModelArtifacts): string {
  const {weightSpecs, weightData, ...rest} = artifacts;
  mkdirSync(folder, {recursive: true});
  writeFileSync(path.join(folder, 'weights.bin'), new Uint8Array(weightData as ArrayBuffer));
  const json = path.join(folder, 'model.json');
  const weightsManifest = [{paths: ['weights.bin'], weights: weightSpecs}];
  writeFileSync(json, JSON.stringify({...rest, weightsManifest}));
  return json;
}

/** The contents of a folder's files by their names. */
export function filesIn(folder: string): Record<string, string> {
  const names = readdirSync(folder).sort();
  return Object.fromEntries(names.map((name) => [name, readFileSync(path.join(folder, name), 'latin1')]));
}
