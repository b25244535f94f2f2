/** The block `factors.authy`: what does not go together. */
import { describe, expect, it, vi } from 'vitest';
import { checkConfig } from '../../src/config/load.ts';

vi.mock(import('../../src/config/shared-key.ts'), async (original) => ({
  ...(await original()),
  isKnownSharedKey: (key: string) => key === 'everybody-has-it',
}));

const WITH = (authy: string) =>
  checkConfig(
    `publicUrl: https://lucy.example.com\nupstream: { url: https://10.0.0.7 }\nfactors: { authy: ${authy} }\n`,
    '/nowhere/gateway.yaml',
    {},
  );

describe('calls of Authy to us', () => {
  it('go with requests in the app and a key of one’s own, and are off without a word', async () => {
    expect(await WITH('{ apiKey: own-key-1, push: true, pushCallback: true }')).toMatchObject({
      ok: true,
      config: { factors: { authy: { push: true, pushCallback: true } } },
    });
    expect(await WITH('{ apiKey: own-key-1, push: true }')).toMatchObject({
      ok: true,
      config: { factors: { authy: { pushCallback: false } } },
    });
  });

  it.each([
    ['without requests in the app', '{ apiKey: own-key-1, pushCallback: true }'],
    ['with the published key', '{ apiKey: everybody-has-it, insecureSharedKey: true, push: true, pushCallback: true }'],
  ])('are refused %s', async (_name, authy) => {
    const checked = await WITH(authy);
    const errors = checked.ok ? [] : checked.problems.filter(({ severity }) => severity === 'error');
    expect(errors.map(({ path }) => path)).toEqual(['factors.authy.pushCallback']);
  });

  it('leave the published key as it was where they are off', async () => {
    expect(await WITH('{ apiKey: everybody-has-it, insecureSharedKey: true, push: true }')).toMatchObject({ ok: true });
  });
});
