// What of models runs as regions, for people.
import Table from 'cli-table3';

/**
 * What splits regions over all models, or stands around them, the most frequent first.
 *
 * @param {readonly import('./regionsRun.mjs').ModelRegions[]} models
 * @returns {{kernel: string, splits: number, around: number, models: number}[]}
 */
export function sumSplits(models) {
  const sums = new Map();
  for (const {splitBy, around} of models) {
    for (const kernel of new Set([...Object.keys(splitBy), ...Object.keys(around)])) {
      const sum = sums.get(kernel) ?? {kernel, splits: 0, around: 0, models: 0};
      sum.splits += splitBy[kernel] ?? 0;
      sum.around += around[kernel] ?? 0;
      sum.models++;
      sums.set(kernel, sum);
    }
  }
  return [...sums.values()].sort(
    (a, b) => b.splits - a.splits || b.around - a.around || (a.kernel < b.kernel ? -1 : 1),
  );
}

/** `Softmax, Elu x2` */
export function countsInWords(counts) {
  return Object.entries(counts)
    .map(([name, count]) => (count > 1 ? `${name} x${count}` : name))
    .join(', ');
}

/**
 * The report for people.
 *
 * @param {{machine: {variant: string}, threads: number, models: readonly (import('./regionsRun.mjs').ModelRegions & {model: string})[]}} result
 * @returns {string}
 */
export function formatRegions({machine, threads, models}) {
  // Without lines between rows.
  const look = {style: {head: [], border: []}, chars: {mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': ''}};
  const table = new Table({
    ...look,
    head: ['model', 'kernels', 'in regions', 'regions', 'chains', 'split by', 'before or after', 'outside'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'left', 'left', 'right'],
    colWidths: [null, null, null, null, null, 40, 40, null],
    wordWrap: true,
  });
  for (const {model, kernels, inRegions, regions, chains, splitBy, around, outside, obstacle} of models) {
    const calls = obstacle ? [`not planned: ${obstacle}`, ''] : [countsInWords(splitBy), countsInWords(around)];
    table.push([model, kernels, shareInWords(inRegions, kernels), regions, chains, ...calls, outside]);
  }
  const splits = new Table({head: ['kernel', 'splits', 'before or after', 'models'], ...look});
  for (const {kernel, splits: count, around, models: of} of sumSplits(models)) {
    splits.push([kernel, count, around, of]);
  }
  return [
    `${machine.variant} kernels, threads: ${threads}. Kernels of one inference; those that only give data another shape are not counted.`,
    table.toString(),
    splits.toString(),
    'outside: of constants, of control flow, or without use.',
  ].join('\n');
}

/** `63 (98%)` */
export function shareInWords(part, whole) {
  return whole > 0 ? `${part} (${Math.floor((100 * part) / whole)}%)` : '0';
}
