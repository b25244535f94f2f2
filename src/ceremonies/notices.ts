/**
 * Brings what happened to an account to its owner: by mail where there is a mail server and an address, otherwise at the
 * next sign-in. Never delays what it tells of and never fails; what a mail says is composed elsewhere.
 */
import type { Clock } from '../clock.ts';
import type { Mailer } from '../factors/factor.ts';
import type { ClientFacts, Identity } from '../gate/types.ts';
import { type Log, reasonOf } from '../log.ts';
import type { LiveSession } from '../session/live.ts';
import { ownerOf } from './accounts.ts';
import type { Audit } from './audit.ts';
import type { News } from './ceremonies.ts';
import type { Happening, Notifier, Occasion, Occasions } from './notifying.ts';

export interface NoticeParts {
  /** Everything, for the account page. */
  readonly kept: Occasions;
  /** Everything of everybody, for administrators. */
  readonly audit: Pick<Audit, 'happened'>;
  /** What no mail has told. */
  readonly unread: Occasions;
  readonly mailer: () => Mailer | undefined;
  readonly email: (identity: Identity) => Promise<string | undefined> | string | undefined;
  readonly compose: (identity: Identity, occasion: Occasion) => { readonly subject: string; readonly text: string };
  readonly clock: Clock;
  readonly log: Log;
}

/** Anybody mistypes a code now and then. */
const FEW_FAILURES = 3;

export class Notices implements Notifier, News {
  readonly #parts: NoticeParts;

  constructor(parts: NoticeParts) {
    this.#parts = parts;
  }

  async tell(identity: Identity, happening: Happening, from?: ClientFacts): Promise<void> {
    const { audit, clock, kept, unread } = this.#parts;
    await kept.tell(identity, happening, from);
    if (!isDeed(happening)) await audit.happened(identity, happening, from);
    if (happening.kind === 'signed-in-after-failures' && happening.failures < FEW_FAILURES) return;
    const occasion = { at: clock.now(), happening, ...(from === undefined ? {} : { from }) };
    const to = await this.#addressOf(identity);
    const mailed = to === undefined ? undefined : this.#mail(to, identity, occasion);
    if (mailed === undefined) await unread.tell(identity, happening, from);
    else mailed.then(async (isSent) => void (isSent || (await unread.tell(identity, happening, from)))).catch(() => {});
  }

  recent(identity: Identity): Promise<readonly Occasion[]> {
    return this.#parts.kept.recent(identity);
  }

  async unseen(session: LiveSession): Promise<readonly Occasion[]> {
    const { log, unread } = this.#parts;
    const identity = ownerOf(session);
    try {
      const all = await unread.recent(identity);
      const news = all.filter((occasion) => !isOwnDoing(occasion, session));
      if (all.length > 0 && news.length === 0) await unread.forget(identity);
      return news;
    } catch (error) {
      log.error('event_not_shown', { identity, reason: reasonOf(error) }); // nobody is kept out by a notice
      return [];
    }
  }

  seen(session: LiveSession): Promise<void> {
    return this.#parts.unread.forget(ownerOf(session));
  }

  async #addressOf(identity: Identity): Promise<string | undefined> {
    try {
      return await this.#parts.email(identity);
    } catch (error) {
      this.#parts.log.error('event_not_mailed', { identity, reason: reasonOf(error) });
      return undefined;
    }
  }

  /** `undefined` where no mail can be sent. */
  #mail(to: string, identity: Identity, occasion: Occasion): Promise<boolean> | undefined {
    const { compose, mailer } = this.#parts;
    const server = mailer();
    if (server === undefined) return undefined;
    return server.send({ to, ...compose(identity, occasion) }).then(
      ({ sent }) => sent,
      () => false,
    );
  }
}

/** What an administrator did is written down with who it was and why. */
function isDeed({ kind }: Happening): boolean {
  return kind === 'reset-by-administrator' || kind === 'bypass-made';
}

/** Who signs in with what was just set up, or by a code on paper, has seen it happen. */
function isOwnDoing({ from, happening }: Occasion, { record, session }: LiveSession): boolean {
  if (session.state !== 'verified' || session.grounds.how !== 'factor') return false;
  const { factor } = session.grounds.proof;
  if (happening.kind === 'recovery-used') return factor === 'recovery';
  if (happening.kind === 'bypass-used') return factor === 'bypass';
  if (happening.kind === 'browser-trusted') {
    return from?.address === record.from?.address && from?.agent === record.from?.agent;
  }
  return happening.kind === 'factor-added' && happening.factor === factor;
}
