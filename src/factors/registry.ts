/**
 * Which factors there are: a factor is on when its options are here. The one list to extend for a new one. With only local
 * factors nothing is opened and nothing can leave (I8).
 */
import type { Clock } from '../clock.ts';
import type { FactorId } from '../gate/types.ts';
import { type AuthyNeeds, createAuthy } from './authy/authy.ts';
import type { AuthyOptions } from './authy/options.ts';
import { type BypassOptions, createBypass } from './bypass/bypass.ts';
import { createEmail } from './email/email.ts';
import type { BypassCodes, Factor, FactorLog, Mailer, RecoveryCodes } from './factor.ts';
import { createPasskey, type PasskeyOptions } from './passkey/passkey.ts';
import { createRecovery, type RecoveryOptions } from './recovery/recovery.ts';
import { createSms, type SmsOptions } from './sms/sms.ts';
import { createTotp, type RandomBytes, type TotpOptions } from './totp/totp.ts';
import { createVerify, type VerifyOptions } from './verify/verify.ts';

export interface FactorsOptions {
  readonly passkey?: PasskeyOptions;
  readonly totp?: TotpOptions;
  readonly authy?: AuthyOptions;
  readonly verify?: VerifyOptions;
  readonly sms?: SmsOptions;
  /** Needs a mailer too. */
  readonly email?: { readonly codes: boolean };
  readonly recovery?: RecoveryOptions;
  readonly bypass?: BypassOptions;
}

export interface FactorsNeeds {
  readonly clock: Clock;
  readonly log: FactorLog;
  /** A cryptographic source, `randomBytes` of node:crypto outside tests. */
  readonly randomBytes: RandomBytes;
  readonly open?: AuthyNeeds['open'];
  /** Keyed hashes that stay the same over starts and gateways; see store/store.ts. */
  readonly mac: (label: string, text: string) => Buffer;
  /** Present when mail can be sent. */
  readonly mailer?: Mailer;
  /** What messages and keys name: the service as people know it, and the one origin that they use. */
  readonly site: { readonly service: string; readonly publicUrl: URL };
}

export interface Factors {
  /** The factor, if it is on. A factor that is off proves nothing, whatever is enrolled. */
  get(id: FactorId): Factor | undefined;
  /** In the order in which people should be offered them: strongest first. */
  list(): readonly Factor[];
  /** Recovery codes, if they are on. They are in no list: nobody has them alone. */
  readonly recovery?: RecoveryCodes;
  /** Codes of an administrator, if they are on; in no list either. */
  readonly bypass?: BypassCodes;
  /**
   * What sends codes to an address that the administrator knows. Mail does wherever there is a mail server, also when it is no
   * factor.
   */
  readonly reach: { readonly email?: Factor; readonly sms?: Factor };
  /** Ends all connections to providers; calls under way are waited for, within their time limit. */
  close(): Promise<void>;
}

/** @throws AuthyOptionError when an option would be unsafe to use. */
export function buildFactors(options: FactorsOptions, needs: FactorsNeeds): Factors {
  const authy = options.authy === undefined ? undefined : createAuthy(options.authy, needs);
  const totp = options.totp === undefined ? undefined : createTotp(options.totp, needs.randomBytes);
  const verify = options.verify === undefined ? undefined : createVerify(options.verify, needs);
  const sms = options.sms === undefined ? undefined : createSms(options.sms, needs);
  const { mailer } = needs;
  const mail = options.email === undefined || mailer === undefined ? undefined : createEmail({ ...needs, mailer });
  const email = options.email?.codes === true ? mail : undefined;
  const passkey = options.passkey === undefined ? undefined : createPasskey(options.passkey, needs);
  const factors: readonly Factor[] = [passkey, totp, authy, verify, sms, email].filter(
    (factor) => factor !== undefined,
  );
  const recovery = options.recovery === undefined ? {} : { recovery: createRecovery(options.recovery, needs) };
  const bypass = options.bypass === undefined ? {} : { bypass: createBypass(options.bypass, needs) };
  /** A provider of the operator's own goes first. */
  const reached = (channel: 'email' | 'sms') => {
    const factor = [mail, sms, verify].find((one) => one?.channels.includes(channel));
    return factor === undefined ? {} : { [channel]: factor };
  };
  return {
    ...recovery,
    ...bypass,
    reach: { ...reached('email'), ...reached('sms') },
    get: (id) => factors.find((factor) => factor.id === id),
    list: () => factors,
    async close() {
      for (const factor of factors) await factor.close?.();
    },
  };
}
