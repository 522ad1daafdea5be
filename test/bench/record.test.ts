import {spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {callBenchmarkModule, ROOT} from './benchmarkModule';
import {madeUpRecord} from './madeUpRecord';

let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'record-'))));
afterAll(() => rmSync(folder, {recursive: true, force: true}));

const run = (script: string, ...args: string[]) =>
  spawnSync(process.execPath, [path.join(ROOT, 'benchmarks', script), ...args], {cwd: folder, encoding: 'utf8'});

interface Job {
  id: string;
  kind: 'rows' | 'profiles' | 'regions' | 'kernels';
  args: string[];
}
const planJobs = (env: string) =>
  callBenchmarkModule<Job[]>('recordPlan.mjs', 'planJobs', {env, peers: ['tfjs-wasm', 'litert'], runs: 40});

describe('what is on record', () => {
  test('has a name of its own for each measurement', () => {
    const ids = planJobs('chromium').map(({id}) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('is MobileNetV2 at every N and rate, on one thread and on two, beside every peer', () => {
    const jobs = planJobs('chromium').filter(({id}) => id.startsWith('bench mobilenet_v2'));
    expect(jobs).toHaveLength(2 * (1 + 6 * 3));
    expect(jobs.map(({id}) => id)).toContain('bench mobilenet_v2_1.0_224 1x32 75%, 2 threads');
    for (const {args} of jobs) expect(args.join(' ')).toContain('--peers tfjs-wasm,litert --env chromium --runs 40');
  });

  test('has regions and kernels too, and profiles where profile runs', () => {
    const kinds = (env: string) => new Set(planJobs(env).map(({kind}) => kind));
    expect(kinds('node')).toEqual(new Set(['rows', 'profiles', 'regions', 'kernels']));
    expect(kinds('firefox')).toEqual(new Set(['rows', 'regions', 'kernels']));
  });
});

describe('a record', () => {
  const call = <T = ReturnType<typeof madeUpRecord>>(name: string, ...args: unknown[]) =>
    callBenchmarkModule<T>('record.mjs', name, ...args);
  const job = {id: 'new', kind: 'rows', script: 'bench.mjs', args: ['--n', '4'], model: 'm'};

  test('grows by a row; machine and versions are kept once, a failure of before is forgotten', () => {
    const result = {runs: 2, machine: {cpu: 'x', cores: 9, tfjs: '4.22.1'}, versions: {ort: '1.30'}, model: 'm'};
    const failed = call('withFailure', madeUpRecord(), job, 'no browser');
    expect(failed.failures).toEqual([{id: 'new', message: 'no browser'}]);
    const record = call('withResult', failed, job, result);
    expect(record.failures).toEqual([]);
    expect(record.rows.at(-1)).toEqual({id: 'new', command: 'node benchmarks/bench.mjs --n 4', runs: 2, model: 'm'});
    expect(record.engines).toMatchObject({runtime: 'Chromium 1', tfjs: '4.22.1', ort: '1.30'});
    expect(record.engines).not.toHaveProperty('cpu');
    expect(call<boolean>('isDone', record, job)).toBe(true);
    expect(call<boolean>('isDone', failed, job)).toBe(false);
  });

  test('is as good as new after its way through a file, a line an entry', () => {
    const text = callBenchmarkModule<string>('recordFile.mjs', 'recordText', madeUpRecord());
    expect(JSON.parse(text)).toEqual(madeUpRecord());
    expect(text.split('\n').filter((line) => line.startsWith('  {"id":'))).toHaveLength(7);
  });

  test('has a file named by date, processor and environment, and by nothing else of the machine', () => {
    const name = (cpu: string) =>
      callBenchmarkModule('recordFile.mjs', 'recordName', {
        ...{date: '2025-01-31', env: 'node', machine: {cpu, cores: 8}},
      });
    expect(name('Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz')).toBe(
      '2025-01-31-intel-xeon-e5-2680-v4-8-cores-node.json',
    );
    expect(name('AMD EPYC 7763 64-Core Processor')).toBe('2025-01-31-amd-epyc-7763-64-core-8-cores-node.json');
    expect(name('')).toBe('2025-01-31-machine-8-cores-node.json');
  });

  test('passes its check, an earlier one without regions too', () => {
    expect(call('checkRecord', madeUpRecord())).toEqual(madeUpRecord());
    const {regions, ...earlier} = madeUpRecord();
    expect(regions).toHaveLength(1);
    expect(call('checkRecord', earlier)).toEqual({...earlier, regions: []});
  });

  type Made = ReturnType<typeof madeUpRecord>;
  test.each<[string, (record: Made) => unknown, RegExp]>([
    ['another format', (record) => ({...record, format: 'x'}), /format is not/],
    ['no object', () => null, /format is not/],
    ['no machine', (record) => ({...record, machine: {}}), /machine.cpu is missing/],
    ['no rows', (record) => ({...record, rows: undefined}), /rows is no list/],
    ['an id twice', (record) => ({...record, rows: [record.rows[0], record.rows[0]]}), /not unique/],
    ['an entry without an id', (record) => ({...record, rows: [{...record.rows[0], id: undefined}]}), /missing/],
    ['a row without ours', (record) => ({...record, rows: [{...record.rows[0], results: []}]}), /not among/],
    ['a time of nothing', (record) => ({...record, rows: [{...record.rows[0], results: [{minMs: 0}]}]}), /minMs/],
    ['a profile without ops', (record) => ({...record, profiles: [{...record.profiles[0], ops: 1}]}), /an op lacks/],
    [
      'regions of a model without a name',
      (record) => ({...record, regions: [{id: 'x', threads: 1, models: [{}]}]}),
      /splits/,
    ],
    ['kernels without a roof', (record) => ({...record, kernels: [{...record.kernels[0], roof: null}]}), /roof/],
  ])('does not pass it with %s', (_, change, message) => {
    expect(() => call('checkRecord', change(madeUpRecord()))).toThrow(message);
  });
});

describe('the report', () => {
  const render = (record: unknown) => callBenchmarkModule<string>('htmlReport.mjs', 'renderReport', record);

  test('is the same for the same record, and needs nothing but itself', () => {
    const report = render(madeUpRecord());
    expect(render(madeUpRecord())).toBe(report);
    expect(report).not.toMatch(/<script|<link|<img|https?:|url\(|@import/);
  });

  test('escapes what it is given', () => {
    const report = render(madeUpRecord());
    expect(report).toContain('Made &amp; Up(R) CPU');
    expect(report).toContain('first&lt;node&gt;');
    expect(report).toContain('--n &lt;4&gt;');
    expect(report).not.toMatch(/<node>|<4>/);
  });

  test('shows times as ratios to each peer, and what is slower than stock', () => {
    const report = render(madeUpRecord());
    expect(report).toMatch(/1\.50× <small>24\.00 ms/); // untouched: 24 / 16 and 20 / 16
    expect(report).toMatch(/1\.25× <small>20\.00 ms/);
    expect(report).toContain('None of 4 measurements of models is slower than stock.');
    expect(report).toContain('1 op of 1 profiles is slower than stock&#39;s kernel.');
    expect(report).toContain('Not there and left out: absent.');
  });

  test('draws a line for each N from the untouched model on, and one for each dense peer', () => {
    const report = render(madeUpRecord());
    expect(report.match(/<polyline/g)).toHaveLength(2); // N = 1 and 4
    expect(report).toContain('1x4 75%: 8.00 ms, 3.00× tfjs-wasm, 2.50× litert');
    expect(report.match(/class="peer"/g)).toHaveLength(2);
  });

  test('shows how much of a model runs as regions, and what splits them', () => {
    const report = render(madeUpRecord());
    expect(report).toMatch(/<td>6 \(66%\)<\/td>\s*<td>2<\/td>\s*<td>1<\/td>\s*<td class="left">Elu x2<\/td>/);
    expect(report).toContain('What splits regions, over all models: Elu (2 in 1).');
    expect(render({...madeUpRecord(), regions: []})).not.toContain('<h2>Regions</h2>');
  });

  test('says what was remarked, as text', () => {
    expect(render(madeUpRecord())).toContain('Made up &lt;for&gt; a test.');
  });

  test('is whole where nothing has been measured yet', () => {
    const report = render({...madeUpRecord(), rows: [], profiles: [], regions: [], kernels: [], skipped: []});
    expect(report.match(/Not measured\./g)).toHaveLength(4);
    expect(report).not.toMatch(/NaN|undefined|Infinity/);
    expect(render(madeUpRecord())).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('is written beside its JSON by npm run bench:report', () => {
    const file = path.join(folder, 'made-up.json');
    writeFileSync(file, JSON.stringify(madeUpRecord()));
    expect(run('report.mjs', 'made-up.json').status).toBe(0);
    expect(readFileSync(path.join(folder, 'made-up.html'), 'utf8')).toBe(render(madeUpRecord()));
  });

  test.each([
    ['no file', [], /give one file/],
    ['a file that is not there', ['absent.json'], /cannot read .*absent\.json/],
  ])('is not made of %s', (_, args, message) => {
    const {status, stderr} = run('report.mjs', ...args);
    expect([status, stderr]).toEqual([1, expect.stringMatching(message)]);
  });
});

describe('charts', () => {
  const ticks = (...args: number[]) => callBenchmarkModule('htmlCharts.mjs', 'ticks', ...args);
  const spreadLabels = (...args: unknown[]) => callBenchmarkModule('htmlCharts.mjs', 'spreadLabels', ...args);

  test('have round ticks up to the largest value or beyond', () => {
    expect(ticks(3.2, 6)).toEqual([0, 1, 2, 3, 4]);
    expect(ticks(1.1, 5)).toEqual([0, 0.25, 0.5, 0.75, 1, 1.25]);
    expect(ticks(60, 6)).toEqual([0, 10, 20, 30, 40, 50, 60]);
    expect(ticks(0, 4)).toEqual([0]);
  });

  test('move labels apart that would overlap, within the chart', () => {
    expect(spreadLabels([10, 50, 90], 10, 0, 100)).toEqual([10, 50, 90]);
    expect(spreadLabels([10, 12, 13], 10, 0, 100)).toEqual([10, 20, 30]);
    expect(spreadLabels([95, 96, 97], 10, 0, 100)).toEqual([80, 90, 100]);
  });
});

describe('npm run bench:record', () => {
  test('lists its measurements', () => {
    const {stdout, status} = run('record.mjs', '--list', '--only', 'kernels');
    expect([status, stdout]).toEqual([0, 'kernels relaxed\nkernels simd128\n']);
  });

  test('measures what it is asked for, writes JSON and report, and does not measure it again', () => {
    const args = ['--only', 'bench human:liveness .*1 thread', '--env', 'node', '--runs', '1', '--out', 'out.json'];
    const first = run('record.mjs', ...args);
    expect(first.stderr).toContain('[1 of 1] bench human:liveness untouched, 1 thread');
    expect(first.status).toBe(0);
    const text = readFileSync(path.join(folder, 'out.json'), 'utf8');
    const record = JSON.parse(text);
    expect(record.rows).toMatchObject([{model: 'human:liveness', runs: 1, threads: [1], sparsity: 0}]);
    expect(record.engines).toMatchObject({runtime: `Node ${process.versions.node}`, tfjs: '4.22.0'});
    expect(text).not.toContain(ROOT);
    expect(existsSync(path.join(folder, 'out.html'))).toBe(true);

    const second = run('record.mjs', ...args);
    expect(second.stderr).toContain('measured before');
    expect(readFileSync(path.join(folder, 'out.json'), 'utf8')).toBe(text);
  });

  test('says what failed, goes on, and tries it again the next time', () => {
    const args = ['--only', 'bench human:(liveness|iris) .*1 thread', '--env', 'chromium', '--out', 'failed.json'];
    const script = path.join(ROOT, 'benchmarks/record.mjs');
    const env = {...process.env, CHROME_PATH: path.join(folder, 'no-browser')};
    for (let i = 0; i < 2; i++) {
      const {status, stderr} = spawnSync(process.execPath, [script, ...args], {cwd: folder, env, encoding: 'utf8'});
      expect([status, stderr]).toEqual([1, expect.stringContaining('2 of the measurements failed')]);
      const {failures, rows} = JSON.parse(readFileSync(path.join(folder, 'failed.json'), 'utf8'));
      expect(failures).toMatchObject([{message: expect.stringMatching(/CHROME_PATH/)}, {id: /iris|liveness/}]);
      expect(rows).toEqual([]);
    }
  });

  test.each([
    ['an expression that is none', ['--only', '['], /--only/],
    ['nothing to measure', ['--only', 'nothing at all'], /no measurement matches/],
  ])('answers %s with one line and exit 1', (_, args, message) => {
    const {status, stderr} = run('record.mjs', ...args);
    expect([status, stderr.trimEnd().split('\n')]).toEqual([1, [expect.stringMatching(message)]]);
  });
});
