/**
 * "Forgot Password": a mail with a link, a page for the new password, and, in some applications, a login that no login
 * form ever saw.
 */
import { randomBytes } from 'node:crypto';
import type { Exchange, Routes } from './exchange.ts';
import { csrfField, csrfHolds } from './login.ts';
import { errorBox, hidden, layout } from './pages.ts';
import { scalar } from './php.ts';
import type { User } from './users.ts';

const LINK_MS = 60 * 60_000;

/** The pages for one application; links are good for an hour and for one use. */
export function recoveryRoutes(): Routes {
  const links = new Map<string, { user: User; until: number }>();

  const showRequest = (exchange: Exchange, note?: string) => {
    const form = `<form method="post" action="/admin/recovery">${hidden('YII_CSRF_TOKEN', csrfField(exchange))}
<label for="email">Email</label><input id="email" name="RecoveryForm[email]"><button>Send</button></form>`;
    exchange.html(200, layout('Password recovery', `${errorBox(note)}${form}`));
  };

  const request = async (exchange: Exchange) => {
    const { users, options } = exchange.app;
    const form = await exchange.form();
    if (!csrfHolds(exchange, form)) return;
    const user = users.find(scalar(form, 'RecoveryForm', 'email'));
    if (user !== undefined) {
      const token = randomBytes(16).toString('hex');
      links.set(token, { user, until: options.clock.now() + LINK_MS });
      users.mail(user, 'LUCY password recovery', token);
    }
    showRequest(exchange, 'If the address is known, a mail is on its way.');
  };

  const showReset = (exchange: Exchange) => {
    const token = scalar(exchange.query, 'token') ?? '';
    if (!links.has(token)) return exchange.html(404, layout('Error 404', '<p>This link is not valid.</p>'));
    const form = `<form method="post" action="/admin/recovery/reset?token=${encodeURIComponent(token)}">
${hidden('YII_CSRF_TOKEN', csrfField(exchange))}
<label for="password">New password</label><input id="password" type="password" name="PasswordForm[password]">
<button>Save</button></form>`;
    exchange.html(200, layout('New password', form));
  };

  const reset = async (exchange: Exchange) => {
    const form = await exchange.form();
    if (!csrfHolds(exchange, form)) return;
    const token = scalar(exchange.query, 'token') ?? scalar(form, 'token') ?? '';
    const link = links.get(token);
    const password = scalar(form, 'PasswordForm', 'password') ?? '';
    if (link === undefined || link.until < exchange.app.options.clock.now() || password === '') {
      return showReset(exchange);
    }
    links.delete(token);
    link.user.password = password;
    if (!exchange.app.options.passwordResetLogsIn) return exchange.redirect('/admin/login');
    exchange.logIn(link.user);
    exchange.redirect('/admin');
  };

  return {
    'GET /admin/recovery': (exchange) => showRequest(exchange),
    'POST /admin/recovery': request,
    'GET /admin/recovery/reset': showReset,
    'POST /admin/recovery/reset': reset,
  };
}
