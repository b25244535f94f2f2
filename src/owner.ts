/**
 * Who a command runs as. What root writes is root's, and the gateway, which runs as an account of its own, could not read it:
 * so commands that write data ask here first. Nothing is changed here.
 */
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { StartError } from './start.ts';

/** @throws StartError when the key file, and so the gateway, belongs to another account. No key file: whoever runs this makes it. */
export async function checkOwner(keyFile: string): Promise<void> {
  const owner = await stat(keyFile).then(
    ({ uid }) => uid,
    () => undefined,
  );
  if (owner === undefined || owner === userInfo().uid) return;
  throw new StartError(
    'store',
    `The key file "${keyFile}" belongs to another account (user id ${owner}), which could not read what this command writes; ` +
      `run it as that account: sudo -u '#${owner}' lucy-2fa …`,
  );
}
