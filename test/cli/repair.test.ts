// `prune --calibration` from end to end: real samples of a real size are another test's matter.
import {mkdirSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import type {PruneReport} from '../../src';
import {callForJson, expectOneLine, callCli, smallClassifier, withModel} from '../support/commandLine';
import {readModel} from '../support/realModels';
import {picture, writePng} from './calibration/sampleImages';

const SAMPLES = 60;

let [folder, model, images] = ['', '', ''];

withModel(smallClassifier, (made) => {
  ({folder, model} = made);
  images = path.join(folder, 'images');
  mkdirSync(images);
  for (let i = 0; i < SAMPLES; i++) writePng(path.join(images, `${100 + i}.png`), picture(14 + (i % 5), 12, i));
});

const prune = (out: string, ...args: string[]) =>
  callForJson<{report: PruneReport; files: string[]}>([
    ...['prune', model, path.join(folder, out), '--calibration', images, '--range', '-1,1', ...args],
  ]);

test('a model is repaired from pictures, the same one each time', () => {
  const {report, files} = prune('first', '--sparsity', '0.5', '--n', '2');
  const {method, samplesFit, samplesKeptOut, stages} = report.repair!;
  expect([method, samplesFit + samplesKeptOut]).toEqual(['closed', SAMPLES]);
  const closed = stages.find(({name}) => name === 'closed')!;
  expect(closed.keptOut.relativeError).toBeLessThan(0.01);
  expect(closed.keptOut.accuracy).toBeNull();

  const oneShot = path.join(folder, 'one-shot');
  callForJson(['prune', model, oneShot, '--sparsity', '0.5', '--n', '2']);
  const {outputs} = callForJson<{outputs: {relative: number}[]}>(['compare', model, oneShot]);
  expect(outputs[0].relative).toBeGreaterThan(0.5);

  prune('second', '--sparsity', '0.5', '--n', '2');
  for (const file of files) {
    const [a, b] = ['first', 'second'].map((out) => readFileSync(path.join(folder, out, file)));
    expect(a.equals(b)).toBe(true);
  }
  const changed = Buffer.from(readModel(path.join(folder, 'first/model.json')).weightData);
  expect(changed.equals(Buffer.from(readModel(model).weightData))).toBe(false);
});

test('samples preprocessed otherwise lead elsewhere', () => {
  const errors = [[], ['--crop'], ['--samples', '40']].map((args, i) => {
    const {report} = prune(`other-${i}`, '--sparsity', '0.5', ...args);
    return report.repair!.stages.at(-1)!.keptOut.relativeError;
  });
  expect(new Set(errors).size).toBe(3);
});

test('too few samples are told of in one line, and nothing is written', () => {
  const out = path.join(folder, 'none');
  expectOneLine(callCli(['prune', model, out, '--calibration', images, '--samples', '5']), 2, /has 5 samples/);
  expect(readdirSync(folder)).not.toContain('none');
});
