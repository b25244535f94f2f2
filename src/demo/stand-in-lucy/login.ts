/**
 * The application's own login: form, password check, captcha, its own code by mail, logout. Nothing here expects a second
 * factor in front.
 */
import { randomBytes } from 'node:crypto';
import type { Exchange, Routes } from './exchange.ts';
import { errorBox, escapeHtml, hidden, layout, loginPage } from './pages.ts';
import { type PhpArray, scalar } from './php.ts';
import { sixDigits, type User } from './users.ts';

const CSRF = 'YII_CSRF_TOKEN';
const OWN_CODE_MS = 20 * 60_000;
const OWN_CODE_TRIES = 3;
const WRONG = 'Incorrect email or password.';

/** Logs in whoever brings credentials outside the form: a remember-me cookie, Basic, the query. Runs on every page. */
export function admit(exchange: Exchange, identityCookie: string): void {
  const { options, users, tokens } = exchange.app;
  const basic = /^Basic +(\S+)$/i.exec(exchange.request.headers.authorization ?? '')?.[1];
  if (options.basicLogin && basic !== undefined) {
    const [email = '', ...password] = Buffer.from(basic, 'base64').toString('utf8').split(':');
    const user = users.check(email, password.join(':'));
    if (user !== undefined && exchange.session.user !== user) exchange.logIn(user);
  }
  if (options.queryLogin && exchange.query.has('u')) {
    const user = users.check(scalar(exchange.query, 'u'), scalar(exchange.query, 'p'));
    if (user !== undefined) exchange.logIn(user);
  }
  if (!options.rememberMe || exchange.session.user !== undefined) return;
  const content = tokens.open(scalar(exchange.cookies, identityCookie));
  if (content === undefined) return;
  const remembered: { id: string } = JSON.parse(content);
  const user = users.find(remembered.id);
  if (user !== undefined) exchange.logIn(user);
}

/** The user of this session; without one the login page is sent for and the address is kept for afterwards. */
export function requireUser(exchange: Exchange): User | undefined {
  const { session, request } = exchange;
  if (session.user !== undefined) return session.user;
  if (request.method === 'GET' && !exchange.isAjax) {
    session.returnUrl = (request.url ?? '/').replace(/^https?:\/\/[^/?]*/i, '');
  }
  exchange.redirect('/admin/login');
  return undefined;
}

/** The token for a form, and the cookie that it must match. */
export function csrfField(exchange: Exchange): string {
  const { tokens } = exchange.app;
  const known = tokens.unmask(tokens.open(scalar(exchange.cookies, CSRF)));
  const secret = known ?? tokens.csrfSecret();
  if (known === undefined) {
    exchange.setCookie(CSRF, encodeURIComponent(tokens.sign(tokens.mask(secret))), 'path=/; SameSite=Lax');
  }
  return tokens.mask(secret);
}

/** Double submit: field and cookie hide the same token. Answers 400 when they do not. */
export function csrfHolds(exchange: Exchange, form: PhpArray): boolean {
  const { tokens } = exchange.app;
  const cookie = tokens.unmask(tokens.open(scalar(exchange.cookies, CSRF)));
  if (cookie !== undefined && cookie === tokens.unmask(scalar(form, CSRF))) return true;
  exchange.html(400, layout('Error 400', '<p>The CSRF token could not be verified.</p>'));
  return false;
}

/** Where the person goes after a login. */
export function afterLogin(exchange: Exchange): string {
  const target = exchange.session.returnUrl ?? '/admin';
  delete exchange.session.returnUrl;
  return target;
}

function showLogin(exchange: Exchange, status: number, error?: string, email = ''): void {
  const { rememberMe, captcha } = exchange.app.options;
  if (scalar(exchange.cookies, 'language') === undefined) exchange.setCookie('language', 'en');
  exchange.html(status, loginPage({ csrf: csrfField(exchange), email, error, rememberMe, captcha }));
}

function captchaHolds(exchange: Exchange, form: PhpArray): boolean {
  if (!exchange.app.options.captcha) return true;
  const captcha = exchange.session.captcha;
  if (captcha === undefined) return false;
  captcha.triesLeft -= 1;
  if (captcha.triesLeft <= 0) delete exchange.session.captcha;
  return scalar(form, 'LoginForm', 'verifyCode')?.toLowerCase() === captcha.text;
}

async function submitLogin(exchange: Exchange): Promise<void> {
  const { users, options, tokens } = exchange.app;
  const form = await exchange.form();
  if (!csrfHolds(exchange, form)) return;
  if (users.isLockedOut(exchange.address)) {
    return showLogin(exchange, 403, 'Too many attempts. Please try again in 15 minutes.');
  }
  const email = scalar(form, 'LoginForm', 'email') ?? '';
  const user = users.check(email, scalar(form, 'LoginForm', 'password'));
  if (user === undefined) users.countFailure(exchange.address);
  // The form's script may ask first whether the password is right. Logs nobody in, but tells (a password oracle).
  if (scalar(form, 'ajax') === 'login-form') {
    return exchange.html(200, JSON.stringify(user === undefined ? { LoginForm_password: [WRONG] } : []));
  }
  if (!captchaHolds(exchange, form)) return showLogin(exchange, 200, 'The verification code is incorrect.', email);
  if (user === undefined) return showLogin(exchange, 200, WRONG, email);
  users.clearFailures(exchange.address);

  const remember = scalar(form, 'LoginForm', 'rememberMe') === '1';
  if (options.secondStep === 'own-code') return sendOwnCode(exchange, user, remember);
  exchange.logIn(user, remember);
  if (!exchange.query.has('leak')) return exchange.redirect(afterLogin(exchange));
  // Some applications hand out more than a cookie; this is what must not get past a gateway.
  const token = tokens.issueBearer(user.email, options.clock.now());
  exchange.header('X-Auth-Token', token);
  exchange.redirect(afterLogin(exchange), JSON.stringify({ token, secret: user.secret }));
}

function sendOwnCode(exchange: Exchange, user: User, remember: boolean): void {
  const until = exchange.app.options.clock.now() + OWN_CODE_MS;
  const code = sixDigits();
  exchange.session.awaiting = { user, remember, code, triesLeft: OWN_CODE_TRIES, until };
  exchange.app.users.mail(user, 'LUCY login verification code', code);
  exchange.redirect('/admin/verify');
}

function showOwnCode(exchange: Exchange, error?: string): void {
  exchange.html(
    200,
    layout(
      'Verification',
      `${errorBox(error)}<form method="post" action="/admin/verify">${hidden(CSRF, csrfField(exchange))}
<label for="code">Code</label><input id="code" name="TwoFactorForm[code]" inputmode="numeric"><button>Verify</button></form>
<p>No mail? <a href="/admin/verify?resend=1">Click here to resend</a></p>`,
    ),
  );
}

async function ownCode(exchange: Exchange): Promise<void> {
  const awaiting = exchange.session.awaiting;
  if (awaiting === undefined || awaiting.until < exchange.app.options.clock.now()) {
    return exchange.redirect('/admin/login');
  }
  if (exchange.query.has('resend')) return sendOwnCode(exchange, awaiting.user, awaiting.remember);
  if (exchange.request.method !== 'POST') return showOwnCode(exchange);
  const form = await exchange.form();
  if (!csrfHolds(exchange, form)) return;
  awaiting.triesLeft -= 1;
  if (scalar(form, 'TwoFactorForm', 'code') === awaiting.code && awaiting.triesLeft >= 0) {
    exchange.logIn(awaiting.user, awaiting.remember);
    return exchange.redirect(afterLogin(exchange));
  }
  if (awaiting.triesLeft > 0) return showOwnCode(exchange, 'The code is wrong.');
  delete exchange.session.awaiting;
  exchange.redirect('/admin/login');
}

function captchaImage(exchange: Exchange): void {
  const text = randomBytes(3).toString('hex');
  exchange.session.captcha = { text, triesLeft: 3 };
  exchange.header('X-Content-Type-Options', 'nosniff');
  exchange.head(200, { 'Content-Type': 'image/svg+xml' });
  exchange.response.end(`<svg xmlns="http://www.w3.org/2000/svg" width="140" height="44"><rect width="140" height="44" fill="#eee"/>
<text x="14" y="30" font-family="monospace" font-size="26" fill="#333">${escapeHtml(text)}</text></svg>`);
}

export const loginRoutes: Routes = {
  'GET /admin/login': (exchange) => {
    if (exchange.session.user !== undefined) return exchange.redirect('/admin');
    showLogin(exchange, 200);
  },
  'POST /admin/login': submitLogin,
  'GET /admin/captcha': captchaImage,
  'GET /admin/verify': ownCode,
  'POST /admin/verify': ownCode,
  'GET /admin/logout': (exchange) => {
    exchange.logOut();
    exchange.redirect('/admin/login');
  },
};
