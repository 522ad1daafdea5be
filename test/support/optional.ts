// Tests of what need not be there. Where it is not they are skipped, with the reason in the output.

const told = new Set<string>();

/** `test`, or a skipped one and a word about why. */
export function testWhere(isThere: boolean, whyNot: string): jest.It {
  if (isThere) return test;
  tell(whyNot);
  return test.skip; // whyNot is the reason
}

/** `describe`, or a skipped one and a word about why. */
export function describeWhere(isThere: boolean, whyNot: string): jest.Describe {
  if (isThere) return describe;
  tell(whyNot);
  return describe.skip; // whyNot is the reason
}

/** Each reason once a file. */
function tell(whyNot: string): void {
  if (!told.has(whyNot)) console.info(`skipped: ${whyNot}`);
  told.add(whyNot);
}
