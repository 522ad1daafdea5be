import Table from 'cli-table3';

const TWO = (value) => (value === null ? '' : value.toFixed(2));

/**
 * The report for people.
 *
 * @param {import('./accuracyRun.mjs').AccuracyReport} report
 * @returns {string}
 */
export function formatAccuracy({dense, pruned, kept, keptOfAll, seconds, peakBytes, speedup, repair, about}) {
  const table = new Table({
    head: ['', 'top-1 %', 'top-5 %', 'agreement %', 'KL', 'rel. error', 'dB'],
    colAligns: ['left', ...Array(6).fill('right')],
    style: {head: [], border: []},
  });
  table.push(['dense', TWO(dense.top1), TWO(dense.top5), '', '', '', '']);
  const {top1, top5, agreement, kl, relativeError, decibels} = pruned;
  const error = relativeError.toPrecision(3);
  table.push(['pruned', TWO(top1), TWO(top5), TWO(agreement), kl === null ? '' : kl.toFixed(4), error, TWO(decibels)]);
  const {model, machine, samples} = about;
  const percent = (share) => (share === null ? 'unknown' : `${(100 * share).toFixed(1)}%`);
  const lines = [
    `${model}, ${dense.n} images, on ${machine.cpu}, Node ${machine.node}, ${machine.variant} kernels`,
    table.toString(),
    `kept of the layers that may be pruned: ${percent(kept.macs)} of the multiply-adds, ${percent(kept.weights)} of the weights; ` +
      `of the whole network: ${percent(keptOfAll.macs)} and ${percent(keptOfAll.weights)}`,
    `pruned in ${seconds.toFixed(1)} s with ${samples} samples; memory at most ${(peakBytes / 1e9).toFixed(2)} GB`,
  ];
  if (speedup) {
    const {measured, stock, denseMs, prunedMs, stockMs, threads} = speedup;
    lines.push(
      `dense ${TWO(denseMs)} ms, pruned ${TWO(prunedMs)} ms: ${TWO(measured)}x; tfjs-wasm, one thread, ${TWO(stockMs)} ms: ` +
        `${TWO(stock)}x (minimum over the runs, threads: ${threads})`,
    );
  }
  lines.push(...(repair?.warnings ?? []).map((warning) => `warning: ${warning}`));
  return lines.join('\n');
}
