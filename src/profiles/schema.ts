/**
 * The contract of a profile: every key with its default and what goes wrong with it. Data only; compile.ts gives it a
 * meaning. The reference page docs/profiles.md is checked against the descriptions here.
 */
import { z } from 'zod';
import {
  cidr,
  clientName,
  cookiePattern,
  expression,
  headerName,
  hostPattern,
  method,
  oneOrMore,
  place,
  pointer,
  rulePath,
  selector,
  status,
  target,
} from './checks.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const fieldName = z.string().min(1);

const when = z
  .record(fieldName, scalar)
  .describe(
    'Form fields or query parameters that must have these values; `*` at the end of a value stands for any rest. A field that is there twice closes: protected rules match, all others do not.',
  );

const credentials = {
  user: fieldName.describe('Name of the user field.'),
  password: fieldName.describe('Name of the password field. A request without it is no login.'),
};

export const loginRequest = z
  .strictObject({
    method: method.default('POST').describe('With GET the credentials are looked for in the query.'),
    path: rulePath.describe('Exactly this path; not what stands below it.'),
    when: when.optional(),
    form: z
      .strictObject(credentials)
      .optional()
      .describe('Names of the user and password fields of a urlencoded form, brackets included: `LoginForm[email]`.'),
    json: z
      .strictObject({
        user: pointer.describe('Pointer of the user.'),
        password: pointer.describe('Pointer of the password.'),
      })
      .optional()
      .describe('JSON pointers of user and password instead, for logins by script: `/username`.'),
  })
  .refine((rule) => (rule.form === undefined) !== (rule.json === undefined), 'give either form or json')
  .refine((rule) => rule.json === undefined || rule.method !== 'GET', 'a GET has no JSON body');

export const answerRule = z
  .strictObject({
    status: oneOrMore(status).optional().describe('Status of the answer, any one of these.'),
    location: oneOrMore(place)
      .optional()
      .describe(
        'The redirect goes to one of these places. Path, plus the query parameters that are named; `*` at the end of a path.',
      ),
    locationNot: oneOrMore(place).optional().describe('There is a redirect, and it goes to none of these places.'),
    bodyHas: oneOrMore(z.string().min(1)).optional().describe('The body contains each of these texts.'),
    bodyLacks: oneOrMore(z.string().min(1))
      .optional()
      .describe('The body can be read and contains none of these texts.'),
    json: z
      .record(pointer, z.union([scalar, z.null()]))
      .optional()
      .describe('The body is JSON and has these values at these JSON pointers; `*` at the end of a text.'),
    setsCookie: oneOrMore(cookiePattern)
      .optional()
      .describe(
        'The answer sets, and does not delete, a cookie of each of these names: name, `name*` or `/expression/`.',
      ),
    header: z
      .record(headerName, z.string())
      .optional()
      .describe('The answer has these headers; `*` at the end of a value.'),
  })
  .refine((rule) => Object.keys(rule).length > 0, 'an empty rule would match every answer');

const ignoreRule = z
  .strictObject({
    method: method.default('POST').describe('Method of the check.'),
    path: rulePath.optional().describe('Without it: the requests that `login.requests` describe.'),
    when: when.optional(),
    form: when.optional().describe('The same as `when`.'),
    json: z.record(pointer, scalar).optional().describe('Values at JSON pointers of the body.'),
  })
  .refine(
    (rule) => rule.when !== undefined || rule.form !== undefined || rule.json !== undefined || rule.path !== undefined,
    'an empty rule would ignore every login',
  );

const bearerShape = z.strictObject({
  token: pointer
    .refine((text) => text !== '', 'give the place of the token in the answer: /token')
    .describe(
      'JSON pointer of the token in the answer of a login request. The browser gets one of the gateway in its place, after the proof.',
    ),
  refresh: z
    .array(
      z.strictObject({
        method: method.default('POST').describe('Method of the request.'),
        path: rulePath.describe('This path, in every case, and what stands below it.'),
      }),
    )
    .default([])
    .describe(
      'Further requests whose answer is JSON with a new token in the same place. For verified sessions only, at most 64 kB each way. Missing: that token goes to the browser as it is.',
    ),
  whoami: z
    .boolean()
    .default(false)
    .describe(
      'Whether the whoami question carries the token. Needed where the application knows nobody by cookies. Without it a new token is taken for that of the same person.',
    ),
});

const loginShape = z.strictObject({
  page: target.describe(
    'Where a navigation without a session is sent. Wrong: people land on an error page or in a circle.',
  ),
  requests: z
    .array(loginRequest)
    .default([])
    .describe(
      'What a login attempt looks like, one entry for each form. Missing: that login gains nothing (whoami still sees it).',
    ),
  success: z
    .array(answerRule)
    .default([])
    .describe(
      'Any one of these rules: the password was accepted. Too wide: wrong passwords reach the whoami question.',
    ),
  failure: z
    .array(answerRule)
    .default([])
    .describe('Any one of these rules: it was rejected. A match of both lists is "unsure", and unsure withholds.'),
  script: oneOrMore(rulePath)
    .default([])
    .describe(
      'Pages whose login goes by script and that stay where they are: a script file of the gateway is added to them, which takes people to the prompt. Of class login, HTML, at most 1 MB. Left out where the policy of the page (CSP) does not allow files of its own origin; the log says so.',
    ),
  ignore: z
    .array(ignoreRule)
    .default([])
    .describe('Password checks that log nobody in (AJAX validation). Counted like logins, never taken for one.'),
  bearer: bearerShape
    .optional()
    .describe(
      'For applications whose login answers with a token that scripts send as `Authorization: Bearer`; see below. The token stays in the vault.',
    ),
});

const whoamiEmail = z
  .strictObject({
    css: selector.optional().describe('Elements whose text is the address.'),
    attribute: z.string().min(1).optional().describe('Read this attribute of the element instead of its text.'),
    json: pointer.optional().describe('JSON pointer of the address.'),
    header: headerName.optional().describe('Header of the answer that holds the address.'),
    regex: expression.optional().describe('Last resort, on the text of the body; the first group is the address.'),
    pattern: expression.optional().describe('Applied to what was found; the first group is the address.'),
  })
  .check((context) => {
    const message = checkSource(context.value);
    if (message !== undefined) context.issues.push({ code: 'custom', input: context.value, message, path: [] });
  });

const whoamiShape = z.strictObject({
  path: target.describe('A page that names the person who is logged in. It is asked with GET after each login.'),
  status: oneOrMore(status).optional().describe('Statuses of an answer with a name; without it any 2xx.'),
  css: selector.optional().describe('Elements whose text is the name. Prefer what no person can write into the page.'),
  attribute: z.string().min(1).optional().describe('Read this attribute of the element instead of its text.'),
  json: pointer.optional().describe('JSON pointer of the name.'),
  header: headerName.optional().describe('Header of the answer that holds the name.'),
  regex: expression.optional().describe('Last resort, on the text of the body; the first group is the name.'),
  pattern: expression
    .optional()
    .describe('Applied to what was found; the first group is the name. Anchor it: `\\(([^()]+)\\)$`.'),
  email: whoamiEmail
    .optional()
    .describe(
      'Where the same page has the e-mail address of the person, when the name is none: for codes and notices by e-mail.',
    ),
  anonymous: oneOrMore(
    z
      .strictObject({
        status: oneOrMore(status).optional().describe('Status of the answer, any one of these.'),
        locationHas: oneOrMore(z.string().min(1)).optional().describe('The redirect contains each of these texts.'),
        bodyHas: oneOrMore(z.string().min(1)).optional().describe('The body contains each of these texts.'),
        css: selector.optional().describe('There is such an element.'),
        json: z
          .record(pointer, z.union([scalar, z.null()]))
          .optional()
          .describe('The body is JSON and has these values at these JSON pointers.'),
      })
      .refine((rule) => Object.keys(rule).length > 0, 'an empty rule would match every answer'),
  )
    .optional()
    .describe(
      'What "nobody" looks like. An answer without a name that matches none of these is "unknown", and withholds.',
    ),
  recheck: z
    .enum(['unsafe', 'cookies'])
    .default('unsafe')
    .describe(
      'When to ask again in a verified session: after unsafe requests and changed cookies, or (`cookies`) after changed cookies only. The latter misses an application that logs somebody else in under the same session id.',
    ),
});

interface SourceKeys {
  readonly css?: string | undefined;
  readonly attribute?: string | undefined;
  readonly json?: string | undefined;
  readonly header?: string | undefined;
  readonly regex?: string | undefined;
}

function checkSource(whoami: SourceKeys): string | undefined {
  const sources = [whoami.css, whoami.json, whoami.header, whoami.regex].filter((source) => source !== undefined);
  if (sources.length !== 1) return 'give exactly one of css, json, header and regex';
  if (whoami.attribute !== undefined && whoami.css === undefined) return 'attribute needs css';
  return undefined;
}

export const signOutRule = z
  .union([
    z.strictObject({
      method: z.enum(['GET', 'POST']).default('GET').describe('How to ask.'),
      path: target.describe('An address that ends the session without a token.'),
    }),
    z.strictObject({
      method: z.enum(['GET', 'POST']).default('GET').describe('How to ask.'),
      link: selector.describe(
        'A link or form on the whoami page; its address, with the token in it, ends the session.',
      ),
    }),
  ])
  .describe('`{ method, path }` or `{ method, link }`.');

export const routeRule = z
  .strictObject({
    class: z
      .enum(['login', 'static', 'public', 'protected', 'service'])
      .describe(
        'login: needed to log in. static: files, GET and HEAD only. public: untouched, without the application session. protected: verified sessions. service: API clients, by their network or by a credential of the gateway.',
      ),
    methods: z
      .array(method)
      .min(1)
      .optional()
      .describe('Any method without it; login: GET and POST; GET includes HEAD.'),
    path: rulePath
      .optional()
      .describe('Exactly this path. A protected rule also takes other cases and what stands below.'),
    prefix: rulePath.optional().describe('This path and everything below it; with `/` at the end only what is below.'),
    when: when.optional(),
    hosts: z.array(hostPattern).min(1).optional().describe('Only on these hosts.'),
    from: z
      .array(cidr)
      .min(1)
      .optional()
      .describe('Only for clients in these networks. Class service needs this, or clients; with both, both must hold.'),
    clients: z
      .array(clientName)
      .min(1)
      .optional()
      .describe(
        'Only for these API clients, by their names in `clients` of the configuration. Each sends its credential in X-2FA-Client.',
      ),
  })
  .check((context) => {
    const rule = context.value;
    const complain = (message: string, key?: string): void => {
      context.issues.push({ code: 'custom', input: rule, message, path: key === undefined ? [] : [key] });
    };
    if ((rule.path === undefined) === (rule.prefix === undefined)) complain('give either path or prefix');
    if (rule.class === 'static' && rule.methods?.some((name) => name !== 'GET' && name !== 'HEAD')) {
      complain('a static rule is for GET and HEAD only', 'methods');
    }
    if (rule.class === 'service' && rule.from === undefined && rule.clients === undefined) {
      complain('class service needs clients (names of API clients), or from (their networks)');
    }
    if (rule.class === 'protected' && rule.from !== undefined) complain('a protected rule holds for everybody', 'from');
    if (rule.class !== 'service' && rule.clients !== undefined) complain('is for class service only', 'clients');
    if (rule.prefix === '/' && rule.class !== 'protected' && rule.hosts === undefined && rule.class !== 'service') {
      complain('opens the whole application; use "access: public" and list what is protected', 'prefix');
    }
  });

const cookiesShape = z.strictObject({
  readable: z
    .array(cookiePattern)
    .default([])
    .describe(
      'Cookies that script reads or writes and that travel both ways: CSRF double-submit, language, preferences. Everything else stays in the vault. A session cookie here defeats the gateway.',
    ),
  rolling: z
    .array(cookiePattern)
    .default([])
    .describe(
      'Cookies that change with every answer and say nothing by that; without it whoami is asked at every answer.',
    ),
  session: z
    .array(z.string().min(1))
    .default(['PHPSESSID', 'JSESSIONID'])
    .describe('Names of the session cookies; refused as query parameters, where some applications believe them.'),
});

const identityShape = z.strictObject({
  normalise: z
    .array(z.enum(['trim', 'nfkc', 'lowercase', 'ascii']))
    .default(['trim', 'nfkc', 'lowercase'])
    .describe(
      'How two spellings become one person: blanks, Unicode compatibility, case, and (`ascii`) accents. Too little: a person without a factor beside the one with it.',
    ),
  hint: z
    .enum(['match', 'ignore'])
    .default('match')
    .describe(
      'match: a login form that names somebody else than whoami is refused. ignore: for applications where one person has several login names.',
    ),
});

const shape = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'small letters, digits and hyphens')
    .describe('Name, for logs and messages.'),
  mode: z
    .enum(['app-first', 'gateway-first'])
    .default('app-first')
    .describe(
      'app-first: the login of the application, then the factor. gateway-first: a factor on a page of the gateway before anything of the application answers, for applications whose login cannot be seen; see below.',
    ),
  home: target.default('/').describe('Where people go when there is no better target.'),
  access: z
    .enum(['protected', 'public'])
    .default('protected')
    .describe(
      'Class of a route that no rule names. public: for wikis and blogs that anybody may read; list what is protected.',
    ),
  upstreamHost: z
    .enum(['keep', 'rewrite'])
    .default('keep')
    .describe(
      'What Host the application sees: that of the browser, or that of its own address. Wrong: 400, or redirects to elsewhere.',
    ),
};

const authorization = z
  .enum(['none', 'same-user', 'any'])
  .default('none')
  .describe(
    'With mode gateway-first: which `Authorization` goes along in a verified session. same-user: Basic that names the person who proved the factor; anything else is refused. any: all; then the password of anybody works behind the factor of one.',
  );

const hostsShape = z.strictObject({
  public: z
    .array(hostPattern)
    .default([])
    .describe(
      'Hosts that are passed through untouched; protected rules and logins stay closed there. `*`: all but the public address.',
    ),
});
const logout = z
  .array(
    z.strictObject({
      method: method.optional().describe('Any without it.'),
      path: rulePath.describe('Exactly this path.'),
      when: when.optional(),
    }),
  )
  .default([])
  .describe('Requests that end the session of the application, and with it ours.');
const signOut = z
  .array(signOutRule)
  .optional()
  .describe(
    'How the gateway ends the application session itself, in the order to try. Without it: taken from `logout`.',
  );
const routes = z.array(routeRule).default([]).describe('Rules in order; the first match wins.');

const whoami = whoamiShape
  .check((context) => {
    const message = checkSource(context.value);
    if (message !== undefined) context.issues.push({ code: 'custom', input: context.value, message, path: [] });
  })
  .optional()
  .describe(
    'Who does the application think this is? Without it the login form names the person, which is weaker and warned about.',
  );

const profileShape = z.strictObject({
  ...shape,
  hosts: hostsShape.prefault({}).describe('Other names under which the application answers.'),
  login: loginShape
    .optional()
    .describe('How people log in, and how the answer tells. Needed with mode app-first, and there only.'),
  authorization,
  whoami,
  logout,
  signOut,
  routes,
  cookies: cookiesShape.prefault({}).describe('What may leave the vault.'),
  identity: identityShape.prefault({}).describe('When two names are one person.'),
});

export const profileSchema = profileShape.check((context) => {
  const profile = context.value;
  const complain = (message: string, ...path: PropertyKey[]): void => {
    context.issues.push({ code: 'custom', input: profile, message, path });
  };
  if (profile.mode === 'gateway-first') {
    for (const [message, ...path] of notGatewayFirst(profile)) complain(message, ...path);
    return;
  }
  if (profile.login === undefined) return complain('is missing', 'login');
  if (profile.whoami === undefined && profile.login.requests.length === 0) {
    complain('without whoami and without login.requests no login would ever be noticed', 'login');
  }
  if (profile.authorization !== 'none') complain('needs mode: gateway-first', 'authorization');
  const { bearer, requests } = profile.login;
  if (bearer !== undefined && requests.length === 0) complain('needs login.requests', 'login', 'bearer');
  if (bearer?.whoami === true && profile.whoami === undefined) complain('needs whoami', 'login', 'bearer', 'whoami');
});

type Complaint = readonly [message: string, ...path: PropertyKey[]];

/** What opens something before the factor, or asks the application about a login that has not happened yet. */
function notGatewayFirst({
  access,
  hosts,
  login,
  routes,
  whoami,
}: z.output<typeof profileShape>): readonly Complaint[] {
  const rule = 'does not go with mode: gateway-first';
  const found: Complaint[] = [];
  if (login !== undefined) found.push([`${rule}: the gateway leaves the login alone`, 'login']);
  if (whoami !== undefined) found.push([`${rule}: who it is was proved before`, 'whoami']);
  if (access === 'public') found.push([`${rule}, where nothing is open before the factor`, 'access']);
  if (hosts.public.length > 0) found.push([`${rule}, where nothing is open before the factor`, 'hosts', 'public']);
  for (const [i, one] of routes.entries()) {
    if (one.class === 'login')
      found.push([`${rule}: no page of a login is open before the factor`, 'routes', i, 'class']);
  }
  return found;
}

export type ProfileData = z.output<typeof profileSchema>;
export type LoginData = NonNullable<ProfileData['login']>;
export type BearerData = z.output<typeof bearerShape>;
export type LoginRequestData = z.output<typeof loginRequest>;
export type AnswerRuleData = z.output<typeof answerRule>;
export type WhoamiData = NonNullable<ProfileData['whoami']>;
export type RouteRuleData = z.output<typeof routeRule>;
export type WhenData = z.output<typeof when>;
