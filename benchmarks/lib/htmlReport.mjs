// The HTML report of a record: one file that needs no other, and the same for the same record.
import {OURS, STOCK} from './benchmark.mjs';
import {html, trusted} from './html.mjs';
import {layerBars} from './htmlBars.mjs';
import {lineChart} from './htmlCharts.mjs';
import {STYLE} from './htmlStyle.mjs';
import {kernelTable, modelTable, modelTitle, regionTable} from './htmlTables.mjs';
import {isSlower} from './profile.mjs';
import {peersOf, speedup, timeOf} from './record.mjs';
import {MAIN_MODEL, weightsInWords} from './recordPlan.mjs';

const BLOCK_SIZES = [1, 2, 4, 8, 16, 32];

/**
 * @param {object} record that `checkRecord` has passed
 * @returns {string} HTML
 */
export function renderReport(record) {
  const {date, machine, env} = record;
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>${OURS}: benchmark of record, ${date}</title>
      <style>
        ${trusted(STYLE)}
      </style>
      <main>
        <h1>${OURS} beside its peers</h1>
        <p class="soft">Benchmark of record, ${date}, ${machine.cpu}, ${env}</p>
        ${facts(record)} ${summary(record)}
        <h2>Speed against sparsity</h2>
        <p class="soft">
          ${modelTitle(MAIN_MODEL)}: 1x1 convolutions with whole blocks of 1xN weights set to zero, on the threads
          named. Peers run the untouched model: their time does not depend on zeros.
        </p>
        ${sparsityCharts(record)}
        <h2>Layer by layer</h2>
        <p class="soft">
          Every op of one inference, in order. Bars are the smallest time of the runs; the tick is stock's kernel in the
          same place, on the same graph and heap. The roof of an op is the smaller of what multiply-adds from registers
          and what loads and stores from memory allow, both as measured in the same run; GFLOP/s count the blocks that
          are kept alone, and are given for convolutions and matrix products.
        </p>
        ${record.profiles.length > 0 ? record.profiles.map(profileSection) : missing}
        <h2>All models</h2>
        <p class="soft">
          How many times faster than each peer ours is, in the same run: engines take turns, the smallest time of each
          counts. Stock tfjs-wasm runs on one thread.
        </p>
        ${record.rows.length > 0 ? html`<div class="card">${modelTable(record)}</div>` : missing}
        ${
          record.regions.length > 0 &&
          html`<h2>Regions</h2>
            <p class="soft">
              Stretches of kernels that run as one call into WebAssembly. What our kernels do not take is called in
              between.
            </p>
            ${record.regions.map((regions) => html`<div class="card">${regionTable(regions)}</div>`)}`
        }
        <h2>Kernels</h2>
        ${record.kernels.length > 0 ? record.kernels.map((kernels) => html`<div class="card">${kernelTable(kernels)}</div>`) : missing}
        ${howMeasured(record)}
      </main>
    </html> `.toString();
}

const missing = html`<div class="card soft">Not measured.</div>`;

function facts({machine, engines, commit, rows}) {
  const runs = [...new Set(rows.map((row) => row.runs))].sort((a, b) => a - b);
  const versions = Object.entries(engines).map(([name, version]) => [
    name,
    typeof version === 'object' ? JSON.stringify(version) : version,
  ]);
  const entries = [
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, ${machine.platform}`],
    ...versions,
    ...(commit ? [['commit', commit]] : []),
    ...(runs.length > 0 ? [['runs of each engine', runs.join(', ')]] : []),
  ];
  return html`<dl class="facts">
    ${entries.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/** What stands out, in words. */
function summary({rows, profiles, remarks, skipped, failures}) {
  const beside = rows.filter((row) => speedup(row, STOCK) !== undefined);
  const slower = beside.filter((row) => speedup(row, STOCK) < 1);
  const ops = profiles.flatMap((profile) => profile.ops.filter(isSlower));
  const lines = [
    beside.length > 0 &&
      (slower.length === 0
        ? `None of ${beside.length} measurements of models is slower than stock.`
        : `Slower than stock: ${slower.map(({id}) => id).join('; ')}.`),
    profiles.length > 0 &&
      `${ops.length === 0 ? 'No' : ops.length} ${ops.length === 1 ? 'op' : 'ops'} of ${profiles.length} profiles ${ops.length === 1 ? 'is' : 'are'} slower than stock's kernel.`,
    ...remarks,
    skipped.length > 0 && `Not there and left out: ${skipped.map(({model}) => modelTitle(model)).join(', ')}.`,
    failures.length > 0 && `Failed: ${failures.map(({id, message}) => `${id} (${message})`).join('; ')}.`,
  ].filter(Boolean);
  return lines.length > 0 && html`<div class="card">${lines.map((line) => html`<div>${line}</div>`)}</div>`;
}

function sparsityCharts(record) {
  const rows = record.rows.filter((row) => row.model === MAIN_MODEL && speedup(row, STOCK) !== undefined);
  const counts = [...new Set(rows.map(({threads}) => threads[0]))].sort((a, b) => a - b);
  const charts = counts
    .map((threads) =>
      sparsityChart(
        rows.filter((row) => row.threads[0] === threads),
        threads,
        record,
      ),
    )
    .filter(Boolean);
  return charts.length > 0 ? html`<div class="pair">${charts}</div>` : missing;
}

function sparsityChart(rows, threads, record) {
  const dense = rows.filter(({sparsity}) => sparsity === 0);
  const series = BLOCK_SIZES.map((n) => ({
    label: `1×${n}`,
    color: `--n${n}`,
    points: [...dense, ...rows.filter((row) => row.sparsity > 0 && row.n === n)]
      .sort((a, b) => a.sparsity - b.sparsity)
      .map((row) => ({x: 100 * row.sparsity, y: speedup(row, STOCK), title: pointTitle(row, record)})),
  })).filter(({points}) => points.some(({x}) => x > 0));
  if (series.length === 0) return null;
  const levels = peersOf(record).flatMap((peer) => {
    // A dense peer's speed in the run of the untouched model, or else the first that there is.
    const row = [...dense, ...rows].find((candidate) => timeOf(candidate, peer) !== undefined);
    if (!row) return [];
    const y = timeOf(row, STOCK) / timeOf(row, peer);
    return [{label: peer, y, title: `${peer}: ${timeOf(row, peer).toFixed(2)} ms, ${y.toFixed(2)}× ${STOCK}`}];
  });
  const title = threads === 1 ? 'One thread' : `${threads} threads`;
  return html`<figure class="card">
    <h3>${title}</h3>
    ${lineChart({
      name: `Speed against sparsity, ${title}`,
      x: {label: 'blocks pruned', ticks: [0, 25, 50, 75], format: (x) => `${x}%`},
      y: {label: `speed, ${STOCK} = 1`},
      series,
      levels,
    })}
    <figcaption>
      Speed of ours as a multiple of ${STOCK}'s on one thread, in the same run. Dashed: peers, dense.
    </figcaption>
  </figure>`;
}

function pointTitle(row, record) {
  const ratios = peersOf(record)
    .filter((peer) => speedup(row, peer) !== undefined)
    .map((peer) => `${speedup(row, peer).toFixed(2)}× ${peer}`);
  return `${weightsInWords(row)}: ${timeOf(row, OURS).toFixed(2)} ms, ${ratios.join(', ')}`;
}

function profileSection(profile, index) {
  const {model, weights, threads, ops, sum, rest, whole, roof, command} = profile;
  const shown = ops.filter(({path}) => path !== 'view');
  const title = `${modelTitle(model)}, ${weights}, ${threads === 1 ? 'one thread' : `${threads} threads`}`;
  const slower = ops.filter(isSlower).length;
  return html`<details class="card" ${index < 2 && trusted(' open')}>
    <summary>${title}: ${whole.ms.toFixed(2)} ms</summary>
    <figure>
      <div class="legend">
        <span style="--c:var(--dense)">dense</span><span style="--c:var(--sparse)">1xN blocks</span
        ><span style="--c:var(--ours)">ours, one path</span><span style="--c:var(--stock)">stock's kernel</span
        ><span class="tick" style="--c:var(--ink)">stock's time</span
        ><span class="tick" style="--c:var(--roof)">measured peak</span>
      </div>
      <div class="wide">${layerBars({name: title, ops: shown, peak: roof.gflops * threads})}</div>
      <figcaption>
        All ops ${sum.ms.toFixed(2)} ms (stock's kernels ${sum.stockMs.toFixed(2)}), tfjs's own JavaScript between them
        ${rest.ms.toFixed(2)} ms, an inference ${whole.ms.toFixed(2)} ms (${whole.stockMs.toFixed(2)}).
        ${slower === 0 ? 'No op is slower than stock.' : `Red: slower than stock (${slower}).`} Ops that only give data
        another shape are left out. Peak ${roof.gflops.toFixed(1)} GFLOP/s a core. <code>${command}</code>
      </figcaption>
    </figure>
  </details> `;
}

function howMeasured({rows, kernels}) {
  const examples = [rows[0], kernels[0]].filter(Boolean).map(({command}) => command);
  return html`<h2>How it was measured</h2>
    <p>
      All with <code>npm run bench:record</code>, which calls <code>bench</code>, <code>profile</code> and
      <code>bench:kernels</code> one after another. Models run in a page of their own (cross-origin isolated, headless)
      or in Node; engines are measured run by run in turn, from the call until the results can be read, inputs uploaded
      before. Ratios compare engines within one run; times of different runs do not compare as well. For example:
    </p>
    ${examples.map((command) => html`<p><code>${command}</code></p>`)}
    <p>This page is made from the JSON beside it: <code>npm run bench:report -- NAME.json</code>.</p>`;
}
