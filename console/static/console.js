// Times in the reader's own zone, and whether the page is kept up to date. Without this script all of it still works,
// in UTC and as it was when the page was loaded.
"use strict";

(() => {
  const language = document.documentElement.lang;
  const forms = {
    time: new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    day: new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" }),
  };

  function localise(root) {
    for (const time of root.querySelectorAll("time[data-form]")) {
      const moment = new Date(time.dateTime);
      time.textContent = forms[time.dataset.form].format(moment);
      time.title = moment.toISOString();
      delete time.dataset.form;
    }
  }

  // A page that has had no news for this long says so, and greys: what it shows may be untrue by now.
  const STALE_MS = 3000;
  const light = document.querySelector(".live");
  let newsAt = Date.now();
  function show(state, text) {
    if (!light || light.textContent === text) return;
    light.dataset.state = state;
    light.textContent = text;
    document.body.classList.toggle("stale", state === "lost");
  }
  function hasNews() {
    newsAt = Date.now();
    if (light) show("on", light.dataset.on);
  }
  function checkNews() {
    if (!light || !document.body.hasAttribute("sse-connect") || Date.now() - newsAt < STALE_MS) return;
    show("lost", light.dataset.lost.replace("{time}", forms.time.format(newsAt)));
  }
  setInterval(checkNews, 500);

  localise(document);
  document.body.addEventListener("htmx:sseOpen", (event) => event.detail.source.addEventListener("tick", hasNews));
  document.body.addEventListener("htmx:sseMessage", (event) => localise(event.target));
  document.body.addEventListener("htmx:afterSwap", (event) => localise(event.target));

  // The key was revoked: what is shown is not for whoever looks any more.
  document.body.addEventListener("htmx:sseOpen", (event) => {
    const { source } = event.detail;
    source.addEventListener("ended", () => { source.close(); location.reload(); });
  });

  // What only says that something has changed is not put into the page, but reveals a line that says so.
  document.body.addEventListener("htmx:sseOpen", (event) => {
    for (const line of document.querySelectorAll("[data-shown-by]")) {
      event.detail.source.addEventListener(line.dataset.shownBy, () => { line.hidden = false; });
    }
  });
})();
