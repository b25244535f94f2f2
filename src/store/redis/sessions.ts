/**
 * Sessions on the server: with an index by identity, and a message to all other processes with each change. It holds nothing
 * itself; what a process knows of a session is kept in session/.
 */
import { randomBytes } from 'node:crypto';
import { identityOf } from '../../gate/session.ts';
import type { Identity } from '../../gate/types.ts';
import { type Change, type Elsewhere, type SessionCollection, type SessionRecord, StoreError } from '../store.ts';
import { type Aside, RedisCollection } from './collection.ts';
import { MEMBERS, run } from './scripts.ts';

export class RedisSessions extends RedisCollection<SessionRecord> implements SessionCollection {
  /** Tells our own messages from those of others. */
  readonly #instance = randomBytes(9).toString('base64url');
  readonly #listeners: ((key: string | undefined) => void)[] = [];

  readonly elsewhere: Elsewhere = {
    isHeard: () => this.options.link.isHeard(),
    onChange: (listener) => void this.#listeners.push(listener),
  };

  peek(_key: string): SessionRecord | undefined {
    return undefined;
  }

  move<R>(
    from: string,
    to: string,
    change: (current: SessionRecord | undefined) => Change<SessionRecord, R>,
  ): Promise<R> {
    return this.exchange(from, to, change);
  }

  async of(identity: Identity): Promise<readonly (readonly [key: string, record: SessionRecord])[]> {
    const { link, names } = this.options;
    const answer = await this.run(
      () =>
        run(
          (command) => link.send(command),
          MEMBERS,
          [names.index(identity), names.manifest],
          [names.start('sessions')],
        ),
      'unreadable',
    );
    if (!Array.isArray(answer)) throw new StoreError('unreadable', 'The server of the store gave a strange answer.');
    const found: (readonly [string, SessionRecord])[] = [];
    for (let i = 0; i < answer.length; i += 2) {
      const opened = this.opened(String(answer[i]), String(answer[i + 1]));
      if (opened !== undefined && identityOf(opened[1].session) === identity) found.push(opened);
    }
    return found;
  }

  /** A message of any process: `<instance> <key>`. */
  hear(message: string): void {
    const [instance, key] = message.split(' ', 2);
    if (instance !== this.#instance) this.tell(key);
  }

  /** @param key `undefined` when it may have been any */
  tell(key: string | undefined): void {
    for (const listener of this.#listeners) listener(key);
  }

  protected override aside(
    from: string,
    to: string,
    before: SessionRecord | undefined,
    after: SessionRecord | null,
  ): Aside {
    const moved = from === to ? [from] : [from, to];
    return {
      leaves: this.#entry(from, before),
      joins: this.#entry(to, after ?? undefined),
      messages: moved.map((key) => `${this.#instance} ${key}`),
    };
  }

  #entry(member: string, record: SessionRecord | undefined): Aside['leaves'] {
    const identity = record === undefined ? undefined : identityOf(record.session);
    return identity === undefined ? undefined : { index: this.options.names.index(identity), member };
  }
}
