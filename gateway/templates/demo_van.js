// Puts the parts that changed in place, and says when there is nothing new to put.
'use strict';
(() => {
  const every = 1000, stale = document.getElementById('stale'), shown = {};
  let heard = Date.now(), next;
  const label = (id, field, on, words) => {
    const button = document.getElementById(id), [sign, english] = words[on ? 0 : 1];
    if (button.dataset.on === String(on)) return;
    button.dataset.on = on;
    button.form.elements[field].value = !on;
    const small = document.createElement('i');
    small.lang = 'en';
    small.textContent = english;
    button.replaceChildren(sign, small);
  };
  const look = async () => {
    clearTimeout(next);
    try {
      const answer = await fetch('/demo/live', {cache: 'no-store', signal: AbortSignal.timeout(5000)});
      if (!answer.ok) throw new Error(answer.status);
      const told = await answer.json();
      for (const [id, html] of Object.entries(told.parts)) {
        if (shown[id] !== html) document.getElementById(id).innerHTML = shown[id] = html;
      }
      label('plug', 'plugged', told.plugged, [['✂ 拔掉网线', 'Unplug'], ['⚡ 插上网线', 'Plug in']]);
      label('auto', 'on', told.auto, [['❚❚ 暂停自动测量', 'Pause the day'], ['▶ 自动测量', 'Let the day run']]);
      heard = Date.now();
    } catch (_silent) {
      // The line above the page says so.
    }
    clearTimeout(next);
    next = setTimeout(look, every);
  };
  addEventListener('submit', async (event) => {
    event.preventDefault();
    const form = event.target, body = new URLSearchParams(new FormData(form));
    try {
      await fetch(form.action, {method: 'post', body, redirect: 'manual'});
    } catch (_silent) {
      // As above.
    }
    look();
  });
  setInterval(() => {
    const seconds = Math.floor((Date.now() - heard) / 1000);
    stale.hidden = seconds < 4;
    stale.lastElementChild.textContent = `${seconds} s`;
    document.body.classList.toggle('old', seconds >= 4);
  }, 1000);
  look();
})();
