export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/strictTfjs.cjs'],
  setupFiles: ['<rootDir>/test/enableRelaxedSimd.cjs'],
  transform: {
    '\\.ts$': ['@swc/jest', {jsc: {target: 'es2022', parser: {syntax: 'typescript'}}, module: {type: 'commonjs'}}],
  },
  testTimeout: 120_000,
  maxWorkers: 2,
};
