// Node processes of their own, on the built package: how they end, and what they cost while they do nothing.
import {PREAMBLE, runScript} from '../support/nodeScript';

const START = `
  ours.configure({threads: 4});
  await tf.setBackend('blocksparse-1xn');
  if (ours.backendInfo().threads !== 4) throw new Error('expected 4 threads: ' + ours.backendInfo().reasons);
`;

describe('a Node process with four threads', () => {
  it.each([
    ['after inferences', `${START} for (let i = 0; i < 20; i++) convolve();`],
    ['right after one, while its workers are awake', `${START} convolve();`],
    ['without any inference', START],
    ['without having waited for its start', `ours.configure({threads: 4}); void tf.setBackend('blocksparse-1xn');`],
    ['while more threads are starting', `${START} convolve(); ours.configure({threads: 8});`],
    ['after the backend was removed', `${START} convolve(); tf.removeBackend('blocksparse-1xn');`],
    ['by process.exit', `${START} convolve(); process.exit();`],
  ])('ends by itself, with exit code 0 and without a word, %s', async (_, body) => {
    expect(await runScript(PREAMBLE + body)).toEqual({code: 0, stdout: '', stderr: ''});
  });

  it('does not wait for the filters of a model to be packed ahead', async () => {
    const ended = await runScript(`
      import {loadGraphModelSync} from '@tensorflow/tfjs-converter';
      ${PREAMBLE} ${START}
      ours.configure({path: {kind: 'dense'}});
      const node = [
        {name: 'x', op: 'Placeholder', attr: {shape: {shape: {dim: [{size: 1}, {size: 8}]}}}},
        {name: 'w', op: 'Const'},
        {name: 'y', op: 'MatMul', input: ['x', 'w']},
      ];
      const weightSpecs = [{name: 'w', shape: [8, 4], dtype: 'float32'}];
      const load = () => loadGraphModelSync({modelTopology: {node, versions: {}}, weightSpecs, weightData: new ArrayBuffer(128)});
      load();
      await new Promise((resolve) => setTimeout(resolve, 200));
      load();
      process.on('exit', () => console.log(ours.backendInfo().packedFilters));`);
    expect(ended).toEqual({code: 0, stdout: '1\n', stderr: ''});
  });

  it('ends when it throws', async () => {
    const {code, stderr} = await runScript(`${PREAMBLE} ${START} convolve(); throw new Error('of my own');`);
    expect(code).toBeGreaterThan(0); // 7: Emscripten's own listener throws it anew
    expect(stderr).toMatch(/Error: of my own/);
  });

  it('is kept alive by nothing that the backend has opened', async () => {
    const {code, stdout} = await runScript(`
      ${PREAMBLE}
      await tf.setBackend('cpu');
      void [process.stdout, process.stderr]; // are opened on first use, by workers too
      const resources = async () => {
        await new Promise((resolve) => setTimeout(resolve, 200));
        return process.getActiveResourcesInfo().sort();
      };
      const before = await resources();
      ${START}
      convolve();
      console.log(JSON.stringify([before, await resources()]));`);
    expect(code).toBe(0);
    const [before, after] = JSON.parse(stdout) as [string[], string[]];
    expect(after).toEqual(before);
  });

  it('uses less than 1% of a core one second after the last inference', async () => {
    const {stdout} = await runScript(`
      ${PREAMBLE} ${START}
      for (let i = 0; i < 20; i++) convolve();
      const wait = () => new Promise((resolve) => setTimeout(resolve, 1000));
      await wait();
      const begin = process.cpuUsage();
      await wait();
      const {user, system} = process.cpuUsage(begin); // of all threads, microseconds
      console.log(JSON.stringify((user + system) / 1e6));`);
    expect(JSON.parse(stdout)).toBeLessThan(0.01);
  });

  it('runs in a worker of its own too', async () => {
    const body = `${PREAMBLE} ${START} const x = convolve(); if (differenceFrom(x) !== 0) throw new Error('differs');`;
    const script = `
      import {Worker} from 'node:worker_threads';
      import {once} from 'node:events';
      const body = ${JSON.stringify(body)};
      const source = body.replaceAll(/import (?:(\\* as \\w+) from )?('[^']+');/g, (_, name, module) =>
        (name ? 'const ' + name.slice(5) + ' = ' : '') + 'await import(' + module + ');');
      const worker = new Worker('(async () => {' + source + '})()', {eval: true});
      const [code] = await once(worker, 'exit');
      console.log(code);`;
    expect(await runScript(script)).toEqual({code: 0, stdout: '0\n', stderr: ''});
  });
});

describe('a Node process without SharedArrayBuffer', () => {
  it('runs on one thread, gives what stock wasm gives, and says so in one line', async () => {
    const {code, stdout, stderr} = await runScript(`
      delete globalThis.SharedArrayBuffer;
      ${PREAMBLE}
      await tf.setBackend('wasm');
      const expected = convolve();
      ours.configure({threads: 4});
      const report = [];
      for (let round = 0; round < 2; round++) {
        await tf.setBackend('blocksparse-1xn');
        const {threads, reasons} = ours.backendInfo();
        report.push({threads, reason: reasons.at(-1), difference: differenceFrom(expected)});
        ours.configure({threads: 3 + round});
        await tf.setBackend('cpu');
      }
      console.log(JSON.stringify(report));`);
    expect(code).toBe(0);
    for (const {threads, reason, difference} of JSON.parse(stdout)) {
      expect(threads).toBe(1);
      expect(reason).toMatch('one thread: this engine has no SharedArrayBuffer');
      expect(difference).toBeLessThan(1e-3);
    }
    expect(stderr.trim().split('\n')).toEqual([
      'blocksparse-1xn: runs on one thread: this engine has no SharedArrayBuffer',
    ]);
  });
});
