/**
 * The other ways in: REST interface, single sign-on, the portal's XHR login and forgotten scripts. They ask for a password
 * at most, and a gateway that watches only the login form misses every one of them.
 */
import { randomBytes } from 'node:crypto';
import type { Exchange, Routes } from './exchange.ts';
import type { StandInLucyOptions } from './options.ts';
import { escapeHtml, layout } from './pages.ts';
import { mediaType, scalar } from './php.ts';

async function bearerToken(exchange: Exchange): Promise<void> {
  const { users, tokens, options } = exchange.app;
  const { email, password } = await exchange.json();
  const user = users.check(email, password);
  if (user === undefined) return exchange.answerJson(401, { error: 'Unauthorized' });
  exchange.answerJson(200, { token: tokens.issueBearer(user.email, options.clock.now()) });
}

function listUsers(exchange: Exchange): void {
  const { users, tokens, options } = exchange.app;
  const caller = tokens.bearer(exchange.request.headers.authorization, options.clock.now());
  const listed = users.all().map(({ email, role, secret }) => ({ email, role, secret }));
  if (caller === undefined) exchange.answerJson(401, { error: 'Unauthorized' });
  else exchange.answerJson(200, listed);
}

/** SAML-like: believes any e-mail address, as if a signed assertion had carried it. */
async function assertionConsumer(exchange: Exchange): Promise<void> {
  const user = exchange.app.users.find(scalar(await exchange.form(), 'email'));
  if (user === undefined) return exchange.html(403, layout('Error 403', '<p>Unknown user.</p>'));
  exchange.setCookie('SimpleSAML', randomBytes(16).toString('hex'));
  exchange.setCookie('SimpleSAMLAuthToken', `_${randomBytes(20).toString('hex')}`);
  exchange.logIn(user);
  exchange.redirect('/admin');
}

function signOnPage(exchange: Exchange): void {
  const acs = '/simplesaml/module.php/saml/sp/saml2-acs.php/lucy-sp';
  const form = `<p>This page plays the identity provider of your company.</p><form method="post" action="${acs}">
<label for="email">Email</label><input id="email" name="email"><button>Sign on</button></form>`;
  exchange.html(200, layout('Single Sign-On', form));
}

async function portalLogin(exchange: Exchange): Promise<void> {
  const isJson = mediaType(exchange.request.headers['content-type']) === 'application/json';
  const form = isJson ? new Map(Object.entries(await exchange.json())) : await exchange.form();
  const user = exchange.app.users.check(scalar(form, 'email'), scalar(form, 'password'));
  if (user === undefined) {
    exchange.app.users.countFailure(exchange.address);
    return exchange.answerJson(200, { ok: false, error: 'Incorrect email or password.' });
  }
  exchange.logIn(user);
  exchange.answerJson(200, { ok: true });
}

function portal(exchange: Exchange): void {
  const { user } = exchange.session;
  const training = `<p>Training of ${escapeHtml(user?.email ?? '')}: <code>${user?.secret ?? ''}</code></p>`;
  if (user !== undefined) exchange.html(200, layout('Training', training, user));
  else exchange.html(200, layout('Training portal', PORTAL_LOGIN));
}

const PORTAL_LOGIN = `<form id="portal-login"><label for="email">Email</label><input id="email" autocomplete="username">
<label for="password">Password</label><input id="password" type="password" autocomplete="current-password"><button>Login</button>
<p role="alert" id="note"></p></form>
<script>
document.getElementById('portal-login').addEventListener('submit', async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ email: email.value, password: password.value });
  const headers = { 'Content-Type': 'application/json', 'X-Requested-With': 'XMLHttpRequest' };
  const answer = await fetch('/user/login', { method: 'POST', headers, body });
  const said = await answer.json();
  if (said.ok) location.href = '/user'; else note.textContent = said.error ?? said.title ?? 'Not possible.';
});
</script>`;

async function oldLogin(exchange: Exchange): Promise<void> {
  const form = await exchange.form();
  const user = exchange.app.users.check(scalar(form, 'user'), scalar(form, 'pass'));
  if (user === undefined) return exchange.html(200, 'FAILED');
  exchange.logIn(user);
  exchange.html(200, 'OK');
}

async function apiLogin(exchange: Exchange): Promise<void> {
  const { users, tokens, options } = exchange.app;
  const { email, password } = await exchange.json();
  const user = users.check(email, password);
  if (user === undefined) return exchange.answerJson(401, { error: 'Unauthorized' });
  exchange.logIn(user);
  exchange.answerJson(200, { token: tokens.issueBearer(user.email, options.clock.now()) });
}

export function doorRoutes(options: StandInLucyOptions): Routes {
  return {
    'POST /api/auth': bearerToken,
    'GET /api/users': listUsers,
    'GET /api/version': (exchange) => exchange.answerJson(200, { version: '5.6.0' }),
    'GET /admin/sso': signOnPage,
    'POST /simplesaml/module.php/saml/sp/saml2-acs.php/lucy-sp': assertionConsumer,
    ...(options.jsonLogin ? { 'GET /user': portal, 'POST /user/login': portalLogin } : {}),
    ...(options.unlistedLogins ? { 'POST /old/login.php': oldLogin, 'POST /admin/api/login': apiLogin } : {}),
  };
}
