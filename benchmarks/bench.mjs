// `npm run bench`: times a model on our backend beside its peers.
import {existsSync} from 'node:fs';
import path from 'node:path';
import {runMain, startFolder} from './lib/commandLine.mjs';
import {findModel, ROOT} from './lib/models.mjs';
import {parseOptions} from './lib/options.mjs';
import {choosePeers} from './lib/peers.mjs';
import {formatTable, makeReport, outputProblem} from './lib/report.mjs';
import {UserError} from './lib/userError.mjs';

await runMain('bench', async () => {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) return;
  const model = findModel(options.model, startFolder('bench'));
  if (model.format === 'layers' && options.sparsity > 0) {
    throw new UserError(`${model.name} is a layers model, which the load hook does not prune: add --sparsity 0`);
  }
  if (!existsSync(path.join(ROOT, 'dist/index.mjs'))) throw new UserError('dist/ is missing: run npm run build');

  const progress = (line) => process.stderr.write(`${model.name}: ${line}\n`);
  const {peers, versions, notes} = await choosePeers(model, options, progress);
  const run = await runner(options.env);
  const result = await run(model, {...options, peers}, progress);
  const report = makeReport(model, options, {...result, versions, notes: [...notes, ...result.notes]});
  process.stdout.write(`${options.json ? JSON.stringify(report) : formatTable(report)}\n`);
  const problem = outputProblem(report);
  if (problem !== null) throw new UserError(problem);
});

/** Imports only what the environment needs: a run in Node does without a browser's driver. */
async function runner(env) {
  if (env === 'node') return (await import('./lib/node.mjs')).runInNode;
  return (await import('./lib/browsers.mjs')).runInBrowser;
}
