// Child process: runs the bundled specs on one backend and sends the results to the parent.
//   worker.mjs BUNDLE BACKEND WASM_FOLDER kernels|programs [FILTER]
import {createRequire} from 'node:module';
import jasmineRequire from 'jasmine-core';
import {runKernelsAsPrograms} from './programs.mjs';

const [bundlePath, backend, wasmFolder, by, filter = ''] = process.argv.slice(2);

// The specs use jasmine's globals, so these come first.
const jasmine = jasmineRequire.boot(jasmineRequire);
jasmine.DEFAULT_TIMEOUT_INTERVAL = 20_000; // tfjs-core's own value
const bundle = createRequire(import.meta.url)(bundlePath);

bundle.setWasmPaths(wasmFolder);
const module = await bundle.loadBackend[backend]();
const programs = by === 'programs' ? runKernelsAsPrograms(bundle.engine(), module, backend) : () => 0;
// The environment's name is part of every spec's name: the same for both backends, so that they can be compared.
bundle.setTestEnvs([{name: 'backend', backendName: backend, isDataSync: true}]);
await bundle.loadSpecs();

const specs = [];
const errors = [];
const messages = (result) => result.failedExpectations.map((failure) => failure.message);

const env = jasmine.getEnv();
env.configure({random: false, specFilter: (spec) => spec.getFullName().includes(filter)});
env.addReporter({
  specDone(result) {
    if (result.status === 'excluded') return;
    specs.push({name: result.fullName, status: result.status, message: messages(result).join('\n')});
  },
  // What fails outside a spec, say in a `beforeAll`.
  suiteDone(result) {
    for (const message of messages(result)) errors.push(`${result.fullName}: ${message}`);
  },
  jasmineDone(result) {
    errors.push(...messages(result));
    process.send({specs, errors, programs: programs()}, () => process.exit(0));
  },
});
env.execute();
