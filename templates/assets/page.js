// Comfort only: every page works without this file. No code is ever sent by itself, except a text that the browser was
// allowed to read (WebOTP).

// A double click sends one form. Back from the cache of the browser, the form may be sent again.
const sent = new WeakSet();
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.method !== 'post') return;
  if (sent.has(form)) {
    event.preventDefault();
    return;
  }
  sent.add(form);
  setTimeout(() => sent.delete(form), 5000);
});
addEventListener('pageshow', (event) => {
  if (event.persisted) for (const form of document.forms) sent.delete(form);
});

// The part of an address behind #, where applications keep the place in a page, goes along to the page that follows.
if (location.hash) {
  for (const form of document.querySelectorAll('form[method=post]')) {
    const action = new URL(form.action);
    action.hash = location.hash;
    form.action = action.href;
  }
}

// Seconds are seen, not spoken; only the end is announced.
for (const line of document.querySelectorAll('[data-countdown]')) {
  const end = Date.now() + Number(line.dataset.countdown) * 1000;
  const text = line.querySelector('[data-countdown-text]');
  const timer = setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left > 0) {
      text.textContent = left === 1 ? '1 second' : left < 120 ? `${left} seconds` : `${Math.floor(left / 60)} minutes`;
      return;
    }
    clearInterval(timer);
    line.textContent = 'You can ask for another code now.';
    const status = document.querySelector('[data-countdown-end]');
    if (status) status.textContent = line.textContent;
  }, 1000);
}

for (const line of document.querySelectorAll('[data-expires-in]')) {
  const warnAfter = Math.max(0, Number(line.dataset.expiresIn) - 120);
  setTimeout(() => {
    line.textContent = line.dataset.expiresText;
  }, warnAfter * 1000);
}

for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    const lines = source.matches('ol') ? [...source.children] : [source];
    const text = lines.map((line) => line.textContent.replace(/\s/g, '')).join('\n');
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return;
    }
    const status = document.querySelector('[data-copied]');
    status.textContent = status.dataset.copied;
    button.textContent = 'Copied';
  });
}

for (const button of document.querySelectorAll('[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => print());
}

// What is shown once is not left by accident.
const unsaved = document.querySelector('form[data-unsaved] [type=checkbox]');
if (unsaved) {
  addEventListener('beforeunload', (event) => {
    if (!unsaved.checked) event.preventDefault();
  });
}

// The browser may offer the code of a text that names this host; whoever types or goes on ends the offer.
const field = document.getElementById('otp-code');
if (field && 'OTPCredential' in window && document.querySelector('[data-sent-by-text]')) {
  const offer = new AbortController();
  document.addEventListener('submit', () => offer.abort());
  navigator.credentials
    .get({ otp: { transport: ['sms'] }, signal: offer.signal })
    .then((credential) => {
      if (!credential || field.value !== '') return;
      field.value = credential.code;
      field.form.requestSubmit();
    })
    .catch(() => {});
}
