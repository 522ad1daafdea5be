import {backendInfo, configure} from '../../src';
import {chooseVariant} from '../../src/runtime';
import {TfjsHeap} from '../../src/runtime';

describe('configure', () => {
  it.each([
    [{thread: 2}, /unknown option 'thread'; known are/],
    [{threads: 0}, /threads is 0; 'auto' or a whole number from 1 to 64 expected/],
    [{threads: 1.5}, /threads is 1.5/],
    [{threads: 65}, /threads is 65/],
    [{workerFactory: 'worker.js'}, /workerFactory is "worker.js"; a function that returns a Worker, or null expected/],
    [{rewrite: 1}, /rewrite is 1; true or false expected/],
    [{path: {kind: 'packed', n: 3}}, /path is .*"n":3.*1 \| 2 \| 4 \| 8 \| 16 \| 32/],
    [{variant: 'avx'}, /variant is "avx"; 'auto', 'relaxed' or 'simd128' expected/],
    [null, /an object of options expected/],
  ])('refuses %j and says what it takes', (changes, message) => {
    expect(() => configure(changes as never)).toThrow(message);
  });

  it('changes nothing when one of several options is bad', () => {
    expect(() => configure({skipZeros: false, rewrite: 'no' as never})).toThrow(/rewrite/);
    configure({}); // the options in force are those from before
  });
});

describe('backendInfo', () => {
  it('says what to do before the backend has started', () => {
    expect(() => backendInfo()).toThrow(/await tf.setBackend\('blocksparse-1xn'\) first/);
  });
});

describe('start-up checks', () => {
  afterEach(() => jest.restoreAllMocks());

  it('refuses an engine without SIMD and names those that have it', () => {
    jest.spyOn(WebAssembly, 'validate').mockReturnValue(false);
    expect(() => chooseVariant('auto')).toThrow(/needs WebAssembly SIMD.*Chrome 91/);
  });

  it('refuses to pretend that there is relaxed SIMD', () => {
    jest.spyOn(WebAssembly, 'validate').mockReturnValueOnce(true).mockReturnValueOnce(false);
    expect(() => chooseVariant('relaxed')).toThrow(/Use variant 'auto'/);
  });

  it('falls back to plain SIMD and says so', () => {
    jest.spyOn(WebAssembly, 'validate').mockReturnValueOnce(true).mockReturnValueOnce(false);
    expect(chooseVariant('auto')).toEqual({variant: 'simd128', reason: expect.stringContaining('no relaxed SIMD')});
  });

  it('names what a tfjs of another build lacks and what to install', () => {
    expect(() => TfjsHeap.of({} as never)).toThrow(
      /does not expose its WebAssembly memory, _malloc, _free, HEAPU8.*npm install @tensorflow\/tfjs-backend-wasm@4\.22\.0/,
    );
  });

  it('says so when the heap is exhausted, and when an address is freed that it never gave', () => {
    const memory = new WebAssembly.Memory({initial: 1});
    const heap = TfjsHeap.of({
      _malloc: () => 0,
      _free: () => undefined,
      asm: {memory},
      HEAPU8: new Uint8Array(memory.buffer),
    });
    expect(() => heap.allocate(100)).toThrow(/out of WebAssembly memory, 100 more bytes/);
    expect(() => heap.free(64)).toThrow(/64 was not allocated here/);
  });
});
