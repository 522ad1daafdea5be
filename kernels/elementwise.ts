// Drivers of elementwise operations: which values meet which.
import {fillFloats} from './copy';
import {applyElementwise, TAIL_FLOATS} from './elementwiseOps';
import {AddNTask, Elementwise, ELEMENTWISE_SCRATCH_FLOATS, ElementwiseTask, SPAN_FLOATS} from './task';

/** Rows shorter than this are repeated in working memory, so that vectors run over many of them. */
const LONG_ROW: i32 = 64;

/** Floats of working memory that they are repeated in. */
const PATTERN_FLOATS: i32 = ELEMENTWISE_SCRATCH_FLOATS - TAIL_FLOATS;

/** Computes spans of an elementwise operation, one operand of which may be repeated; see `ElementwiseTask`. */
export function elementwise(task: usize, begin: i32, end: i32, scratch: usize): void {
  const op = load<i32>(task, ElementwiseTask.op << 2);
  const x = <usize>load<i32>(task, ElementwiseTask.x << 2);
  const address = <usize>load<i32>(task, ElementwiseTask.y << 2);
  const y = address != 0 ? address : task + (ElementwiseTask.valueBits << 2);
  const output = <usize>load<i32>(task, ElementwiseTask.output << 2);
  const repeats = load<i32>(task, ElementwiseTask.repeats << 2);
  const row = load<i32>(task, ElementwiseTask.row << 2);
  const swapped = load<i32>(task, ElementwiseTask.swapped << 2) != 0;
  const stop = min(end * SPAN_FLOATS, load<i32>(task, ElementwiseTask.size << 2));
  const outShift: usize = op == Elementwise.equal || op == Elementwise.lessEqual ? 0 : 2, xShift: usize = op == Elementwise.fromBool ? 0 : 2;
  const image = repeats * row;
  const pattern = scratch + (TAIL_FLOATS << 2);

  let at = begin * SPAN_FLOATS;
  while (at < stop) {
    const index = at / image;
    const imageStop = min(stop, index * image + image);
    // The values that meet the next ones of x: `run` of them now, and `period` from `first` on each time after that.
    const phase = at % row;
    let first = y + <usize>(index * row << 2);
    let period = row, run = row - phase;
    let from = first + <usize>(phase << 2);
    if (repeats > 1 && row < LONG_ROW) {
      period = run = PATTERN_FLOATS - PATTERN_FLOATS % row;
      repeatRow(pattern, first, row, phase, min(period, imageStop - at));
      first = from = pattern;
    }
    while (at < imageStop) {
      const count = min(run, imageStop - at);
      const to = output + (<usize>at << outShift), other = x + (<usize>at << xShift);
      applyElementwise(op, to, swapped ? from : other, swapped ? other : from, count, scratch);
      at += count;
      from = first; run = period;
    }
  }
}

/** Writes `count` values of an endlessly repeated row, beginning within it. */
function repeatRow(to: usize, source: usize, row: i32, phase: i32, count: i32): void {
  if (row == 1) {
    fillFloats(to, load<f32>(source), count);
    return;
  }
  for (let i = 0; i < min(row, count); i++) {
    store<f32>(to + <usize>(i << 2), load<f32>(source + <usize>(phase << 2)));
    if (++phase == row) phase = 0;
  }
  for (let done = row; done < count; done <<= 1) {
    memory.copy(to + <usize>(done << 2), to, <usize>(min(done, count - done) << 2));
  }
}

/** Computes spans of a sum of tensors. */
export function addN(task: usize, begin: i32, end: i32, scratch: usize): void {
  const size = load<i32>(task, AddNTask.size << 2);
  const inputsEnd = load<i32>(task, AddNTask.count << 2) + AddNTask.inputs;
  for (let item = begin; item < end; item++) {
    const at = item * SPAN_FLOATS;
    const count = min(SPAN_FLOATS, size - at);
    const offset = <usize>(at << 2);
    const output = load<i32>(task, AddNTask.output << 2) + offset;
    let op = Elementwise.sumFromZero;
    let sum = load<i32>(task, AddNTask.inputs << 2) + offset;
    for (let i = AddNTask.inputs + 1; i < inputsEnd; i++) {
      applyElementwise(op, output, sum, load<i32>(task + <usize>(i << 2)) + offset, count, scratch);
      op = Elementwise.add;
      sum = output;
    }
  }
}
