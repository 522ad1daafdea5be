// The tables of the report: models as ratios, kernels as GFLOP/s.
import {OURS} from './benchmark.mjs';
import {html} from './html.mjs';
import {peersOf, speedup, timeOf} from './record.mjs';
import {weightsInWords} from './recordPlan.mjs';
import {countsInWords, shareInWords, sumSplits} from './regions.mjs';

/** Times of ours and what peers take beside it, a row each measurement. */
export function modelTable(record) {
  const {date, machine, env} = record;
  const peers = peersOf(record);
  const models = [...new Set(record.rows.map(({model}) => model))];
  return html`<div class="wide">
    <table>
      <caption>
        ${date}, ${machine.cpu}, ${machine.cores} cores, ${env}. Ratio: time of the peer over ours, each the smallest of
        its runs, in the same run; beside it the peer's time. Red: slower than the peer.
      </caption>
      <thead>
        <tr>
          <th class="left">model</th>
          <th class="left">weights</th>
          <th>threads</th>
          <th>ours, ms</th>
          ${peers.map((peer) => html`<th>vs ${peer}</th>`)}
        </tr>
      </thead>
      ${models.map((model) => {
        const rows = record.rows.filter((row) => row.model === model);
        return html`<tbody>
          ${rows.map(
            (row, i) =>
              html`<tr>
                ${i === 0 && html`<th rowspan="${rows.length}" scope="rowgroup">${modelTitle(model)}</th>`}
                <td class="left">${weightsInWords(row)}</td>
                <td>${row.threads.join(', ')}</td>
                <td>${timeOf(row, OURS).toFixed(2)}</td>
                ${peers.map((peer) => ratioCell(speedup(row, peer), timeOf(row, peer)))}
              </tr> `,
          )}
        </tbody> `;
      })}
    </table>
  </div>`;
}

/** Of a model in an npm package its package, of others the name. */
export function modelTitle(model) {
  return /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(model)?.[1] ?? model;
}

function ratioCell(ratio, ms) {
  if (ratio === undefined) return html`<td class="soft">–</td>`;
  const text = html`${ratio.toFixed(2)}× <small>${ms.toFixed(2)} ms</small>`;
  if (ratio < 1) return html`<td class="slow">${text}</td>`;
  // From nothing at 1x to the full tint at 4x.
  return html`<td class="ratio" style="--a:${(0.45 * Math.min(1, Math.log2(ratio) / 2)).toFixed(2)}">${text}</td>`;
}

/** GFLOP/s of every path over the shapes of one variant; stock's time over ours beside it. */
export function kernelTable({variant, density, roof, results, depthwise = [], node}) {
  const paths = [...new Set(results.flatMap(({engines}) => Object.keys(engines)))];
  const row = ({name, engines}) =>
    html`<tr>
      <th scope="row">${name}</th>
      ${paths.map((path) => (engines[path] ? kernelCell(path, engines[path], roof) : html`<td class="soft"></td>`))}
    </tr> `;
  return html`<div class="wide">
    <table>
      <caption>
        ${variant} kernels in Node ${node}. GFLOP/s of the work done, stock's time over ours beside it. 1xN paths run on
        weights of which ${Math.round(100 * density)}% of the blocks are kept, auto and dense on weights without zeros.
        The tint is the share of the measured peak, ${roof.toFixed(1)} GFLOP/s; red: auto is slower than stock.
      </caption>
      <thead>
        <tr>
          <th class="left">shape</th>
          ${paths.map((path) => html`<th>${path}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${results.map(row)}
      </tbody>
      ${
        depthwise.length > 0 &&
        html` <tbody>
          <tr>
            <th class="left" colspan="${paths.length + 1}">depthwise</th>
          </tr>
          ${depthwise.map(row)}
        </tbody>`
      }
    </table>
  </div>`;
}

function kernelCell(path, {gflops, ratio}, roof) {
  const stock = path === 'stock';
  const text = html`${gflops.toFixed(1)}${!stock && html` <small>${ratio.toFixed(2)}×</small>`}`;
  // Only auto is what an app gets: other paths are forced here on shapes that they may not suit.
  if (path === 'auto' && ratio < 0.97) return html`<td class="slow">${text}</td>`;
  return html`<td class="ratio" style="--a:${(0.5 * Math.min(1, gflops / roof) ** 2).toFixed(2)}">${text}</td>`;
}

/** How much of each model runs as regions, and what splits them. */
export function regionTable({threads, models}) {
  const split = sumSplits(models).filter(({splits}) => splits > 0);
  const most = split.map(({kernel, splits, models: of}) => `${kernel} (${splits} in ${of})`).join(', ');
  return html`<div class="wide">
    <table>
      <caption>
        Kernels of one inference on ${threads} ${threads === 1 ? 'thread' : 'threads'}; those that only give data
        another shape are not counted. Outside: of constants, of control flow, or without use.
        ${most !== '' && `What splits regions, over all models: ${most}.`}
      </caption>
      <thead>
        <tr>
          <th class="left">model</th>
          <th>kernels</th>
          <th>in regions</th>
          <th>regions</th>
          <th>chains</th>
          <th class="left">split by</th>
          <th class="left">before or after</th>
          <th>outside</th>
        </tr>
      </thead>
      <tbody>
        ${models.map(
          ({model, kernels, inRegions, regions, chains, splitBy, around, outside, obstacle}) =>
            html`<tr>
              <th scope="row">${modelTitle(model)}</th>
              <td>${kernels}</td>
              <td>${shareInWords(inRegions, kernels)}</td>
              <td>${regions}</td>
              <td>${chains}</td>
              <td class="left">${obstacle ? `not planned: ${obstacle}` : countsInWords(splitBy)}</td>
              <td class="left">${countsInWords(around)}</td>
              <td>${outside}</td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}
