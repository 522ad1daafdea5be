/** Keeps warnings from the console in each test of a file; returns how to look at those of the test that runs. */
export function spyOnWarnings(): () => jest.SpyInstance {
  let spy: jest.SpyInstance;
  beforeEach(() => {
    spy = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  });
  return () => spy;
}
