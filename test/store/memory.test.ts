/** The store without a disk. */
import { memoryStore } from '../../src/store/memory.ts';
import { TestClock } from '../fakes/clock.ts';
import { contract } from './contract.ts';

contract('memory', async () => {
  const clock = new TestClock();
  return { store: memoryStore(clock), clock };
});
