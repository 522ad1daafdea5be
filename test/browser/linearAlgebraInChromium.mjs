// Runs linearAlgebraPage.mjs in Chromium and in Node and prints what came of both as JSON.
// Usage: node linearAlgebraInChromium.mjs '{"policy": ..., "isolated": ..., "size": ..., "threads": [...]}'
import path from 'node:path';
import {bundleForPage} from '../../benchmarks/lib/bundle.mjs';
import {htmlPage, withPage} from '../../benchmarks/lib/chromium.mjs';
import {ROOT} from '../../benchmarks/lib/models.mjs';
import {ISOLATION_HEADERS} from '../../benchmarks/lib/server.mjs';

const {policy, isolated, ...request} = JSON.parse(process.argv[2]);
const script = await bundleForPage(path.join(ROOT, 'test/browser/linearAlgebraPage.mjs'));
const site = {
  files: {'/': htmlPage('Linear algebra', {module: '/page.js'}), '/page.js': script},
  headers: {...(policy ? {'Content-Security-Policy': policy} : {}), ...(isolated ? ISOLATION_HEADERS : {})},
};
const page = await withPage(site, (page) => page.evaluate((argument) => globalThis.solveOnThreads(argument), request));
await import(`data:text/javascript,${encodeURIComponent(script)}`);
process.stdout.write(`${JSON.stringify({page, node: await globalThis.solveOnThreads(request)})}\n`);
