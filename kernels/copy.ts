/** Copies `floats` floats; short runs dominate, where a bulk copy's call would cost more than it moves. */
@inline
export function copyFloats(to: usize, from: usize, floats: i32): void {
  const end = from + (<usize>floats << 2);
  const vectors = from + (<usize>(floats & ~3) << 2);
  while (from < vectors) {
    v128.store(to, v128.load(from));
    from += 16; to += 16;
  }
  while (from < end) {
    store<f32>(to, load<f32>(from));
    from += 4; to += 4;
  }
}

@inline
export function fillFloats(to: usize, value: f32, floats: i32): void {
  const end = to + (<usize>floats << 2);
  const vectors = to + (<usize>(floats & ~3) << 2);
  const vector = f32x4.splat(value);
  while (to < vectors) {
    v128.store(to, vector);
    to += 16;
  }
  while (to < end) {
    store<f32>(to, value);
    to += 4;
  }
}
