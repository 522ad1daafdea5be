// Tensors put together from others, and cut out of others. Behind the end of a row a part's length is negative: nothing is
// copied then.
import {copyFloats} from './copy';
import {ConcatTask, SliceTask} from './task';

/** Puts the rows of several tensors side by side: see `ConcatTask`. */
export function concat(task: usize, begin: i32, end: i32): void {
  const parts = load<i32>(task, ConcatTask.parts << 2);
  const rowBytes = <usize>load<i32>(task, ConcatTask.rowFloats << 2) << 2;
  const table = task + (ConcatTask.table << 2);
  const tableEnd = table + <usize>(12 * load<i32>(task, ConcatTask.inputs << 2));
  let row = begin / parts, part = begin % parts;
  let output = <usize>load<i32>(task, ConcatTask.output << 2) + <usize>row * rowBytes;
  for (let item = begin; item < end; item++) {
    let to = output;
    for (let input = table; input < tableEnd; input += 12) {
      const floats = load<i32>(input, 4), partFloats = load<i32>(input, 8);
      const first = part * partFloats;
      const from = <usize>load<i32>(input) + (<usize>(row * floats + first) << 2);
      copyFloats(to + (<usize>first << 2), from, min(partFloats, floats - first));
      to += <usize>floats << 2;
    }
    if (++part == parts) {
      part = 0;
      row++;
      output = to;
    }
  }
}

/** Gathers equally long runs of floats: see `SliceTask`. */
export function slice(task: usize, begin: i32, end: i32): void {
  const size1 = load<i32>(task, SliceTask.size1 << 2), size2 = load<i32>(task, SliceTask.size2 << 2);
  const run = load<i32>(task, SliceTask.run << 2);
  const parts = load<i32>(task, SliceTask.parts << 2), partFloats = load<i32>(task, SliceTask.part << 2);
  let row = begin / parts, part = begin % parts;
  let to = <usize>load<i32>(task, SliceTask.output << 2) + (<usize>(row * run) << 2);
  let i1 = row / size2, i2 = row % size2;
  let from: usize = 0;
  for (let item = begin; item < end; item++) {
    if (item == begin || (i2 == 0 && part == 0)) {
      const start = i1 / size1 * load<i32>(task, SliceTask.stride0 << 2) + i1 % size1 * load<i32>(task, SliceTask.stride1 << 2) +
        i2 * load<i32>(task, SliceTask.stride2 << 2);
      from = <usize>load<i32>(task, SliceTask.input << 2) + (<usize>start << 2);
    }
    const first = part * partFloats;
    const at = <usize>first << 2;
    copyFloats(to + at, from + at, min(partFloats, run - first));
    if (++part == parts) {
      part = 0;
      to += <usize>run << 2; from += <usize>load<i32>(task, SliceTask.stride2 << 2) << 2;
      if (++i2 == size2) {
        i2 = 0;
        i1++;
      }
    }
  }
}
