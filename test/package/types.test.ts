import {rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {makeConsumer, ROOT, runNode} from './consumer';

/** What README shows, typed; the second half must not compile. */
const APP = `
import {type GraphModel, loadGraphModel} from '@tensorflow/tfjs-converter';
import type {io, Tensor} from '@tensorflow/tfjs-core';
import {
  backendInfo, configure, inspectModel, inspectPlans, measurePlan, pruneGraphModel, pruneOnLoad,
} from 'tfjs-backend-blocksparse-1xn';
import type {PlanReport, StepReport, TaskReport} from 'tfjs-backend-blocksparse-1xn';

export async function app(stored: io.ModelArtifacts): Promise<string> {
  configure({rewrite: false});
  pruneOnLoad({n: 4, sparsity: 0.5, match: /mobilenet/});
  const model = await loadGraphModel('model.json');
  pruneOnLoad(null);
  plans(model, {});
  const {artifacts, report} = await pruneGraphModel(stored, {n: 8, sparsity: 0.6});
  void inspectModel(artifacts);
  void report;
  const {variant, threads}: {variant: 'relaxed' | 'simd128'; threads: number} = backendInfo();
  return variant + threads;
}

function plans(model: GraphModel, inputs: {[name: string]: Tensor}): number {
  const reports: PlanReport[] = inspectPlans(model);
  const tasksOf = (step: StepReport): readonly TaskReport[] => ('call' in step ? [] : step.tasks);
  const expected = reports.flatMap(({steps}) => steps.flatMap(tasksOf)).map(({expectedMs}) => expectedMs);
  const times: number[] | null = measurePlan(model, inputs);
  return (times ?? expected).length;
}
`;
const MISUSE = `
// @ts-expect-error 3 is not a block height
pruneOnLoad({n: 3, sparsity: 0.5});
// @ts-expect-error there is no such option
configure({speed: 'high'});
// @ts-expect-error null where nothing is planned
const sum: number = measurePlan({}, {}).length;
`;

const BASE = {
  strict: true,
  noEmit: true,
  target: 'ES2022',
  lib: ['ES2022', 'DOM'],
  // The declarations of tfjs itself need these two; npm installs them with it.
  types: ['emscripten', 'long'],
  skipLibCheck: false,
};

let folder: string;

beforeAll(() => {
  folder = makeConsumer({type: 'module'});
  for (const file of ['module.ts', 'module.mts', 'common.cts']) writeFileSync(path.join(folder, file), APP + MISUSE);
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** What the TypeScript compiler says of some files, line by line. */
function compile(files: string[], compilerOptions: object): string[] {
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({files, compilerOptions: {...BASE, ...compilerOptions}}),
  );
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const {status, stdout, stderr} = runNode(folder, [tsc, '-p', '.']);
  const errors = stdout.split('\n').filter(Boolean);
  if ((status === 0) !== (errors.length === 0)) throw new Error(`tsc exits with ${status}: ${stderr}`);
  return errors;
}

describe('the type declarations', () => {
  test('serve import and require under moduleResolution node16', () => {
    const options = {module: 'node16', moduleResolution: 'node16'};
    expect(compile(['module.ts', 'module.mts', 'common.cts'], options)).toEqual([]);
  });

  test('serve import under moduleResolution bundler', () => {
    expect(compile(['module.ts'], {module: 'esnext', moduleResolution: 'bundler'})).toEqual([]);
  });
});
