import {readFileSync} from 'node:fs';
import fc from 'fast-check';
import {isShared, withSharedMemory} from '../../src/runtime';

const I32 = 0x7f;
const FUNCREF = 0x70;
/** Flags of a memory's limits. */
const FLAGS = {minimum: 0, maximum: 1, shared: 3, memory64: 4};

function leb(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...leb(Math.floor(value / 128))];
}

const text = (name: string) => [...leb(name.length), ...Buffer.from(name)];
const section = (id: number, ...body: number[]) => [id, ...leb(body.length), ...body];
const binaryOf = (...sections: number[][]) => Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, ...sections.flat()]);

const TYPES = section(1, 1, 0x60, 2, I32, I32, 1, I32);
const FUNCTIONS = section(3, 1, 0);
const exportsOf = (functionIndex: number) =>
  section(7, 2, ...text('memory'), 2, 0, ...text('accumulate'), 0, functionIndex);
// accumulate(address, value): i32[address] += value; memory.grow(1); i32[address]
const BODY = [
  ...[0x20, 0, 0x20, 0, 0x28, 2, 0, 0x20, 1, 0x6a, 0x36, 2, 0],
  ...[0x41, 1, 0x40, 0, 0x1a],
  ...[0x20, 0, 0x28, 2, 0, 0x0b],
];
const CODE = section(10, 1, BODY.length + 1, 0, ...BODY);

/** A module with a memory of its own. */
function owning(...limits: number[]): Uint8Array<ArrayBuffer> {
  return binaryOf(TYPES, FUNCTIONS, section(5, 1, ...limits), exportsOf(0), CODE);
}

const memoryImport = (...limits: number[]) => [...text('env'), ...text('memory'), 2, ...limits];

/** A module that imports its memory after a function, tables and a global. */
function importing(limits: number[], functionName = 'f'): Uint8Array<ArrayBuffer> {
  const imports = [
    [...text('env'), ...text(functionName), 0, 0],
    [...text('env'), ...text('table'), 1, FUNCREF, 0, 1],
    [...text('env'), ...text('limited'), 1, FUNCREF, 1, 1, 200, 1],
    [...text('env'), ...text('global'), 3, I32, 0],
    memoryImport(...limits),
    [...text('env'), ...text('another'), 3, I32, 0],
  ];
  return binaryOf(TYPES, section(2, imports.length, ...imports.flat()), FUNCTIONS, exportsOf(1), CODE);
}

function importsFor(functionName: string, memory: WebAssembly.Memory): WebAssembly.Imports {
  return {
    env: {
      [functionName]: () => 0,
      table: new WebAssembly.Table({element: 'anyfunc', initial: 1}),
      limited: new WebAssembly.Table({element: 'anyfunc', initial: 1, maximum: 200}),
      global: 1,
      another: 2,
      memory,
    },
  };
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  accumulate(address: number, value: number): number;
}

function instantiate(binary: Uint8Array<ArrayBuffer>, imports?: WebAssembly.Imports): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(binary), imports).exports as unknown as Exports;
}

/** What the module's code gives, and the pages that its memory has after it. */
function behaviour({memory, accumulate}: Exports): number[] {
  const pages = memory.buffer.byteLength / 65536;
  const sums = [accumulate(16, 3), accumulate(16, 4), accumulate(0, -1)];
  return [...sums, pages, memory.buffer.byteLength / 65536, new Int32Array(memory.buffer)[4]];
}

describe('withSharedMemory', () => {
  it.each([
    ['without a maximum', [FLAGS.minimum, 2]],
    ['with a maximum', [FLAGS.maximum, 2, 64]],
    ['with limits of several bytes', [FLAGS.maximum, ...leb(300), ...leb(20000)]],
    ['with a minimum written longer than it needs to be', [FLAGS.minimum, 0x81, 0]],
  ])('shares a memory of the module itself, %s, and its code does what it did', (_, limits) => {
    const before = owning(...limits);
    const after = withSharedMemory(before);
    expect(WebAssembly.validate(after)).toBe(true);
    const [unshared, shared] = [instantiate(before), instantiate(after)];
    expect(isShared(unshared.memory)).toBe(false);
    expect(isShared(shared.memory)).toBe(true);
    expect(behaviour(shared)).toEqual(behaviour(unshared));
  });

  it('keeps the maximum that is declared, and else lets the memory grow as far as 4 GiB', () => {
    const {memory} = instantiate(withSharedMemory(owning(FLAGS.maximum, 2, 3)));
    memory.grow(1);
    expect(() => memory.grow(1)).toThrow(RangeError);
    const most = new WebAssembly.Memory({initial: 2, maximum: 65536, shared: true});
    const binary = withSharedMemory(importing([FLAGS.minimum, 2]));
    expect(isShared(instantiate(binary, importsFor('f', most)).memory)).toBe(true);
  });

  it('shares an imported memory that comes after other imports', () => {
    const before = importing([FLAGS.maximum, 2, 64]);
    const after = withSharedMemory(before);
    expect(WebAssembly.validate(after)).toBe(true);
    const limits = {initial: 2, maximum: 64};
    const unshared = instantiate(before, importsFor('f', new WebAssembly.Memory(limits)));
    const shared = instantiate(after, importsFor('f', new WebAssembly.Memory({...limits, shared: true})));
    expect(isShared(shared.memory)).toBe(true);
    expect(behaviour(shared)).toEqual(behaviour(unshared));
  });

  it('writes the size of a section anew where it takes more bytes than before', () => {
    const counting = (from: number) => Array.from({length: 40}, (_, i) => from + i);
    for (const lengths of [counting(30), counting(16270)]) {
      const growth = new Set<number>();
      for (const length of lengths) {
        const name = 'f'.repeat(length);
        const before = importing([FLAGS.minimum, 1], name);
        const after = withSharedMemory(before);
        growth.add(after.length - before.length);
        const memory = new WebAssembly.Memory({initial: 1, maximum: 65536, shared: true});
        expect(instantiate(after, importsFor(name, memory)).accumulate(4, length)).toBe(length);
      }
      expect(growth).toEqual(new Set([3, 4])); // three bytes of maximum, and one more of size
    }
  });

  it('reads sizes that are written longer than they need to be, as linkers write them', () => {
    const size = [0x83, 0x80, 0x80, 0x80, 0]; // 3
    const before = binaryOf(TYPES, FUNCTIONS, [5, ...size, 1, FLAGS.minimum, 1], exportsOf(0), CODE);
    expect(WebAssembly.validate(before)).toBe(true);
    expect(instantiate(withSharedMemory(before)).accumulate(0, 5)).toBe(5);
  });

  it('passes over sections that it does not know', () => {
    const custom = section(0, ...text('producers'), ...Array<number>(300).fill(5));
    const before = binaryOf(
      custom,
      TYPES,
      FUNCTIONS,
      custom,
      section(5, 1, FLAGS.minimum, 1),
      exportsOf(0),
      CODE,
      custom,
    );
    expect(instantiate(withSharedMemory(before)).accumulate(0, 5)).toBe(5);
  });

  it('leaves a memory as it is that is shared already', () => {
    const binary = owning(FLAGS.shared, 1, 9);
    expect(withSharedMemory(binary)).toEqual(binary);
  });

  it("turns tfjs's own binary into a valid one that differs in nothing else", () => {
    const file = require.resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm');
    const before = Uint8Array.from(readFileSync(file));
    const after = withSharedMemory(before);
    expect(WebAssembly.validate(after)).toBe(true);
    const [old, shared] = [before, after].map((binary) => new WebAssembly.Module(binary));
    expect(WebAssembly.Module.imports(shared)).toEqual(WebAssembly.Module.imports(old));
    expect(WebAssembly.Module.exports(shared)).toEqual(WebAssembly.Module.exports(old));
    // Up to the memory's limits, and from there to the end: the code section is in the second part.
    let same = 0;
    while (before[same] === after[same]) same++;
    let tail = 0;
    while (before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
    expect(before.length - same - tail).toBeLessThan(12);
    expect(same).toBeLessThan(tail);
  });

  it('refuses what has no memory of 32 bits, with an error that says so', () => {
    expect(() => withSharedMemory(new Uint8Array(0))).toThrow('not a WebAssembly binary');
    expect(() => withSharedMemory(Uint8Array.from(Buffer.from('<!doctype html>')))).toThrow('not a WebAssembly binary');
    expect(() => withSharedMemory(binaryOf())).toThrow('has no memory');
    expect(() => withSharedMemory(binaryOf(TYPES, FUNCTIONS, section(10, 1, 2, 0, 0x0b)))).toThrow('has no memory');
    expect(() => withSharedMemory(owning(FLAGS.memory64, 1))).toThrow('64 bits');
    expect(() => withSharedMemory(importing([FLAGS.memory64 | FLAGS.maximum, 1, 4]))).toThrow('64 bits');
    expect(() => withSharedMemory(binaryOf(section(5, 2, 0, 1, 0, 1)))).toThrow('not one memory');
    expect(() => withSharedMemory(binaryOf(section(2, 1, ...text('a'), ...text('b'), 9, 0)))).toThrow('unknown kind 9');
    expect(() => withSharedMemory(binaryOf([5, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1]))).toThrow('too long');
  });

  it('makes no valid module of a truncated one', () => {
    for (const whole of [owning(FLAGS.minimum, 1), importing([FLAGS.maximum, 1, 2])]) {
      for (let length = 0; length < whole.length; length++) {
        const part = whole.slice(0, length);
        let after: Uint8Array<ArrayBuffer>;
        try {
          after = withSharedMemory(part);
        } catch (error) {
          expect((error as Error).message).toMatch(/WebAssembly binary/);
          continue;
        }
        expect(WebAssembly.validate(after)).toBe(WebAssembly.validate(part));
      }
    }
  });

  it('ends on any garbage, with a binary or an error of its own', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({maxLength: 60}),
        fc.array(fc.tuple(fc.nat(150), fc.nat(255)), {maxLength: 4}),
        (garbage, changes) => {
          const damaged = importing([FLAGS.minimum, 1]);
          for (const [at, byte] of changes) damaged[8 + (at % (damaged.length - 8))] = byte;
          for (const bytes of [binaryOf([...garbage]), damaged]) {
            try {
              expect(withSharedMemory(bytes).length).toBeGreaterThan(8);
            } catch (error) {
              expect((error as Error).message).toMatch(/WebAssembly binary/);
            }
          }
        },
      ),
      {numRuns: 500},
    );
  });
});
