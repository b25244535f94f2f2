// Comfort only: without this file the page loads itself again, and its button says "I have approved it". The script only
// asks whether there is something to collect; what it is, and whether it lets anybody in, the form brings.
const form = document.querySelector('[data-push-state]');
const end = Date.now() + Number(form.dataset.pushSeconds) * 1000;
let pause = 2000;

async function look() {
  let wait = true;
  try {
    const answer = await fetch(form.dataset.pushState, { headers: { accept: 'application/json' } });
    if (answer.ok) wait = (await answer.json()).wait;
  } catch {
    // Out of reach for now: the next look may work, and the end comes anyway.
  }
  if (!wait || Date.now() >= end) {
    form.requestSubmit();
    return;
  }
  pause = Math.min(pause + 500, 5000);
  setTimeout(look, pause);
}
setTimeout(look, pause);
