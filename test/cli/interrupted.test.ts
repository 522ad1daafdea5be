// What an interrupted `prune` leaves: nothing new, and what was there before.
import {once} from 'node:events';
import {existsSync, readdirSync} from 'node:fs';
import path from 'node:path';
import {
  callCli,
  expectOneLine,
  filesIn,
  largeModel,
  smallClassifier,
  startCli,
  withModel,
  writeModel,
  type CallOptions,
} from '../support/commandLine';

let folder: string;
let model: string;
let out: string;

withModel(
  largeModel,
  (made) => {
    ({folder, model} = made);
    out = path.join(folder, 'out');
  },
  [beforeEach, afterEach],
);

/** Has Node run a module first, which may put its own functions into `fs`. */
const withFs = (source: string): CallOptions => ({
  node: [
    `--import=data:text/javascript,${encodeURIComponent(`
      import fs from 'node:fs';
      import files from 'node:fs/promises';
      import {syncBuiltinESMExports} from 'node:module';
      ${source}
      syncBuiltinESMExports();`)}`,
  ],
});

/** The second file never ends. */
const STUCK = withFs(`
  const {writeFile} = files;
  let count = 0;
  files.writeFile = async (...args) => {
    if (++count === 1) return writeFile(...args);
    await writeFile(args[0], 'half');
    process.stderr.write('stuck');
    return new Promise(() => setInterval(() => undefined, 1000));
  };`);

const FAILING = {
  'the disk is full': withFs(`
    const {writeFile} = files;
    let count = 0;
    files.writeFile = async (...args) => {
      if (++count === 1) return writeFile(...args);
      await writeFile(args[0], 'half');
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), {code: 'ENOSPC'});
    };`),
  'the new model cannot be put in its place': withFs(`
    const {renameSync} = fs;
    fs.renameSync = (from, to) => {
      if (from.endsWith('new')) throw new Error('EPERM: operation not permitted, rename');
      renameSync(from, to);
    };`),
};

describe.each([
  ['nothing was there', false],
  ['a model is to be replaced', true],
])('where %s,', (_, isThere) => {
  let before: Record<string, string> | null;

  beforeEach(() => {
    if (isThere) writeModel(out, smallClassifier());
    before = isThere ? filesIn(out) : null;
  });

  const expectAsBefore = () => {
    expect(existsSync(out) ? filesIn(out) : null).toEqual(before);
    expect(readdirSync(folder).sort()).toEqual(isThere ? ['model', 'out'] : ['model']);
  };

  test.each(['SIGINT', 'SIGTERM'] as const)('%s in the middle of writing leaves it so', async (signal) => {
    const child = startCli(['prune', model, out, '--force'], STUCK);
    const ended = once(child, 'exit');
    let said = '';
    while (!said.includes('stuck')) said += String((await once(child.stderr!, 'data'))[0]);
    expect(existsSync(out) ? filesIn(out) : null).toEqual(before);
    const temporary = readdirSync(folder).filter((name) => name.startsWith('.out-'));
    expect(temporary).toHaveLength(1);
    expect(readdirSync(path.join(folder, temporary[0], 'new'))).toHaveLength(2);

    child.kill(signal);
    expect(await ended).toEqual([null, signal]);
    expectAsBefore();
  });

  test.each(Object.keys(FAILING) as (keyof typeof FAILING)[])('an error leaves it so: %s', (failure) => {
    const run = callCli(['prune', model, out, '--force'], FAILING[failure]);
    expectOneLine(run, 1, /out cannot be written: (ENOSPC: no space left on device|EPERM)/);
    expectAsBefore();
  });
});

test('folders that were made for a model that could not be written are gone again', () => {
  const run = callCli(['prune', model, path.join(folder, 'a/b/c')], FAILING['the disk is full']);
  expect(run.status).toBe(1);
  expect(readdirSync(folder)).toEqual(['model']);
});
