// Chains of convolutions in strips of rows: what one stage writes stays in the cache until the next one has read it, and
// takes no more memory than a strip. Stages run as they are, on records that are copied and changed to their rows.
import {conv2d} from './conv2d';
import {Task} from './convTask';
import {depthwiseConv2d} from './depthwiseConv2d';
import {Job, RECORD_BYTES, STAGE_BYTES, StripsTask} from './task';

/**
 * Computes the items begin .. end - 1 of a chain. An item is a band of rows of the last stage's output.
 *
 * @param scratch the thread's working memory: for each stage a record and the rows of its output that are held, then the
 *     rows, then what the stages need
 */
export function strips(task: usize, begin: i32, end: i32, scratch: usize): void {
  const last = load<i32>(task, StripsTask.stages << 2) - 1;
  const bands = load<i32>(task, StripsTask.bands << 2), bandRows = load<i32>(task, StripsTask.bandRows << 2);
  const stripRows = load<i32>(task, StripsTask.stripRows << 2);
  const outHeight = load<i32>(recordOf(task, last), Task.outHeight << 2);
  for (let item = begin; item < end; item++) {
    for (let stage = 0; stage < last; stage++) hold(scratch, stage, 0, 0);
    const from = item % bands * bandRows, to = min(from + bandRows, outHeight);
    for (let row = from; row < to; row += stripRows) {
      computeRows(task, last, last, item / bands, row, min(row + stripRows, to), scratch);
    }
  }
}

/** Computes rows first .. end - 1 of a stage's output, and before them what they are computed from. */
function computeRows(task: usize, stage: i32, last: i32, image: i32, first: i32, end: i32, scratch: usize): void {
  const record = recordOf(task, stage);
  const stride = load<i32>(record, Task.strideHeight << 2);
  const inHeight = load<i32>(record, Task.inHeight << 2), outHeight = load<i32>(record, Task.outHeight << 2);
  const reach = (load<i32>(record, Task.kernelHeight << 2) - 1) * load<i32>(record, Task.dilationHeight << 2) + 1;
  const outWidth = load<i32>(record, Task.outWidth << 2), outChannels = load<i32>(record, Task.outChannels << 2);
  const inWidth = load<i32>(record, Task.inWidth << 2), inChannels = load<i32>(record, Task.inChannels << 2);
  const top = first * stride - load<i32>(record, Task.padTop << 2);
  const inFirst = max(0, top), inEnd = min(inHeight, top + (end - 1 - first) * stride + reach);
  const inLine = inWidth * inChannels << 2, outLine = outWidth * outChannels << 2;

  let input = load<i32>(record, Task.input << 2) + (image * inHeight + inFirst) * inLine;
  let output = load<i32>(record, Task.output << 2) + (image * outHeight + first) * outLine;
  if (stage > 0) input = provideRows(task, stage - 1, last, image, inFirst, inEnd, scratch);
  if (stage < last) output = bufferOf(task, stage, scratch) + (first - load<i32>(heldBy(scratch, stage))) * outLine;

  const copy = scratch + <usize>stage * STAGE_BYTES;
  const pixels = (end - first) * outWidth;
  memory.copy(copy, record, RECORD_BYTES);
  store<i32>(copy, input, Task.input << 2);
  store<i32>(copy, output, Task.output << 2);
  store<i32>(copy, inEnd - inFirst, Task.inHeight << 2);
  store<i32>(copy, end - first, Task.outHeight << 2);
  store<i32>(copy, inFirst - top, Task.padTop << 2);
  store<i32>(copy, pixels, Task.pixels << 2);
  store<i32>(copy, outChannels, Task.groupChannels << 2);
  store<i32>(copy, 0, Task.halfPanel << 2);
  // The last pixels of all are computed in their own way. They may be more than a strip has.
  const behind = load<i32>(record, Task.pixels << 2) - (image * outHeight + end) * outWidth;
  store<i32>(copy, max(0, load<i32>(record, Task.lastPixels << 2) - behind), Task.lastPixels << 2);
  const working = scratch + <usize>load<i32>(task, StripsTask.workingAt << 2);
  if (load<i32>(stageOf(task, stage)) == Job.depthwiseConv2d) {
    depthwiseConv2d(copy, 0, end - first, working);
  } else {
    const macroTile = load<i32>(record, Task.macroTile << 2);
    conv2d(copy, 0, (pixels + macroTile - 1) / macroTile, working);
  }
}

/** Sees to it that rows first .. end - 1 of an inner stage's output are held, and nothing before them. */
function provideRows(task: usize, stage: i32, last: i32, image: i32, first: i32, end: i32, scratch: usize): i32 {
  const record = recordOf(task, stage);
  const line = load<i32>(record, Task.outWidth << 2) * load<i32>(record, Task.outChannels << 2) << 2;
  const buffer = bufferOf(task, stage, scratch);
  const held = heldBy(scratch, stage);
  const heldFirst = load<i32>(held), heldEnd = load<i32>(held, 4);
  let missing = first;
  if (first >= heldFirst && first < heldEnd) {
    memory.copy(buffer, buffer + (first - heldFirst) * line, (heldEnd - first) * line);
    missing = heldEnd;
  }
  hold(scratch, stage, first, max(end, missing));
  if (missing < end) computeRows(task, stage, last, image, missing, end, scratch);
  return buffer;
}

@inline
function stageOf(task: usize, stage: i32): usize {
  return task + ((StripsTask.table + <usize>stage * 3) << 2);
}

@inline
function recordOf(task: usize, stage: i32): usize {
  return <usize>load<i32>(stageOf(task, stage), 4);
}

@inline
function bufferOf(task: usize, stage: i32, scratch: usize): i32 {
  return <i32>scratch + load<i32>(stageOf(task, stage), 8);
}

@inline
function heldBy(scratch: usize, stage: i32): usize {
  return scratch + <usize>stage * STAGE_BYTES + RECORD_BYTES;
}

@inline
function hold(scratch: usize, stage: i32, first: i32, end: i32): void {
  const held = heldBy(scratch, stage);
  store<i32>(held, first);
  store<i32>(held, end, 4);
}
