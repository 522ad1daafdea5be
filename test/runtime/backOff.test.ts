import {BackOff} from '../../src/runtime/backOff';

/** A task of 2 ms whose last unit took `wait` ms longer, at a time. */
function task(backOff: BackOff, begin: number, wait: number, own = 2): number {
  const end = begin + own + wait;
  backOff.hear({begin, ownEnd: begin + own, end, expected: 0});
  return end;
}

/** How long it lasts from `now` on. */
function lengthFrom(backOff: BackOff, now: number): number {
  let length = 0;
  while (backOff.isOn(now + length)) length++;
  return length;
}

describe('backing off from workers that wait for a core', () => {
  it('is off at first, and stays off while workers keep up', () => {
    const backOff = new BackOff();
    expect(backOff.isOn(0)).toBe(false);
    expect(backOff.isOn(task(backOff, 0, 0.9))).toBe(false);
    expect(backOff.isOn(task(backOff, 10, 1.9))).toBe(false); // less than the caller's own share
    expect(backOff.isOn(task(backOff, 20, 6, 7))).toBe(false);
  });

  it('begins after the second wait in a row that is longer than the work before it', () => {
    const backOff = new BackOff();
    expect(lengthFrom(backOff, task(backOff, 0, 3))).toBe(0);
    expect(lengthFrom(backOff, task(backOff, 200, 3))).toBe(0);
    expect(lengthFrom(backOff, task(backOff, 300, 3))).toBe(25);
  });

  it('begins where the caller was held up itself: the task takes much longer than others do for what is expected', () => {
    const backOff = new BackOff();
    const hear = (begin: number, taken: number, expected: number) =>
      backOff.hear({begin, ownEnd: begin + taken, end: begin + taken, expected});
    // A machine of a quarter of the reference's speed.
    for (let i = 0; i < 50; i++) hear(i, 4 + (i % 3), 1);
    expect(backOff.isOn(60)).toBe(false);
    hear(60, 0.9, 0.05); // much longer than expected, but no scheduler's slice
    expect(backOff.isOn(61)).toBe(false);
    hear(70, 30, 8);
    expect(backOff.isOn(100)).toBe(false);
    hear(110, 12, 1);
    hear(122, 12, 1);
    expect(lengthFrom(backOff, 134)).toBe(25);
  });

  it('is twice as long each time that the next try stalls too, up to a limit', () => {
    const backOff = new BackOff();
    let now = 0;
    const lengths = [];
    for (let i = 0; i < 8; i++) {
      now = task(backOff, now, 3);
      lengths.push(lengthFrom(backOff, now));
      now += lengths[i] + 1;
    }
    expect(lengths).toEqual([0, 25, 50, 100, 200, 400, 400, 400]);
  });

  it('grows where every frame stalls, also if the last back-off is over by then', () => {
    const backOff = new BackOff();
    task(backOff, 0, 3);
    expect(lengthFrom(backOff, task(backOff, 33, 3))).toBe(25);
    expect(lengthFrom(backOff, task(backOff, 99, 3))).toBe(50);
  });

  it('forgets after a while without a stall', () => {
    const backOff = new BackOff();
    let now = task(backOff, 0, 3);
    now = task(backOff, now, 3);
    now = task(backOff, now + 25 + 151, 3);
    expect(lengthFrom(backOff, now)).toBe(0);
    expect(lengthFrom(backOff, task(backOff, now, 3))).toBe(25);
  });
});
