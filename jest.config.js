export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/strictTfjs.cjs'],
  setupFiles: ['<rootDir>/test/enableRelaxedSimd.cjs'],
  transform: {
    '\\.ts$': ['@swc/jest', {jsc: {target: 'es2022', parser: {syntax: 'typescript'}}, module: {type: 'commonjs'}}],
  },
  // Tests run in a context of their own, where a look at anything global is slow: these come as arguments of each module.
  sandboxInjectedGlobals: [
    ...['Math', 'Object', 'Array', 'Number', 'Infinity', 'Map', 'Set', 'WeakMap'],
    ...['Float32Array', 'Float64Array', 'Int32Array', 'Uint8Array', 'Uint32Array'],
  ],
  testTimeout: 120_000,
  maxWorkers: 2,
};
