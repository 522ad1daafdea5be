import tseslint from 'typescript-eslint';

export default tseslint.config(
  {ignores: ['dist/', 'kernels/**/*.ts', '**/generated/', 'demo/out/', '**/node_modules/', 'benchmarks/results/']},
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strict],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off', // indices into typed arrays and maps that were just checked
      '@typescript-eslint/no-unused-vars': ['error', {argsIgnorePattern: '^_'}],
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    rules: {'no-undef': 'off', 'no-unused-vars': ['error', {argsIgnorePattern: '^_'}]},
  },
);
