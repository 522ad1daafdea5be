import {Worker} from 'node:worker_threads';
import {build} from 'esbuild';
import fc from 'fast-check';
import {rollup} from 'rollup';
import {type BlockRowJob, type BlockRowResult, NotPositiveDefinite, plainBlockRowSolver} from '../../src/pruning';
import {linearAlgebraBinary, linearAlgebraWorkerSource} from '../../src/runtime/generated/linearAlgebra';
import {createBlockRowSolver, invertSymmetric} from '../../src/runtime/linearAlgebra';
import {ROOT} from '../bench/benchmarkModule';
import {runScript} from '../support/nodeScript';
import {normalMatrix} from '../support/normalMatrices';
import {randomNumbers} from '../support/random';

type Solver = ReturnType<typeof createBlockRowSolver>;

/** A layer of so many channels, and rows that lose some of them. */
interface Layer {
  readonly inverse: Float64Array;
  readonly columns: number;
  readonly taps: number;
  readonly jobs: BlockRowJob[];
}

interface Shape {
  readonly channels: number;
  readonly taps: number;
  readonly others: number;
  readonly rows: readonly {readonly filters: number; readonly share: number; readonly wantsBlocks: boolean}[];
  readonly seed: number;
}

function makeLayer({channels, taps, others, rows, seed}: Shape): Layer {
  const random = randomNumbers(seed);
  const columns = channels * taps + others;
  const jobs = rows.map(({filters, share, wantsBlocks}) => {
    const lost = Array.from({length: channels}, () => random() < share);
    const pruned = Int32Array.from(
      [...Array(channels * taps).keys()].filter((column) => lost[Math.floor(column / taps)]),
    );
    return {pruned, weights: Float64Array.from({length: filters * columns}, () => random() * 2 - 1), wantsBlocks};
  });
  return {inverse: invertSymmetric(normalMatrix(columns, seed), columns), columns, taps, jobs};
}

const solveWith = (solver: Pick<Solver, 'solve'>, {inverse, columns, taps, jobs}: Layer) =>
  solver.solve(inverse, columns, taps, jobs);

/** The largest difference as a share of the largest value. */
function difference(actual: Float64Array, expected: Float64Array): number {
  expect(actual).toHaveLength(expected.length);
  const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-300);
  return expected.reduce((most, x, i) => Math.max(most, Math.abs(actual[i] - x)), 0) / largest;
}

/** Inverse blocks of the channels that no column was pruned of; those of others mean nothing. */
function blocksThatCount({pruned}: BlockRowJob, {taps}: Layer, blocks: Float64Array): Float64Array {
  const gone = new Set(Array.from(pruned, (column) => Math.floor(column / taps)));
  return blocks.filter((_, i) => !gone.has(Math.floor(i / taps ** 2)));
}

function expectSame(layer: Layer, actual: BlockRowResult[], expected: BlockRowResult[]): void {
  expect(actual).toHaveLength(expected.length);
  layer.jobs.forEach((job, i) => {
    expect(difference(actual[i].weights, expected[i].weights)).toBeLessThan(1e-9);
    for (const column of job.pruned) {
      for (let at = column; at < job.weights.length; at += layer.columns) expect(actual[i].weights[at]).toBe(0);
    }
    const blocks = actual[i].inverseBlocks;
    expect(blocks === null).toBe(!job.wantsBlocks);
    if (!blocks) return;
    const count = (all: Float64Array) => blocksThatCount(job, layer, all);
    expect(difference(count(blocks), count(expected[i].inverseBlocks!))).toBeLessThan(1e-9);
  });
}

const ROW = fc.record({
  filters: fc.integer({min: 1, max: 9}),
  share: fc.constantFrom(0, 0.2, 0.5, 0.9, 1),
  wantsBlocks: fc.boolean(),
});
const SHAPE = fc.record({
  channels: fc.integer({min: 1, max: 40}),
  taps: fc.constantFrom(1, 1, 2, 9),
  others: fc.constantFrom(0, 1, 1, 3),
  rows: fc.array(ROW, {minLength: 1, maxLength: 4}),
  seed: fc.integer({min: 1, max: 1e6}),
});

/** More than one block of pivots and several batches. */
const LARGE: Shape = {
  channels: 300,
  taps: 1,
  others: 1,
  rows: Array.from({length: 24}, (_, i) => ({filters: 1 + (i % 5), share: (i % 10) / 10, wantsBlocks: i % 3 > 0})),
  seed: 7,
};

/** A layer whose jobs are some ten batches; slow for the plain solver. */
const makeManyBatches = () => makeLayer({...LARGE, rows: Array.from({length: 6}, () => LARGE.rows).flat()});

const solvers: Solver[] = [];
const make = (threads: number) => {
  const solver = createBlockRowSolver(threads);
  solvers.push(solver);
  return solver;
};
afterEach(() => {
  jest.restoreAllMocks();
  solvers.splice(0).forEach((solver) => solver.dispose());
});

describe('block rows', () => {
  it('are solved as by the plain solver, whatever their shape', async () => {
    const solver = make(1);
    await fc.assert(
      fc.asyncProperty(SHAPE, async (shape) => {
        const layer = makeLayer(shape);
        expectSame(layer, await solveWith(solver, layer), await solveWith(plainBlockRowSolver, layer));
      }),
      {numRuns: 80, seed: 3},
    );
  });

  it.each([
    ['one column', {channels: 1, taps: 1, others: 0, rows: [{filters: 3, share: 1, wantsBlocks: true}], seed: 1}],
    [
      'one column that stays',
      {channels: 1, taps: 1, others: 0, rows: [{filters: 1, share: 0, wantsBlocks: true}], seed: 1},
    ],
    [
      'all pruned but the bias',
      {channels: 70, taps: 1, others: 1, rows: [{filters: 4, share: 1, wantsBlocks: true}], seed: 2},
    ],
    [
      'the same without blocks',
      {channels: 70, taps: 1, others: 1, rows: [{filters: 4, share: 1, wantsBlocks: false}], seed: 2},
    ],
    ['nothing pruned', {channels: 9, taps: 9, others: 1, rows: [{filters: 2, share: 0, wantsBlocks: true}], seed: 3}],
    [
      'many filters',
      {channels: 90, taps: 1, others: 1, rows: [{filters: 130, share: 0.5, wantsBlocks: true}], seed: 4},
    ],
    [
      'many filters without blocks',
      {channels: 91, taps: 1, others: 1, rows: [{filters: 131, share: 0.5, wantsBlocks: false}], seed: 5},
    ],
    ['25 taps', {channels: 8, taps: 25, others: 1, rows: [{filters: 4, share: 0.5, wantsBlocks: true}], seed: 6}],
    ['several blocks of pivots and batches', LARGE],
  ] as [string, Shape][])('are solved as by the plain solver: %s', async (_, shape) => {
    const layer = makeLayer(shape);
    expectSame(layer, await solveWith(make(1), layer), await solveWith(plainBlockRowSolver, layer));
  });

  it('may lose single columns of a channel', async () => {
    const layer = makeLayer({
      channels: 6,
      taps: 9,
      others: 1,
      rows: [{filters: 4, share: 0, wantsBlocks: true}],
      seed: 8,
    });
    const partly = {...layer, jobs: [{...layer.jobs[0], pruned: Int32Array.of(0, 4, 11, 13, 40, 54)}]};
    expectSame(partly, await solveWith(make(1), partly), await solveWith(plainBlockRowSolver, partly));
  });

  it('solve the least squares problem on the columns that are left', async () => {
    const columns = 20;
    const matrix = normalMatrix(columns, 9);
    const random = randomNumbers(1);
    const dense = Float64Array.from({length: columns}, () => random() - 0.5);
    const pruned = Int32Array.of(0, 3, 4, 11, 19);
    const inverse = invertSymmetric(matrix, columns);
    const [{weights}] = await make(1).solve(inverse, columns, 1, [{pruned, weights: dense, wantsBlocks: false}]);
    // The gradient (A (w - dense)) is zero in every column that is free.
    for (let i = 0; i < columns; i++) {
      if (pruned.includes(i)) continue;
      const gradient = weights.reduce((sum, w, j) => sum + matrix[i * columns + j] * (w - dense[j]), 0);
      expect(Math.abs(gradient)).toBeLessThan(1e-11);
    }
  });

  it('are none for no jobs', async () => {
    expect(await make(2).solve(Float64Array.of(1), 1, 1, [])).toEqual([]);
  });

  it('leave what they were given as it is, also where it is a part of a larger array', async () => {
    const layer = makeLayer({...LARGE, channels: 30, rows: [{filters: 4, share: 0.5, wantsBlocks: true}]});
    const [{weights, pruned}] = layer.jobs;
    const padded = new Float64Array(weights.length + 20);
    padded.set(weights, 10);
    const within = {...layer, jobs: [{...layer.jobs[0], weights: padded.subarray(10, 10 + weights.length)}]};
    const before = [layer.inverse.slice(), pruned.slice(), padded.slice()];
    const results = [await solveWith(make(2), layer), await solveWith(make(2), within)];
    expect(results[1]).toEqual(results[0]);
    expect([layer.inverse, pruned, padded]).toEqual(before);
  });

  it.each([1, 2])(
    'of a matrix that is not positive definite are an error, after which others are solved: %d threads',
    async (threads) => {
      const solver = make(threads);
      const layer = makeLayer({...LARGE, channels: 40});
      for (const value of [-1, 0, NaN, Infinity]) {
        const inverse = layer.inverse.slice();
        for (let i = 0; i < layer.columns; i++) inverse[i * (layer.columns + 1)] = value;
        await expect(solveWith(solver, {...layer, inverse})).rejects.toThrow(NotPositiveDefinite);
        await expect(solveWith(plainBlockRowSolver, {...layer, inverse})).rejects.toThrow(
          /not positive definite: .*ridge/,
        );
      }
      expectSame(layer, await solveWith(solver, layer), await solveWith(plainBlockRowSolver, layer));
    },
  );

  it.each([
    ['a matrix of another size', {columns: 4}, 'a matrix of length 25 is not 4 x 4'],
    ['taps', {taps: 0}, 'taps is 0'],
    [
      'weights',
      {jobs: [{pruned: new Int32Array(0), weights: new Float64Array(7), wantsBlocks: true}]},
      'weights of length 7',
    ],
    [
      'a column that is not there',
      {jobs: [{pruned: Int32Array.of(5), weights: new Float64Array(5), wantsBlocks: true}]},
      '5 at 0',
    ],
    [
      'a negative column',
      {jobs: [{pruned: Int32Array.of(-1), weights: new Float64Array(5), wantsBlocks: true}]},
      '-1 at 0',
    ],
    [
      'columns twice',
      {jobs: [{pruned: Int32Array.of(2, 2), weights: new Float64Array(5), wantsBlocks: true}]},
      '2 at 1',
    ],
  ])('are refused by both solvers: %s', async (_, wrong, message) => {
    const layer = {inverse: normalMatrix(5, 1), columns: 5, taps: 1, jobs: [], ...wrong};
    for (const solver of [make(2), plainBlockRowSolver])
      await expect(solveWith(solver, layer)).rejects.toThrow(message);
  });
});

describe('an inverse', () => {
  it.each([1, 2, 3, 4, 5, 63, 64, 65, 130, 257])('times its matrix is the identity: size %d', async (size) => {
    const matrix = normalMatrix(size, size);
    const before = matrix.slice();
    const inverse = invertSymmetric(matrix, size);
    expect(matrix).toEqual(before);
    let worst = 0;
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        let sum = i === j ? -1 : 0;
        for (let k = 0; k < size; k++) sum += matrix[i * size + k] * inverse[k * size + j];
        worst = Math.max(worst, Math.abs(sum), inverse[i * size + j] === inverse[j * size + i] ? 0 : Infinity);
      }
    }
    expect(worst).toBeLessThan(1e-9);
    for (const threads of [1, 2]) expect(await make(threads).invert(matrix, size)).toEqual(inverse);
    expect(difference(await plainBlockRowSolver.invert(matrix, size), inverse)).toBeLessThan(1e-10);
  });

  it.each([
    [
      'a column of zeros',
      (matrix: Float64Array) => matrix.fill(0, 10, 15).forEach((_, i) => i % 5 === 2 && (matrix[i] = 0)),
    ],
    ['a negative pivot', (matrix: Float64Array) => (matrix[24] = -1)],
    ['a value that is not a number', (matrix: Float64Array) => (matrix[3] = matrix[15] = NaN)],
    ['an infinite value', (matrix: Float64Array) => (matrix[3] = matrix[15] = Infinity)],
    ['an infinite pivot', (matrix: Float64Array) => (matrix[12] = Infinity)],
  ])('is refused for %s', async (_, spoil) => {
    const matrix = normalMatrix(5, 1);
    spoil(matrix);
    expect(() => invertSymmetric(matrix, 5)).toThrow(NotPositiveDefinite);
    for (const solver of [make(1), make(2), plainBlockRowSolver]) {
      await expect(solver.invert(matrix, 5)).rejects.toThrow(NotPositiveDefinite);
    }
  });

  it('is refused where columns depend on others but for rounding', async () => {
    const matrix = normalMatrix(40, 2, 20, 0);
    expect(() => invertSymmetric(matrix, 40)).toThrow(NotPositiveDefinite);
    await expect(plainBlockRowSolver.invert(matrix, 40)).rejects.toThrow(NotPositiveDefinite);
  });

  it('does not depend on the scales of columns', () => {
    const scales = Float64Array.from({length: 20}, (_, i) => 10 ** ((i % 9) - 4));
    const matrix = normalMatrix(20, 3);
    const scaled = matrix.map((x, at) => x * scales[Math.floor(at / 20)] * scales[at % 20]);
    const back = invertSymmetric(scaled, 20).map((x, at) => x * scales[Math.floor(at / 20)] * scales[at % 20]);
    expect(difference(back, invertSymmetric(matrix, 20))).toBeLessThan(1e-10);
  });

  it('for which there is no memory is an error that says how much it takes', async () => {
    jest.spyOn(WebAssembly.Memory.prototype, 'grow').mockImplementation(() => {
      throw new RangeError('failed to grow memory');
    });
    const message = /^no memory for the linear algebra of a layer: it takes [12] MB$/;
    expect(() => invertSymmetric(normalMatrix(200, 1), 200)).toThrow(message);
    const solver = make(1);
    await expect(solver.invert(normalMatrix(200, 1), 200)).rejects.toThrow(message);
    jest.restoreAllMocks();
    expect(await solver.invert(Float64Array.of(4), 1)).toEqual(Float64Array.of(0.25));
  });

  it('is refused for a matrix of another size', async () => {
    expect(() => invertSymmetric(new Float64Array(5), 2)).toThrow('a matrix of length 5 is not 2 x 2');
    await expect(make(1).invert(new Float64Array(5), 2)).rejects.toThrow('a matrix of length 5 is not 2 x 2');
  });
});

describe('threads', () => {
  it('of any number give the same bits', async () => {
    const layer = makeManyBatches();
    const expected = await solveWith(make(1), layer);
    for (const threads of [2, 3]) expect(await solveWith(make(threads), layer)).toEqual(expected);
    for (const i of [0, 11, 143]) {
      expect(await solveWith(make(1), {...layer, jobs: [layer.jobs[i]]})).toEqual([expected[i]]);
    }
  });

  it('take calls that overlap one after another', async () => {
    const solver = make(2);
    const layers = [LARGE, {...LARGE, channels: 50, taps: 2}, {...LARGE, channels: 120}].map(makeLayer);
    const results = await Promise.all(layers.map((layer) => solveWith(solver, layer)));
    for (const [i, layer] of layers.entries()) expect(results[i]).toEqual(await solveWith(make(1), layer));
  });

  it('are workers from 2 on, which compute', async () => {
    const posts = jest.spyOn(Worker.prototype, 'postMessage');
    const layer = makeManyBatches();
    await solveWith(make(1), layer);
    expect(posts).not.toHaveBeenCalled();
    await solveWith(make(3), layer);
    expect(new Set(posts.mock.contexts).size).toBe(3);
    expect(posts.mock.calls.filter(([message]) => message.jobs).length).toBeGreaterThan(3);
  });

  it('that do not start or end leave the work to the others, and in the end to the calling thread', async () => {
    const layer = makeManyBatches();
    const expected = await solveWith(make(1), layer);
    const post = Worker.prototype.postMessage;
    for (const victims of [1, 2]) {
      const seen = new Set<Worker>();
      jest.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message, transfer) {
        if (message.jobs && (seen.has(this) || seen.size < victims)) {
          seen.add(this);
          void this.terminate(); // with a batch
        } else {
          post.call(this, message, transfer);
        }
      });
      const solver = make(2);
      expect(await solveWith(solver, layer)).toEqual(expected);
      expect(seen.size).toBe(victims);
      expect(await solveWith(solver, layer)).toEqual(expected);
      expect(await solver.invert(layer.inverse, layer.columns)).toEqual(invertSymmetric(layer.inverse, layer.columns));
    }
    jest.spyOn(Worker.prototype, 'postMessage').mockImplementation(() => {
      throw new Error('no workers here');
    });
    expect(await solveWith(make(2), layer)).toEqual(expected);
  });

  it.each([1, 2])('end when the solver is disposed, and the work is rejected: %d', async (threads) => {
    const terminated = jest.spyOn(Worker.prototype, 'terminate');
    const layer = makeManyBatches();
    const solver = make(threads);
    await solveWith(solver, layer);
    const pending = [solveWith(solver, layer), solver.invert(layer.inverse, layer.columns)];
    await new Promise((resolve) => setTimeout(resolve, 10));
    solver.dispose();
    for (const promise of pending) await expect(promise).rejects.toThrow('the solver was disposed of');
    await expect(solveWith(solver, layer)).rejects.toThrow('the solver was disposed of');
    expect(new Set(terminated.mock.contexts).size).toBe(threads > 1 ? threads : 0);
  });

  it('end when they are disposed of while they start', async () => {
    const terminated = jest.spyOn(Worker.prototype, 'terminate');
    const solver = make(2);
    const post = Worker.prototype.postMessage;
    const greeted = jest.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message) {
      post.call(this, message);
      solver.dispose();
    });
    await expect(solver.invert(Float64Array.of(2), 1)).rejects.toThrow('the solver was disposed of');
    expect(greeted).toHaveBeenCalledTimes(2);
    expect(new Set(terminated.mock.contexts)).toEqual(new Set(greeted.mock.contexts));
    expect(new Set(terminated.mock.contexts).size).toBe(2);
  });

  it.each([0, -1, 1.5, NaN])('cannot be %d', (threads) => {
    expect(() => createBlockRowSolver(threads)).toThrow(`threads is ${threads}, must be 1 or more`);
  });

  it('let the event loop turn while the calling thread computes', async () => {
    const layer = makeManyBatches();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await solveWith(make(1), layer);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });
});

/** All of it as one module. */
async function bundleLibrary(): Promise<string> {
  const stdin = {contents: "export * from './src/runtime/linearAlgebra'", resolveDir: ROOT};
  const {outputFiles} = await build({stdin, bundle: true, format: 'esm', target: 'es2022', write: false});
  return outputFiles[0].text;
}

describe('a Node process', () => {
  let script: string;
  beforeAll(async () => {
    const library = Buffer.from(await bundleLibrary()).toString('base64');
    script = `
      const {createBlockRowSolver} = await import('data:text/javascript;base64,${library}');
      const solver = createBlockRowSolver(2);
      const job = () => ({pruned: Int32Array.of(0), weights: Float64Array.of(1, 2), wantsBlocks: true});
      const solve = () => solver.solve(Float64Array.of(2, 1, 1, 2), 2, 1, [job(), job()]);`;
  });

  it('waits for the results and ends by itself, without dispose', async () => {
    const {code, stdout, stderr} = await runScript(`${script} console.log(JSON.stringify(await solve()));`);
    expect({code, stderr}).toEqual({code: 0, stderr: ''});
    const close = expect.closeTo(1.5, 12);
    const row = {weights: {0: 0, 1: close}, inverseBlocks: {0: expect.anything(), 1: close}};
    expect(JSON.parse(stdout)).toEqual([row, row]);
  });

  it('ends with the solver disposed of', async () => {
    const {code, stderr} = await runScript(`${script} await solve(); solver.dispose();`);
    expect({code, stderr}).toEqual({code: 0, stderr: ''});
  });
});

describe('an app that does not call it', () => {
  it('has nothing of it', async () => {
    const library = await bundleLibrary();
    expect(library).toContain(linearAlgebraBinary.packed);
    const modules: Record<string, string> = {app: "import 'library';", library};
    const bundle = await rollup({
      input: 'app',
      onwarn: () => undefined, // it finds the app empty
      plugins: [{name: 'modules', resolveId: (id) => (id in modules ? id : null), load: (id) => modules[id]}],
    });
    const [{code}] = (await bundle.generate({format: 'es'})).output;
    expect(code.trim()).toBe('');
  });

  it('is not made to load much where it does: 5 KB', () => {
    expect(linearAlgebraBinary.packed.length + linearAlgebraWorkerSource.length).toBeLessThan(5 * 1024);
  });
});
