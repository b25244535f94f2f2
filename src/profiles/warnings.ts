/** What a profile may say, but should be told about at every start. */
import { isDeepStrictEqual } from 'node:util';
import type { ProfileData } from './schema.ts';

export interface Advice {
  readonly path: readonly PropertyKey[];
  readonly rule: string;
}

export function profileWarnings(profile: ProfileData): readonly Advice[] {
  const advice: Advice[] = [];
  const { whoami } = profile;
  if (profile.mode === 'gateway-first') {
    if (profile.authorization === 'any') {
      const rule =
        'with any, the password of another person works behind the factor of this one; same-user ties them together';
      advice.push({ path: ['authorization'], rule });
    }
  } else if (whoami === undefined) {
    advice.push({
      path: ['whoami'],
      rule: 'without whoami the login form names the person, and logins by other doors are not noticed',
    });
  } else {
    if (whoami.anonymous === undefined) {
      advice.push({
        path: ['whoami'],
        rule: 'without anonymous every answer without a name is "unknown", and a wrong password ends in an error page',
      });
    }
    if (whoami.recheck === 'cookies') {
      advice.push({
        path: ['whoami', 'recheck'],
        rule: 'a change of user under the same session id is not noticed; make sure that the application never does that',
      });
    }
    if (whoami.regex !== undefined) {
      advice.push({
        path: ['whoami', 'regex'],
        rule: 'a person may be able to write what this matches; prefer css or json',
      });
    }
  }
  for (const [i, { class: _, ...matched }] of profile.routes.entries()) {
    const first = profile.routes.findIndex(({ class: _, ...earlier }) => isDeepStrictEqual(earlier, matched));
    if (first < i) advice.push({ path: ['routes', i], rule: `is never reached: routes[${first}] says the same first` });
  }
  for (const [i, rule] of profile.routes.entries()) {
    if (
      rule.class === 'service' &&
      rule.clients === undefined &&
      rule.from?.some((network) => network.endsWith('/0'))
    ) {
      advice.push({
        path: ['routes', i, 'from'],
        rule: 'every client of the Internet may use this without a second factor',
      });
    }
  }
  return advice;
}
