// `npm run profile`: every op of one inference on our backend, in order: path, time, GFLOP/s, share of its roof, and
// stock's time for the same op.
import {runMain, startFolder} from './lib/commandLine.mjs';
import {describeMachine} from './lib/machine.mjs';
import {findModel} from './lib/models.mjs';
import {formatProfile, makeProfile} from './lib/profile.mjs';
import {parseProfileOptions} from './lib/profileOptions.mjs';
import {weightsInWords} from './lib/recordPlan.mjs';
import {UserError} from './lib/userError.mjs';

await runMain('profile', async () => {
  const options = parseProfileOptions(process.argv.slice(2));
  if (options === null) return;
  const model = findModel(options.model, startFolder('profile'));
  if (model.format === 'layers' && options.sparsity > 0) {
    throw new UserError(`${model.name} is a layers model, which the load hook does not prune: leave out --sparsity`);
  }
  const progress = (line) => process.stderr.write(`${model.name}: ${line}\n`);
  const measured = await (await profiler(options.env))(model, options, progress);
  const {runtime, tfjs, variant} = measured;
  const {n, sparsity, threads, runs, env} = options;
  const words = weightsInWords({n, sparsity});
  const profile = {
    machine: {...describeMachine(), runtime, tfjs, variant},
    ...{model: model.name, n, sparsity, weights: sparsity > 0 ? `pruned ${words}` : words},
    ...{threads, runs, env},
    ...makeProfile(measured, threads),
  };
  process.stdout.write(`${options.json ? JSON.stringify(profile) : formatProfile(profile)}\n`);
});

/** Imports only what the environment needs. */
async function profiler(env) {
  if (env === 'node') return (await import('./lib/profileNode.mjs')).profileInNode;
  return (await import('./lib/profileChromium.mjs')).profileInChromium;
}
