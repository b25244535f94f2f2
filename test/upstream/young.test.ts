/** Bodies of clients are the occasion to collect what died young, and nothing else. */
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { afterEach, expect, test } from 'vitest';
import { countBody } from '../../src/upstream/young.ts';
import { until } from './wire.ts';

const MEGABYTE = 1_048_576;
const seen: unknown[] = [];
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.push(Reflect.get(Object(Reflect.get(entry, 'detail')), 'kind'));
});
afterEach(() => observer.disconnect());

test('each 8 MB, from whatever requests, the young are collected once', async () => {
  observer.observe({ entryTypes: ['gc'] });
  for (let i = 0; i < 8 * 50; i += 1) countBody(MEGABYTE);
  await until(
    () => seen.length >= 50,
    () => `50 collections, ${seen.length} so far`,
  );
  const minor = seen.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR);
  expect(minor.length).toBeGreaterThanOrEqual(50);
  expect(minor.length).toBeLessThan(100);
  expect(seen.length - minor.length).toBeLessThan(10); // the tests' own
});
