// Times in the reader's zone, pickers that begin there, buttons that copy, and whether the page is kept up to date. Without
// this script all of it still works but for copying, in UTC and as it was when the page was loaded.
"use strict";

(() => {
  const root = document.documentElement;
  const language = root.lang;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  root.classList.add("scripted");

  // -- times: local, UTC or relative, as the reader chose in this browser

  const CLOCK = "deskbell-clock";
  const clock = document.querySelector(".clock");
  if (clock) clock.value = recalled() || "local";

  function recalled() {
    try { return localStorage.getItem(CLOCK); } catch { return null; } // a browser that keeps nothing
  }
  function remember(value) {
    try { localStorage.setItem(CLOCK, value); } catch { /* then it lasts for this page */ }
  }

  const TIME = { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" };
  const DAY = { year: "numeric", month: "short", day: "numeric", ...TIME };
  const format = (options, timeZone) => new Intl.DateTimeFormat(language, { ...options, timeZone });
  const forms = {
    local: { time: format(TIME, zone), day: format(DAY, zone) },
    utc: { time: format(TIME, "UTC"), day: format(DAY, "UTC") },
  };
  const distance = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

  function relative(moment) {
    const seconds = (moment - Date.now()) / 1000;
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) || ["second", 1];
    return distance.format(Math.round(seconds / length), unit);
  }

  function write(time) {
    const moment = new Date(time.dateTime);
    const shown = clock ? clock.value : "local";
    const text = shown === "relative" ? relative(moment) : forms[shown][time.dataset.form].format(moment);
    if (time.textContent !== text) time.textContent = text;
    time.title = `${forms.local.day.format(moment)}\n${forms.utc.day.format(moment)}`;
  }
  function writeTimes(part) {
    for (const time of part.querySelectorAll("time[data-form]")) write(time);
  }
  if (clock) clock.addEventListener("change", () => { remember(clock.value); writeTimes(document); });
  setInterval(() => { if (clock && clock.value === "relative") writeTimes(document); }, 1000);

  // -- pickers: in the browser's zone, unless the form comes back with another

  const zones = document.getElementById("zones");
  const pad = (number) => String(number).padStart(2, "0");
  for (const input of document.querySelectorAll("input[data-zone]")) input.value = zone;
  for (const part of document.querySelectorAll(".picked[data-at]")) {
    if (!part.dataset.at) continue;
    const at = new Date(part.dataset.at);
    part.querySelector("input[type=date]").value = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
    part.querySelector("input[type=time]").value = `${pad(at.getHours())}:${pad(at.getMinutes())}`;
  }
  if (zones && document.querySelector("input[list=zones]") && Intl.supportedValuesOf) {
    for (const name of Intl.supportedValuesOf("timeZone")) zones.append(new Option(name, name));
  }

  // -- links that the server left without a host: it builds none from what a request says of it

  for (const part of document.querySelectorAll("[data-complete]")) {
    const text = part.querySelector("code");
    if (!text.textContent.startsWith("/")) continue;
    text.textContent = location.origin + text.textContent;
    part.querySelector("[data-copy]").dataset.copy = text.textContent;
  }

  // -- buttons that copy

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = document.createElement("textarea"); // a page of plain http has no clipboard
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new Error("the browser did not copy");
  }
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await copy(button.dataset.copy);
    button.classList.add("done");
    document.getElementById("copied").textContent = button.dataset.done;
    setTimeout(() => button.classList.remove("done"), 1500);
  });

  // -- lists whose lines can be ticked

  const TICKS = 'input[name="id"][form="settle"]';
  function countTicks() {
    const count = document.querySelectorAll(`${TICKS}:checked`).length;
    for (const place of document.querySelectorAll("[data-count]")) place.textContent = count;
    for (const button of document.querySelectorAll("[data-needs-ticks]")) button.disabled = count === 0;
  }
  document.addEventListener("change", ({ target }) => {
    if (target.matches("[data-tick-all]")) {
      for (const box of (target.closest(".group") || document).querySelectorAll(TICKS)) box.checked = target.checked;
    }
    if (target.matches(`[data-tick-all], ${TICKS}`)) countTicks();
  });
  addEventListener("pageshow", countTicks); // a page that is gone back to keeps its ticks

  // -- the values of a chart, column by column: by pointing, by touch, and with the arrow keys

  const chosen = {}; // by slider: when the column began that somebody looks at, which is drawn anew once a second
  const columnsOf = (slider) => JSON.parse(slider.dataset.values);
  function countsTold(counts, isPartial, { names, comma, unknown, partial }) {
    if (!counts) return unknown;
    const told = names.split("|").map((name, place) => `${name} ${counts[place]}`).join(comma);
    return isPartial ? partial.replace("{counts}", told) : told;
  }
  function tellMoment(slider) {
    const [begins, counts, isPartial] = columnsOf(slider)[slider.value];
    const at = forms[clock && clock.value === "utc" ? "utc" : "local"][slider.dataset.form].format(begins);
    const told = slider.dataset.told.replace("{name}", at).replace("{value}", countsTold(counts, isPartial, slider.dataset));
    slider.setAttribute("aria-valuetext", told);
    slider.parentElement.querySelector(".at-moment").textContent = slider.id in chosen ? told : "";
  }
  function tellMoments() {
    for (const slider of document.querySelectorAll(".moment")) {
      // One that is older than the chart by now is its first.
      if (slider.id in chosen) slider.value = Math.max(0, columnsOf(slider).findIndex(([begins]) => begins === chosen[slider.id]));
      tellMoment(slider);
    }
  }
  function choose(slider, column) {
    slider.value = column;
    [chosen[slider.id]] = columnsOf(slider)[column];
    tellMoment(slider);
  }
  document.addEventListener("input", ({ target }) => { if (target.matches(".moment")) choose(target, target.value); });
  document.addEventListener("focusin", ({ target }) => {
    // The focus also comes back to what was drawn anew, which has no value yet.
    if (target.matches(".moment") && !(target.id in chosen)) choose(target, target.value);
  });
  function point({ target, clientX }) {
    const figure = target.closest && target.closest(".chart svg, .moment");
    const slider = figure && figure.closest(".chart").querySelector(".moment");
    if (!slider) return;
    const { left, width } = figure.closest(".chart").querySelector("svg").getBoundingClientRect();
    choose(slider, Math.max(0, Math.min(slider.max, Math.floor(((clientX - left) / width) * (Number(slider.max) + 1)))));
  }
  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point); // a finger that only taps does not move
  document.body.addEventListener("htmx:sseMessage", tellMoments);
  tellMoments();

  // -- what can be taken back for some seconds, by the server's clock

  let aheadMs = 0;
  function countDown() {
    for (const part of document.querySelectorAll("[data-due]")) {
      const left = Math.max(0, Math.ceil((new Date(part.dataset.due) - Date.now() - aheadMs) / 1000));
      part.querySelector(".left").textContent = ` (${Math.min(left, 10)})`;
    }
  }
  setInterval(countDown, 250);
  countDown();

  // -- news

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
  function hasNews({ data }) {
    newsAt = Date.now();
    aheadMs = Number(data) - newsAt;
    if (light) show("on", light.dataset.on);
  }
  function checkNews() {
    if (!light || !document.body.hasAttribute("sse-connect") || Date.now() - newsAt < STALE_MS) return;
    show("lost", light.dataset.lost.replace("{time}", forms.local.time.format(newsAt)));
  }
  setInterval(checkNews, 500);

  writeTimes(document);
  document.body.addEventListener("htmx:sseOpen", (event) => event.detail.source.addEventListener("tick", hasNews));
  document.body.addEventListener("htmx:sseMessage", (event) => writeTimes(event.target));
  document.body.addEventListener("htmx:afterSwap", (event) => writeTimes(event.target));

  // The key was revoked: what is shown is not for whoever looks any more.
  document.body.addEventListener("htmx:sseOpen", (event) => {
    const { source } = event.detail;
    source.addEventListener("ended", () => { source.close(); location.reload(); });
  });

  // What only says that something has changed is not put into the page, but reveals a line that says so.
  document.body.addEventListener("htmx:sseOpen", (event) => {
    for (const line of document.querySelectorAll("[data-shown-by]")) {
      event.detail.source.addEventListener(line.dataset.shownBy, ({ data }) => { line.hidden = data === line.dataset.version; });
    }
  });
})();
