// Inferences that are repeated: noted once, then run as programs.
import {engine, env, type Tensor} from '@tensorflow/tfjs-core';
import {PoolFailure} from '../../runtime';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {decidingOptions, options} from '../config';
import {activeBackend} from '../register';
import {fuseStrips} from './fuseStrips';
import {NoProgram, Program} from './program';
import {type PlanReport, stepReports} from './planReport';
import {recordCalls, type RecordedProgram} from './recordCalls';
import {SHARED_DATA, traced, type Trace} from './trace';

/** Programs that one model keeps: for so many kinds of inputs and outputs. */
const MOST_PROGRAMS = 4;

/** Inferences that run as ever after something unexpected, an exhausted heap say, before a plan is tried again; then twice as many. */
const FIRST_PAUSE = 100;

/** What is known of one kind of inference. */
interface Entry {
  readonly kind: string;
  /** Types and shapes. */
  readonly inputs: string;
  readonly backend: BlockSparseBackend;
  /** null before its second run. */
  program: Program | null;
  recorded: RecordedProgram | null;
  /** Why there is none. */
  obstacle: string | null;
  /** Inferences until that is tried again: none where the reason lies in the inference itself. */
  wait: number;
  /** The next such number. */
  pause: number;
  /** Variables that the program has read, with the data that it knows. */
  variables: Trace['variables'];
  /** Forgets the program and frees what it holds. */
  forget(): void;
}

/**
 * The inferences of one model. A kind of inference is one set of outputs from inputs of one set of shapes: the first of a
 * kind runs as ever, the second is noted (trace.ts), later ones run as its program. Where the backend is not active, or
 * tfjs watches every kernel (profiles, debug mode, gradients), all run as ever.
 */
export class PlannedRuns {
  private readonly entries = new Map<string, Entry>();

  /** Whether programs are made and run just now. */
  isActive(): boolean {
    const backend = activeBackend();
    return backend !== null && options().regions && !isWatched(backend);
  }

  /**
   * @param kind names the outputs and the inputs
   * @param inputs all that the result hangs on beside constants, in the same order for the same kind
   * @param run computes the outputs, in new tensors
   */
  run(kind: string, inputs: readonly Tensor[], run: () => Tensor[]): Tensor[] {
    const backend = activeBackend();
    if (!backend || !this.isActive() || inputs.some(({isDisposed}) => isDisposed)) return run();
    const shapes = shapesOf(inputs);
    const key = kind + circumstances(backend, shapes);
    const entry = this.entries.get(key);
    if (!entry || entry.backend !== backend || entry.variables.some(([{dataId}, known]) => dataId !== known)) {
      entry?.forget();
      this.entries.delete(key);
      this.forget(MOST_PROGRAMS - 1);
      this.entries.set(key, {
        kind,
        inputs: shapes,
        backend,
        program: null,
        recorded: null,
        obstacle: null,
        wait: Infinity,
        pause: FIRST_PAUSE,
        variables: [],
        forget: () => undefined,
      });
      return run();
    }
    // Used last: now the last to go.
    this.entries.delete(key);
    this.entries.set(key, entry);
    if (entry.program) return this.runProgram(key, entry, entry.program, inputs, run);
    if (entry.obstacle !== null && --entry.wait > 0) return run();
    entry.obstacle = null;
    entry.wait = Infinity;
    return traced(backend, inputs, run, (trace) => {
      if (typeof trace !== 'string') return this.tryToPlan(key, entry, trace);
      entry.obstacle = trace;
      if (trace === SHARED_DATA) entry.wait = 1;
    });
  }

  /** What is planned. */
  reports(): PlanReport[] {
    return [...this.entries.values()].map(({kind, inputs, obstacle, recorded, program}) => ({
      kind,
      inputs,
      obstacle: recorded ? null : (obstacle ?? 'the inference was not repeated yet'),
      steps: recorded ? stepReports(recorded) : [],
      kernelsInRegions: recorded?.kernels ?? 0,
      arenaBytes: program?.arenaBytes ?? 0,
      programBytes: program?.bytes ?? 0,
    }));
  }

  /**
   * Milliseconds of each task and call of the inference that was run last with such inputs, options and threads, in the
   * order of its report; they run one by one.
   *
   * @param inputs as of `run`
   * @returns null if it would not run as planned now
   */
  measure(inputs: readonly Tensor[]): number[] | null {
    const backend = activeBackend();
    if (!backend || !this.isActive()) return null;
    const end = circumstances(backend, shapesOf(inputs));
    const [, entry] = [...this.entries].filter(([key]) => key.endsWith(end)).pop() ?? [];
    if (!entry?.program || entry.backend !== backend) return null;
    const times: number[] = [];
    for (const output of entry.program.run(inputs, times)) output.dispose();
    return times;
  }

  /** Frees all programs but so many that were used last. */
  forget(most = 0): void {
    for (const [key, entry] of this.entries) {
      if (this.entries.size <= most) return;
      entry.forget();
      this.entries.delete(key);
    }
  }

  private runProgram(
    key: string,
    entry: Entry,
    program: Program,
    inputs: readonly Tensor[],
    run: () => Tensor[],
  ): Tensor[] {
    try {
      return program.run(inputs);
    } catch (error) {
      entry.forget();
      // A new program can be made where threads are lost; not for shapes that change with the values, say.
      if (error instanceof PoolFailure) this.entries.delete(key);
      else obstruct(entry, error);
      return run(); // and gives tfjs's own error where there is one
    }
  }

  /** An inference that has run does not fail because there can be no program for the next. */
  private tryToPlan(key: string, entry: Entry, trace: Trace): void {
    try {
      this.plan(key, entry, trace);
    } catch (error) {
      for (const tensor of trace.kept) tensor.dispose();
      obstruct(entry, error);
    }
  }

  /** @throws Error with what stands against it; nothing is held then. */
  private plan(key: string, entry: Entry, trace: Trace): void {
    const {backend} = entry;
    const recorded = fuseStrips(recordCalls(backend, trace), backend.runner.threads);
    if (!recorded.steps.some(({kind}) => kind === 'region')) throw new NoProgram('no kernel of ours takes part');
    const program = new Program(backend, recorded);
    entry.program = program;
    entry.recorded = recorded;
    entry.variables = trace.variables;
    // A program knows weights by their address.
    const watches = [...trace.constants].map((dataId) =>
      backend.whenReleased(dataId, () => {
        entry.forget();
        this.entries.delete(key);
      }),
    );
    entry.forget = () => {
      entry.forget = () => undefined;
      entry.program = entry.recorded = null;
      for (const stop of watches) stop();
      program.dispose();
      for (const tensor of trace.kept) tensor.dispose();
    };
  }
}

/**
 * Notes why there is no program. What should not happen is told in the console once, too: the inference is right but
 * slower. It may be otherwise later.
 */
function obstruct(entry: Entry, error: unknown): void {
  entry.obstacle = error instanceof Error ? error.message : String(error);
  if (error instanceof NoProgram) return;
  if (entry.pause === FIRST_PAUSE) {
    console.warn(`blocksparse-1xn: an inference runs kernel by kernel for a while. ${entry.obstacle}`);
  }
  entry.wait = entry.pause;
  entry.pause *= 2;
}

function shapesOf(inputs: readonly Tensor[]): string {
  return inputs.map(({shape, dtype}) => `${dtype} ${shape.join()}`).join(' ');
}

/** What a program is made for, beside the kind of inference. */
function circumstances({runner: {threads, slots}}: BlockSparseBackend, shapes: string): string {
  return ` | ${shapes} | ${threads} ${slots} ${decidingOptions()}`;
}

/** Whether somebody has to see every kernel, or every node's tensors. */
function isWatched(backend: BlockSparseBackend): boolean {
  const {state, backendName, backend: current} = engine();
  return (
    (current as unknown) !== backend ||
    backendName === null ||
    state.profiling ||
    state.gradientDepth > 0 ||
    state.kernelDepth > 0 ||
    env().getBool('DEBUG') ||
    env().getBool('KEEP_INTERMEDIATE_TENSORS')
  );
}
