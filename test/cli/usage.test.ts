// Help, exit codes, and what is said of a command line that makes no sense.
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {runCommandLine} from '../../src/cli/commandLine';
import {callCli, expectOneLine, smallClassifier, withModel} from '../support/commandLine';

const COMMANDS = ['prune', 'inspect', 'bench', 'compare', 'convert-back'];

let folder: string;
let model: string;

withModel(smallClassifier, (made) => ({folder, model} = made));

/** As `callCli`, in this process: what is told before anything is done needs no other one. */
async function callHere(args: readonly string[]): Promise<{status: number; stdout: string; stderr: string}> {
  const written = {stdout: '', stderr: ''};
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  try {
    return {status: await runCommandLine(args, '1.2.3'), ...written};
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe('help', () => {
  test('lists the commands, and exits with 0', () => {
    const {status, stdout, stderr} = callCli(['--help']);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    expect([status, stderr]).toEqual([0, '']);
  });

  test.each(COMMANDS)('of %s has its options and examples, and exits with 0', (command) => {
    const {status, stdout, stderr} = callCli([command, '--help']);
    expect(stdout).toMatch(/--json +print one JSON object/);
    expect(stdout).toMatch(new RegExp(`Examples:\n  npx blocksparse-1xn ${command} \\S`));
    expect([status, stderr]).toEqual([0, '']);
  });

  test('stands in for a command that is missing, with exit code 2', () => {
    const {status, stdout, stderr} = callCli([]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: blocksparse-1xn');
  });
});

test('--version prints that of the package', () => {
  const manifest = JSON.parse(readFileSync(path.resolve(__dirname, '../../package.json'), 'utf8'));
  const {status, stdout} = callCli(['--version']);
  expect([status, stdout]).toEqual([0, `${manifest.version}\n`]);
});

describe('a mistake is told in one line, with exit code 2:', () => {
  test.each<[string, string[], RegExp]>([
    ['an unknown command', ['shrink'], /unknown command 'shrink' \(blocksparse-1xn --help shows how\)/],
    ['an unknown option', ['prune', 'a', 'b', '--fast'], /unknown option '--fast' \(blocksparse-1xn prune --help/],
    ['a missing argument', ['prune', 'a'], /missing required argument 'out'/],
    ['an argument too many', ['inspect', 'a', 'b'], /too many arguments/],
    ['an unknown N', ['prune', 'a', 'b', '--n', '3'], /one of 1, 2, 4, 8, 16, 32, or auto/],
    ['a rate above 1', ['prune', 'a', 'b', '--sparsity', '50'], /a number from 0 to 1, like 0\.5/],
    ['an empty rate', ['prune', 'a', 'b', '--sparsity', ''], /a number from 0 to 1/],
    ['an unknown criterion', ['prune', 'a', 'b', '--criterion', 'l2'], /Allowed choices are l1, random/],
    ['an unknown budget', ['prune', 'a', 'b', '--budget', 'time'], /Allowed choices are macs, weights, latency/],
    ['a seed that is no number', ['prune', 'a', 'b', '--seed', 'x'], /a whole number of at least 0/],
    ['a hole in a list of layers', ['prune', 'a', 'b', '--layers', 'c,,d'], /node names separated by commas/],
    ['--float16 without --packed', ['prune', 'a', 'b', '--float16'], /--float16 goes with --packed/],
    ['samples that are none', ['prune', 'a', 'b', '--samples', '0'], /a whole number of at least 1/],
    ['means that are none', ['prune', 'a', 'b', '--mean', '1,,2'], /one number, or one a channel/],
    ['a division by 0', ['prune', 'a', 'b', '--std', '1,0,1'], /numbers other than 0/],
    ['a range of nothing', ['prune', 'a', 'b', '--range', '1,1'], /what 0 and 255 become/],
    ['half a range', ['prune', 'a', 'b', '--range', '1'], /what 0 and 255 become/],
    ['a size of three numbers', ['prune', 'a', 'b', '--size', '1x2x3'], /a size like 224, or 320x240/],
    ['half a size', ['prune', 'a', 'b', '--size', '224x'], /a whole number from 1/],
    ['an unknown repair', ['prune', 'a', 'b', '--repair', 'all'], /Allowed choices are none, closed, distill/],
    ['a limit without a kind', ['prune', 'a', 'b', '--max-drop', '0.01'], /agreement=0\.01/],
    ['a limit of an unknown kind', ['prune', 'a', 'b', '--max-drop', 'top1=0.01'], /agreement=0\.01/],
    ['a limit out of range', ['prune', 'a', 'b', '--max-drop', 'agreement=2'], /agreement=0\.01/],
    ['a mean without samples', ['prune', 'a', 'b', '--mean', '127.5'], /--mean goes with --calibration/],
    ['a crop without samples', ['prune', 'a', 'b', '--crop'], /--crop goes with --calibration/],
    ['a limit without samples', ['prune', 'a', 'b', '--max-drop', 'decibels=40'], /--max-drop goes with --calibration/],
    [
      'an offset without labels',
      ['prune', 'a', 'b', '--calibration', 'c', '--label-offset', '1'],
      /--label-offset goes with --labels/,
    ],
    ['no runs', ['bench', 'a', '--runs', '0'], /a whole number from 1 to 1000000/],
    ['too many threads', ['bench', 'a', '--threads', '65'], /from 1 to 64/],
    ['options of pruning without a rate', ['bench', 'a', '--n', '8'], /--n is of pruning: give --sparsity/],
    ['options of pictures without a page', ['inspect', 'a', '--sparsity', '0.5'], /give --html FILE/],
    ['an input without its shape', ['inspect', 'a', '--input', 'image'], /like input=1,224,224,3/],
    ['an input of no size', ['inspect', 'a', '--input', 'image=1,0'], /like input=1,224,224,3/],
    ['an unknown backend', ['compare', 'a', 'b', '--backend', 'gpu'], /Allowed choices are blocksparse-1xn, wasm, cpu/],
  ])('%s', async (_, args, message) => {
    expectOneLine(await callHere(args), 2, message);
  });

  test('and nothing else, by the command itself', () => {
    expectOneLine(callCli(['prune', 'a', 'b', '--n', '3']), 2, /one of 1, 2, 4, 8, 16, 32, or auto/);
  });

  test.each<[string, string[], RegExp]>([
    [
      'an unknown layer',
      ['prune', 'MODEL', 'OUT', '--layers', 'stem,nobody'],
      /names 'nobody', .*stem, expand, project/,
    ],
    ['an unknown input', ['inspect', 'MODEL', '--input', 'picture=1,12,12,3'], /names 'picture', .*inputs: image/],
    ['an unknown input', ['bench', 'MODEL', '--input', 'picture=1,12,12,3'], /no such input; it has image/],
    [
      'a size of samples that it does not take',
      ['prune', 'MODEL', 'OUT', '--calibration', 'images', '--size', '24'],
      /--size 24x24: the model takes 12 x 12 pixels/,
    ],
    ['an input of another size', ['compare', 'MODEL', 'MODEL', '--input', 'image=1,9,9,3'], /takes \[-1, 12, 12, 3\]/],
  ])('%s of a model: %j', (_, args, message) => {
    const names: Record<string, string> = {MODEL: model, OUT: path.join(folder, 'out')};
    expectOneLine(callCli(args.map((arg) => names[arg] ?? arg)), 2, message);
  });
});

test('--debug shows where an error comes from', () => {
  const {status, stderr} = callCli(['inspect', path.join(folder, 'none'), '--debug']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^blocksparse-1xn: there is no model .*\n(.*\n)* +at /);
});
