/**
 * The application's pages: plain HTML that works without script. Everything that came from outside is escaped here; no page
 * knows where its values come from.
 */
import type { User } from './users.ts';

/** Also served at /assets/lucy.css. */
export const LUCY_CSS = `
:root{color-scheme:light dark;--ink:#22303c;--paper:#fff;--line:#c4ccd4;--brand:#9b1c31;--soft:#f2f4f6}
@media (prefers-color-scheme:dark){:root{--ink:#e4e9ee;--paper:#161c22;--line:#46525e;--brand:#b3263f;--soft:#1f2830}}
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
header{background:var(--brand);color:#fff;padding:.7rem 1.2rem;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;align-items:center}
header b{letter-spacing:.25em;font-size:1.2rem}header a{color:#fff}
main{max-width:44rem;margin:2rem auto;padding:0 1.2rem}
form{background:var(--soft);border:1px solid var(--line);border-radius:6px;padding:1rem 1.2rem;margin:1rem 0}
label{display:block;margin:.7rem 0 .2rem}label.line{display:flex;gap:.5rem;align-items:center}
input:not([type=checkbox]):not([type=hidden]){font:inherit;width:100%;box-sizing:border-box;padding:.45rem;border:1px solid var(--line);border-radius:4px}
button{font:inherit;background:var(--brand);color:#fff;border:0;border-radius:4px;padding:.5rem 1.4rem;margin-top:1rem;cursor:pointer}
table{border-collapse:collapse;width:100%}th,td{text-align:left;border-bottom:1px solid var(--line);padding:.4rem}
.error{border-left:4px solid var(--brand);padding:.4rem .8rem;background:var(--soft)}
`;

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

export function layout(title: string, content: string, user?: User): string {
  const menu =
    user === undefined
      ? ''
      : `<a href="/admin">Campaigns</a> <a href="/admin/files">Files</a> <a href="/admin/account">Account</a>
<a href="/admin/logout">Logout (${escapeHtml(user.email)})</a>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} - LUCY</title><link rel="stylesheet" href="/assets/lucy.css"><style>${LUCY_CSS}</style></head>
<body><header><b>LUCY</b> ${menu}</header><main><h1>${escapeHtml(title)}</h1>
${content}
</main></body></html>
`;
}

export function errorBox(message: string | undefined): string {
  return message === undefined ? '' : `<p class="error" role="alert">${escapeHtml(message)}</p>`;
}

export function hidden(name: string, value: string): string {
  return `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`;
}

export interface LoginPage {
  readonly csrf: string;
  readonly email: string;
  readonly error: string | undefined;
  readonly rememberMe: boolean;
  readonly captcha: boolean;
}

export function loginPage(page: LoginPage): string {
  const remember = `${hidden('LoginForm[rememberMe]', '0')}<label class="line"><input type="checkbox"
 name="LoginForm[rememberMe]" value="1"> Keep me logged in</label>`;
  const captcha = `<label for="code">Security image</label><img src="/admin/captcha" width="140" height="44" alt="Security code">
<input id="code" name="LoginForm[verifyCode]" autocomplete="off">`;
  return layout(
    'Login',
    `${errorBox(page.error)}<form method="post" action="/admin/login" id="login-form">
${hidden('YII_CSRF_TOKEN', page.csrf)}
<label for="email">Email</label><input id="email" name="LoginForm[email]" value="${escapeHtml(page.email)}" autocomplete="username">
<label for="password">Password</label><input id="password" name="LoginForm[password]" type="password" autocomplete="current-password">
${page.captcha ? captcha : ''}${page.rememberMe ? remember : ''}
<button name="yt0" value="Login">Login</button></form>
<p><a href="/admin/recovery">Forgot Password</a> - <a href="/admin/sso">Single Sign-On</a></p>`,
  );
}

export function dashboardPage(user: User, csrf: string, others: readonly User[]): string {
  const options = others.map((other) => `<option>${escapeHtml(other.email)}</option>`).join('');
  const switcher = `<form method="post" action="/admin/switch-user">${hidden('YII_CSRF_TOKEN', csrf)}
<label for="as">View as another user</label><select id="as" name="email">${options}</select><button>Switch</button></form>`;
  return layout(
    'Campaigns',
    `<p>Welcome, ${escapeHtml(user.email)} (${user.role}).</p>
<table><thead><tr><th scope="col">Campaign</th><th scope="col">Recipients</th><th scope="col">Status</th></tr></thead>
<tbody><tr><td>Parcel notice</td><td>120</td><td>Running</td></tr><tr><td>Password check</td><td>48</td><td>Finished</td></tr></tbody></table>
<p>Campaign secret of ${escapeHtml(user.email)}: <code>${user.secret}</code></p>
<p>Live updates: <span id="poll" role="status">off</span></p>
${others.length > 0 ? switcher : ''}
<script>
const shown = document.getElementById('poll');
async function poll() {
  try {
    const answer = await fetch('/admin/poll', { headers: { 'X-Requested-With': 'XMLHttpRequest' } });
    shown.textContent = answer.ok ? 'update ' + (await answer.json()).update : 'stopped (' + answer.status + ')';
  } catch { shown.textContent = 'not reachable'; }
}
setInterval(poll, 5000);
</script>`,
    user,
  );
}

export function accountPage(user: User, csrf: string, note: string): string {
  return layout(
    'Account',
    `${note === '' ? '' : `<p role="status">${escapeHtml(note)}</p>`}<form method="post" action="/admin/account">
${hidden('YII_CSRF_TOKEN', csrf)}
<label for="email">Email</label>
<input name="AccountForm[email]" value="${escapeHtml(user.email)}" readonly id="email">
<label for="phone">Phone</label><input name="AccountForm[phone]" id="phone" value="${escapeHtml(user.phone)}">
<button>Save</button></form>`,
    user,
  );
}
