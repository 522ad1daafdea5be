import type {CalibrationProgress} from '../calibrationOptions';

/** Tells how far a long work is, gives others a turn, and ends it where somebody asks for that. */
export class Progress {
  private readonly started = performance.now();
  private done = 0;
  private stage = '';
  private share = 0;
  private lastTurn = 0;
  private whole = 1;
  private told = 0;

  constructor(
    private readonly onProgress: ((progress: CalibrationProgress) => void) | undefined,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Begins a stage that is some share of all the work. */
  begin(stage: string, share: number): void {
    this.done += this.share;
    this.stage = stage;
    this.share = share;
  }

  /** More is to be done than was known, in the same units as the stages' shares. */
  extend(share: number): void {
    this.whole += share;
  }

  /**
   * Has to be called now and then.
   *
   * @param within share of the stage that is done
   * @throws the signal's reason where it was aborted
   */
  async tell(within: number): Promise<void> {
    this.signal?.throwIfAborted();
    const done = Math.min(1, (this.done + this.share * within) / this.whole);
    const seconds = (performance.now() - this.started) / 1000;
    const secondsLeft = done > 0 ? (seconds / done) * (1 - done) : Infinity;
    this.told = Math.max(this.told, done);
    this.onProgress?.({stage: this.stage, done: this.told, secondsLeft});
    // Messages and aborts come in between turns of the event loop.
    if (performance.now() - this.lastTurn < 30) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.lastTurn = performance.now();
    this.signal?.throwIfAborted();
  }

  get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }
}
