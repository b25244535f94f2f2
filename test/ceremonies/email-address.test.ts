/** The address that the application names is kept as it was said last; what is none takes it away. */
import { expect, it } from 'vitest';
import { noteEmail } from '../../src/ceremonies/email-address.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { TestClock } from '../fakes/clock.ts';
import { ALICE } from './ceremony-world.ts';

it('is written when it changes, and only then', async () => {
  const { users } = memoryStore(new TestClock());
  const email = async () => (await users.get(ALICE))?.email;
  await noteEmail(users, ALICE, null);
  expect(await users.get(ALICE)).toBeUndefined();
  await noteEmail(users, ALICE, 'a@x.example');
  expect(await email()).toBe('a@x.example');
  const update = users.update;
  users.update = () => Promise.reject(new Error('not now'));
  await noteEmail(users, ALICE, 'a@x.example');
  users.update = update;
  for (const none of [null, 'no address', 'a@x.example\r\nBcc: b@x.example']) {
    await noteEmail(users, ALICE, 'a@x.example');
    await noteEmail(users, ALICE, none);
    expect(await email()).toBeUndefined();
  }
});
