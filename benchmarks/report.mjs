// `npm run bench:report -- results.json`: builds the HTML report beside a file of results, from that file alone.
import path from 'node:path';
import {runMain, startFolder} from './lib/commandLine.mjs';
import {renderReport} from './lib/htmlReport.mjs';
import {readRecord, writeWhole} from './lib/recordFile.mjs';
import {UserError} from './lib/userError.mjs';

await runMain('bench:report', () => {
  const [name, ...rest] = process.argv.slice(2);
  if (name === undefined || rest.length > 0)
    throw new UserError('give one file of results: npm run bench:report -- benchmarks/results/NAME.json');
  const file = path.resolve(startFolder('bench:report'), name);
  const report = file.replace(/(\.json)?$/, '.html');
  writeWhole(report, renderReport(readRecord(file)));
  process.stdout.write(`${report}\n`);
});
