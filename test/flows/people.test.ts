/** A list of people imported while the gateway runs: the next code goes where the list says. A real mail server, a real start. */
import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { importPeople } from '../../src/people-import.ts';
import { startGateway } from '../../src/start.ts';
import { bypassFor, ticketFor } from '../../src/ticket.ts';
import { FakeBrowser, type Page } from '../fakes/browser.ts';
import { freePort } from '../fakes/free-port.ts';
import { codeIn, SmtpProcess } from '../fakes/smtp.ts';
import { ALICE } from './harness.ts';

it('a list is taken into use without a restart, for codes and for who may be first', { timeout: 30_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'people-flow-'));
  const [lucy, smtp, port] = await Promise.all([startStandInLucy(), SmtpProcess.start(), freePort()]);
  const [configPath, file] = [join(folder, 'gateway.yaml'), join(folder, 'people.csv')];
  const origin = `http://127.0.0.1:${port}`;
  await writeFile(
    configPath,
    [
      `listen: { host: 127.0.0.1, port: ${port} }`,
      `publicUrl: ${origin}`,
      `upstream: { url: '${lucy.url}', profile: lucy }`,
      'management: false',
      'policy: { default: required, firstEnrolment: { needs: known } }',
      `factors: { email: { smtp: 'smtp://127.0.0.1:${smtp.port}', from: no-reply@example.com } }`,
      '',
    ].join('\n'),
  );
  const logged: string[] = [];
  const started = await startGateway({
    configPath,
    env: {},
    clock: systemClock,
    withoutUpstream: false,
    logTo: { write: (line) => void logged.push(line) },
  });
  try {
    const browser = new FakeBrowser({ origin, port });
    const form = await browser.get('/admin/login');
    const fields = { 'LoginForm[email]': ALICE.email, 'LoginForm[password]': ALICE.password };
    const before: Page = await browser.submit(form, fields);
    expect(before.html).toContain('Enter your ticket');
    expect(before.html).not.toContain('knows where to reach you');

    await writeFile(file, `identity,email\n${ALICE.email},alice.private@mail.example\n`);
    await importPeople({ file, configPath, env: {}, apply: true, replace: false });
    await started.reload(); // what the watcher does a moment later
    expect(logged.join('')).toContain('people_reloaded');
    const page = await browser.get('/_2fa/account/known');
    await browser.submit(page, { channel: 'email' });
    const mail = smtp.mails.find(({ to }) => to.includes('alice.private@mail.example'));
    if (mail === undefined) throw new Error('no mail');
    const asked = await browser.get('/_2fa/account/known?way=email');
    const done = await browser.submit(asked, { code: codeIn(mail) });
    expect(done.html).toContain('Add a method');

    await writeFile(join(folder, 'data', 'people.sealed'), 'not sealed');
    await started.reload();
    expect(logged.join('')).toContain('people_reload_refused');
    expect((await browser.get('/_2fa/account')).html).toContain('Add a method');

    const account = { account: ALICE.email, configPath, env: {}, clock: systemClock };
    expect(await ticketFor(account)).toMatchObject({ identity: ALICE.email, isNeeded: true });
    expect(await bypassFor(account)).toMatchObject({
      identity: ALICE.email,
      code: expect.stringMatching(/^[0-9A-Z-]{24}$/),
    });

    // The list is damaged still; the advice mends it.
    const list = { file, configPath, env: {}, replace: false };
    await expect(importPeople({ ...list, apply: true })).rejects.toThrow(/import the whole list again, with --replace/);
    await importPeople({ ...list, apply: true, replace: true });
    expect(await importPeople({ ...list, apply: false })).toMatchObject({ same: 1, added: 0 });

    // What root writes the gateway's account cannot read; it is said before anything is written.
    if (process.getuid?.() !== 0) return;
    await chown(join(folder, 'data', 'keys.json'), 65_534, 65_534);
    const sealed = await readFile(join(folder, 'data', 'people.sealed'));
    await expect(importPeople({ ...list, apply: true })).rejects.toThrow(/user id 65534\).*run it as that account/);
    expect(await readFile(join(folder, 'data', 'people.sealed'))).toEqual(sealed);
  } finally {
    await started.stop(1_000);
    await Promise.all([lucy.close(), smtp.stop()]);
    await rm(folder, { recursive: true, force: true });
  }
});
