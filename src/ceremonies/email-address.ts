/** The e-mail address that the application has for a person, kept as it was said last. Whether it is used is decided elsewhere. */
import type { Identity } from '../gate/types.ts';
import { isEmail } from '../people/email.ts';
import type { Collection, UserRecord } from '../store/store.ts';
import { emptyUser } from './accounts.ts';

/** @param email what was found; `null`, and what is no address, takes the earlier one away */
export async function noteEmail(
  users: Collection<UserRecord>,
  identity: Identity,
  email: string | null,
): Promise<void> {
  const next = email !== null && isEmail(email) ? email : undefined;
  if ((await users.get(identity))?.email === next) return;
  await users.update(identity, (current) => {
    const { email: _before, ...rest } = current ?? emptyUser(identity);
    return { write: next === undefined ? rest : { ...rest, email: next }, result: undefined };
  });
}
