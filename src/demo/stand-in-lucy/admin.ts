/**
 * What a user came for: dashboard, account, files. Each page shows or takes something that nobody else may see or do.
 */
import type { Exchange, Routes } from './exchange.ts';
import { csrfField, csrfHolds, requireUser } from './login.ts';
import { accountPage, dashboardPage, layout } from './pages.ts';
import { scalar } from './php.ts';

function dashboard(exchange: Exchange): void {
  const user = requireUser(exchange);
  if (user === undefined) return;
  const { options, users } = exchange.app;
  const maySwitch = options.impersonation && user.role === 'Administrator';
  const others = maySwitch ? users.all().filter((other) => other !== user) : [];
  exchange.html(200, dashboardPage(user, csrfField(exchange), others));
}

async function saveAccount(exchange: Exchange): Promise<void> {
  const user = requireUser(exchange);
  if (user === undefined) return;
  const form = await exchange.form();
  if (!csrfHolds(exchange, form)) return;
  user.phone = scalar(form, 'AccountForm', 'phone') ?? '';
  exchange.html(200, accountPage(user, csrfField(exchange), 'Saved.'));
}

/** "View as": the session stays the administrator's and becomes somebody else's. No CSRF check, as such things go. */
async function switchUser(exchange: Exchange): Promise<void> {
  const user = requireUser(exchange);
  if (user === undefined) return;
  const target = exchange.app.users.find(scalar(await exchange.form(), 'email'));
  if (user.role !== 'Administrator' || target === undefined) {
    return exchange.html(403, layout('Error 403', '<p>You may not do that.</p>', user));
  }
  exchange.logIn(target);
  exchange.redirect('/admin');
}

function filesPage(exchange: Exchange): void {
  const user = requireUser(exchange);
  if (user === undefined) return;
  const content = `<form method="post" action="/admin/upload" enctype="multipart/form-data">
<label for="file">File</label><input type="file" id="file" name="file"><button>Upload</button></form>
<p><a href="/admin/download?mb=5">Download a report (5 MB)</a></p>`;
  exchange.html(200, layout('Files', content, user));
}

export function adminRoutes(impersonation: boolean): Routes {
  let update = 0;
  return {
    'GET /admin': dashboard,
    'GET /admin/files': filesPage,
    'GET /admin/account': (exchange) => {
      const user = requireUser(exchange);
      if (user !== undefined) exchange.html(200, accountPage(user, csrfField(exchange), ''));
    },
    'POST /admin/account': saveAccount,
    'GET /admin/poll': (exchange) => {
      const user = requireUser(exchange);
      if (user === undefined) return;
      update += 1;
      exchange.answerJson(200, { update, user: user.email });
    },
    ...(impersonation ? { 'POST /admin/switch-user': switchUser } : {}),
  };
}
