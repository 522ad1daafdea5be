/** With as many pieces of work as this there is enough to share out. */
const ENOUGH_ITEMS = 64;
/** Shorter parts of a run of floats are not worth their own start: 16 KiB. */
const SMALLEST_PART = 4096;

/** Into how many parts each of `rows` rows of so many floats is cut, so that few long rows can be shared out too. */
export function partsOfRow(rows: number, floats: number): number {
  if (rows >= ENOUGH_ITEMS) return 1;
  return Math.max(1, Math.min(Math.ceil(ENOUGH_ITEMS / rows), Math.floor(floats / SMALLEST_PART)));
}

/** Floats of a part, but for the last one: whole cache lines. Parts beyond the end of the row are empty. */
export function floatsOfPart(floats: number, parts: number): number {
  return parts === 1 ? floats : Math.ceil(floats / parts / 16) * 16;
}
