/**
 * Sessions on the server: with an index by identity, and a message to all other processes with each change. It holds nothing
 * itself; what a process knows of a session is kept in session/.
 */
import { randomBytes } from 'node:crypto';
import { identityOf } from '../../gate/session.ts';
import type { Identity } from '../../gate/types.ts';
import { type Change, type Elsewhere, type SessionCollection, type SessionRecord, StoreError } from '../store.ts';
import { type Aside, RedisCollection } from './collection.ts';
import { HEARD_MS } from './link.ts';
import { MEMBERS, run } from './scripts.ts';

export class RedisSessions extends RedisCollection<SessionRecord> implements SessionCollection {
  /** Tells our own messages from those of others. */
  readonly #instance = randomBytes(9).toString('base64url');
  readonly #listeners: ((key: string | undefined) => void)[] = [];
  /** Called with each process that has heard up to a question of ours, by the number of the question. */
  readonly #answered = new Map<string, () => void>();
  #questions = 0;

  readonly elsewhere: Elsewhere = {
    isHeard: () => this.options.link.isHeard(),
    onChange: (listener) => void this.#listeners.push(listener),
    everybodyHeard: () => this.#everybodyHeard(),
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

  /** A message of any process: `<instance> <key>`, `<instance> ?<number>` for a question, `<asker> !<number>` for its answer. */
  hear(message: string): void {
    const [instance = '', word = ''] = message.split(' ', 2);
    if (instance === this.#instance) this.#answered.get(word)?.();
    else if (word.startsWith('?'))
      this.#say(`${instance} !${word.slice(1)}`).catch(() => undefined); // it waits no longer than HEARD_MS
    else if (!word.startsWith('!')) this.tell(word);
  }

  /**
   * Messages arrive in order, so whoever answers has heard all before. Whoever does not answer is deaf after `HEARD_MS`: nothing
   * that proves the contrary can have been asked later than the question.
   */
  async #everybodyHeard(): Promise<void> {
    this.#questions += 1;
    const answer = `!${this.#questions}`;
    let heard = 0;
    let others = Number.POSITIVE_INFINITY;
    try {
      await new Promise<void>((resolve, reject) => {
        const look = (): void => {
          if (heard >= others) resolve();
        };
        this.#answered.set(answer, () => {
          heard += 1;
          look();
        });
        this.#say(`${this.#instance} ?${this.#questions}`).then((listening) => {
          others = listening - 1;
          look();
          void this.options.link.pause(HEARD_MS).then(resolve);
        }, reject);
      });
    } finally {
      this.#answered.delete(answer);
    }
  }

  /** @returns how many listen, this process among them. */
  async #say(message: string): Promise<number> {
    const { link, names } = this.options;
    return Number(await this.run(() => link.send(['PUBLISH', names.channel, message]), 'unwritable'));
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
