// What the pages do in the browser: watch, dialogs, keys. Everything works without it but for arriving by itself.
"use strict";

document.documentElement.classList.add("has-script");

const MOST_ENTRIES = 400; // of a page that is left open
const body = document.body;
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// which events are on the page: the newest, older ones, or those that were chosen
function view() {
  if (body.dataset.view !== "timeline") return body.dataset.view;
  const asked = new URLSearchParams(location.search);
  if (asked.get("before")) return "old";
  return ["search", "category", "status", "event", "context"].some((name) => asked.get(name)) ? "chosen" : "plain";
}

// Watching: the server says what has changed, and the page shows it, at most once a second

let source = null;
let isStale = false;

function watch() {
  if (!body.dataset.live || source) return;
  source = new EventSource(body.dataset.live);
  source.onopen = () => {
    tell("watching", true);
    if (isStale) refresh();
    isStale = false;
  };
  source.onerror = () => {
    isStale = true; // something may be missed until it is back
    tell("connecting again", false);
    if (source && source.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(watch, 10000);
      leaveIfSignedOut();
    }
  };
  source.addEventListener("entries", (event) => arrive(event.data));
  source.addEventListener("changed", () => refresh());
  source.addEventListener("signed-out", () => { stopWatching(); location.reload(); });
  source.addEventListener("reloaded", () => { htmx.trigger(body, "project-reloaded"); if (view() === "refresh") refresh(); });
}

// what is shown is for those who are signed in: loaded again, the page asks for it
async function leaveIfSignedOut() {
  const answer = await fetch(location.href, { redirect: "manual" }).catch(() => null);
  if (answer && answer.type === "opaqueredirect") location.reload();
}

function stopWatching() {
  if (source) source.close();
  source = null;
}

function tell(text, isOn) {
  const shown = find("[data-watching]");
  if (!shown) return;
  shown.textContent = text;
  shown.classList.toggle("is-on", isOn);
}

// a page that nobody sees asks for nothing; when it is seen again it looks once
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { stopWatching(); isStale = true; } else watch();
});
window.addEventListener("pagehide", stopWatching);

function arrive(html) {
  if (view() === "old") return;
  if (view() !== "plain") return refresh();
  const parts = document.createElement("template");
  parts.innerHTML = html;
  const oldest = all("#entries .entry").map((each) => each.dataset.run).sort()[0];
  // what has changed of events that are on no page yet will be there when they are
  const arrived = all(".entry", parts.content).filter((each) => find("#older").hidden || each.dataset.run > oldest);
  const leftOut = find(".left-out", parts.content);
  if (leftOut) tellLeftOut(leftOut);
  if (!find("[data-newest]") || arrived.some((each) => isNew(each) && !fitsIn(each, arrived))) return refresh();
  let count = 0;
  for (const entry of arrived.reverse()) {
    const known = document.getElementById(entry.id);
    if (known) { replaceEntry(known, entry); continue; }
    place(entry);
    count += 1;
  }
  if (count) say(count === 1 ? "A new event has arrived" : `${count} new events have arrived`);
  if (!body.dataset.older) forgetOldest();
}

// how many have not come onto the page, all in all since it was loaded
function tellLeftOut(told) {
  const before = find("[data-left-out] .left-out");
  if (before) {
    told.dataset.count = Number(told.dataset.count) + Number(before.dataset.count);
    find("span", told).textContent = `${Number(told.dataset.count).toLocaleString("en")} more events`;
  }
  find("[data-left-out]").replaceChildren(told);
}

const isNew = (entry) => !document.getElementById(entry.id);

// whether an entry that is new finds its place without a heading, or a thread, that is not there yet
function fitsIn(entry, arrived) {
  const newest = find("[data-newest]");
  if (entry.dataset.day !== newest.dataset.day) return false;
  const { context } = entry.dataset;
  if (!context || threadOf(context, newest)) return true;
  return ![...newest.children, ...arrived].some((each) => each.dataset.context === context && each.id !== entry.id);
}

const threadOf = (context, newest) => find(`.thread[data-thread="${CSS.escape(context)}"]`, newest);

// what is not on the page any more is among the older events
function forgetOldest() {
  const entries = all("#entries .entry");
  if (entries.length <= MOST_ENTRIES) return;
  for (const each of entries.slice(MOST_ENTRIES)) each.remove();
  tidy(find("#entries"));
  const address = new URL(location.href);
  address.searchParams.set("environment", body.dataset.environment);
  address.searchParams.set("before", all("#entries .entry").pop().dataset.run);
  const link = find("#older a");
  link.href = address.pathname + address.search;
  link.setAttribute("hx-get", link.href);
  htmx.process(find("#older"));
  find("#older").hidden = false;
}

// threads, days and headings without entries go
function tidy(entries) {
  for (const each of all(".thread, .thread .entries, ol[data-day]", entries)) if (!find(".entry", each)) each.remove();
  for (const each of all(".day", entries)) if (!(each.nextElementSibling && each.nextElementSibling.matches("ol"))) each.remove();
}

function replaceEntry(known, entry) {
  if (known.outerHTML === entry.outerHTML) return;
  const hadFocus = known.contains(document.activeElement);
  for (const each of all("details[open]", known)) {
    const same = each.id && find(`#${CSS.escape(each.id)}`, entry);
    if (same) same.open = true;
  }
  known.replaceWith(entry);
  if (hadFocus) find(".title", entry).focus();
}

// a category that is new can be chosen, too
function offerCategory(entry) {
  const name = find(".head a.chip", entry);
  const choice = find("select[name=category]");
  if (name && choice && ![...choice.options].some((each) => each.value === name.textContent)) choice.add(new Option(name.textContent));
}

function place(entry) {
  offerCategory(entry);
  const newest = find("[data-newest]");
  const thread = entry.dataset.context && threadOf(entry.dataset.context, newest);
  const list = thread ? find(".entries", thread) : newest;
  // what arrives late stands where its time says, as the ids do
  const later = [...list.children].find((each) => (each.dataset.run || "") < entry.dataset.run && !each.matches(".thread"));
  entry.classList.add("is-new");
  if (thread) {
    newest.prepend(thread);
    list.prepend(entry);
    find("[data-count]", thread).textContent = `${list.children.length} events`;
  } else if (list.firstElementChild && list.firstElementChild.matches(".thread")) list.prepend(entry);
  else list.insertBefore(entry, later || null);
}

body.addEventListener("htmx:afterSwap", (event) => { if (event.detail.target.id === "older") body.dataset.older = "yes"; });

let waiting = null;
let lastLook = 0;

function refresh() {
  if (waiting || document.hidden) return;
  waiting = setTimeout(() => { waiting = null; lastLook = Date.now(); look(); }, Math.max(0, 1000 - (Date.now() - lastLook)));
}

let looks = 0;

async function look() {
  const id = { event: "event", refresh: "refresh" }[view()] || "entries";
  const turn = ++looks;
  const address = new URL(location.href);
  address.searchParams.set("environment", body.dataset.environment); // another page may have chosen the other one since
  const answer = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
  if (!answer || !answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [part, fresh] = [document.getElementById(id), page.getElementById(id)];
  if (turn !== looks || !part || !fresh) return; // somebody has asked for something else meanwhile
  for (const each of all("details[id]", part)) {
    const same = fresh.querySelector(`#${CSS.escape(each.id)}`);
    if (same) same.open = each.open;
  }
  const focused = part.contains(document.activeElement) && pathTo(document.activeElement, part);
  if (body.dataset.older) keepOlder(part, fresh);
  const scrolled = all(".drawing", part).map((each) => each.scrollLeft);
  part.replaceWith(document.adoptNode(fresh));
  all(".drawing", fresh).forEach((each, position) => { each.scrollLeft = scrolled[position] || 0; });
  htmx.process(fresh);
  if (focused) focused(fresh);
  lookAgain();
}

// counts may be some seconds older than what was told: they are looked at once more when they are counted anew
function lookAgain() {
  const seconds = Number((find("#refresh[data-again]") || { dataset: {} }).dataset.again);
  if (seconds) setTimeout(refresh, seconds * 1000);
}

// older events that were asked for stay, where nothing is missing between them and the newest
function keepOlder(part, fresh) {
  const oldest = all(".entry", fresh).map((each) => each.dataset.run).sort()[0];
  const known = all(".entry", part);
  if (!oldest || find("#older", fresh).hidden || !known.some((each) => each.dataset.run >= oldest)) {
    delete body.dataset.older;
    return;
  }
  for (const each of known) if (each.dataset.run >= oldest) each.remove();
  tidy(part);
  const lastDay = all("ol[data-day]", fresh).pop().dataset.day;
  const first = find("ol[data-day]", part);
  if (first && first.dataset.day === lastDay && first.previousElementSibling.matches(".day")) first.previousElementSibling.remove();
  for (const each of all(":scope > .day, :scope > ol", part)) each.removeAttribute("data-newest");
  find("#older", fresh).replaceWith(...all(":scope > .day, :scope > ol, :scope > #older", part));
}

function pathTo(element, part) {
  const href = element.getAttribute("href");
  const id = element.closest("[id]").id;
  return (fresh) => {
    const holder = fresh.id === id ? fresh : fresh.querySelector(`#${CSS.escape(id)}`);
    if (!holder) return;
    const same = href ? find(`a[href="${CSS.escape(href)}"]`, holder) : find("summary, button, pre", holder);
    if (same) same.focus({ preventScroll: true });
  };
}

function say(text) { find("#said").textContent = text; }

// Dialogs: what asks before it does something is a page of its own, shown on top of this one

const dialog = find("#dialog");

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-dialog]");
  const closing = event.target.closest("[data-close]");
  if (closing && dialog && dialog.contains(closing)) { event.preventDefault(); dialog.close(); return; }
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  const answer = await fetch(link.href, { headers: { "hx-request": "true" } }).catch(() => null);
  if (!answer || answer.status === 401) { location.href = link.href; return; }
  find("#dialog-content").innerHTML = await answer.text();
  if (!dialog.open) dialog.showModal();
});

if (dialog) dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-once]")) return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  event.target.dataset.sent = "yes";
  for (const each of all("button", event.target)) setTimeout(() => { each.disabled = true; });
});
window.addEventListener("pageshow", () => all("[data-sent]").forEach((form) => {
  delete form.dataset.sent;
  all("button", form).forEach((each) => { each.disabled = false; });
}));

// Searching as one types

let typing = null;
const filters = find(".filters");

async function search() {
  delete body.dataset.older;
  const given = new URLSearchParams([...new FormData(filters)].filter(([, value]) => value !== ""));
  history.replaceState(null, "", `/?${given}`);
  await look();
  const count = all("#entries .entry").length;
  say(count ? `${count} events are shown` : "Nothing is found");
}

if (filters) {
  filters.addEventListener("input", (event) => {
    clearTimeout(typing);
    typing = setTimeout(search, event.target.matches("[type=search]") ? 300 : 0);
  });
}

// Keys

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.metaKey || event.ctrlKey || event.altKey || (dialog && dialog.open)) return;
  if (event.key === "Escape" && isTyping) { event.target.blur(); return; }
  if (isTyping) return;
  if (event.key === "/" && find("[data-search]")) { event.preventDefault(); find("[data-search]").focus(); }
  if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
});

function step(way) {
  const titles = all(".title");
  const here = titles.findIndex((each) => each.closest("li").contains(document.activeElement));
  const next = titles[here < 0 ? 0 : Math.min(titles.length - 1, Math.max(0, here + way))];
  if (!next) return;
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-all]")) return;
  for (const each of all("input[name=run]")) each.checked = event.target.checked;
});

document.addEventListener("click", (event) => {
  for (const each of all(".who[open]")) if (!each.contains(event.target)) each.open = false;
});

// Notifications

const asking = find("[data-notify]");

async function offerNotifications() {
  if (!asking || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  const registered = await navigator.serviceWorker.register("/worker.js").catch(() => null);
  if (!registered) return;
  const show = async () => {
    const made = await registered.pushManager.getSubscription();
    // the server may have forgotten it, or know it for somebody else
    const known = made && (await about(made.endpoint)).is_subscribed ? made : null;
    find("[data-endpoint]").value = known ? known.endpoint : "";
    asking.textContent = known ? "Do not notify me here" : "Notify me here";
    asking.hidden = false;
    return known;
  };
  await show();
  asking.addEventListener("click", async () => {
    try {
      const known = await show();
      if (known) { await known.unsubscribe(); await send({ wanted: "no", endpoint: known.endpoint }); } else await subscribe(registered);
    } catch (error) { say(`Notifications cannot be had: ${error.message}`); asking.textContent = "Notifications are blocked"; return; }
    await show();
  });
}

async function subscribe(registered) {
  const { key } = await about("");
  const made = await registered.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const keys = made.toJSON().keys;
  await send({ endpoint: made.endpoint, public_key: keys.p256dh, secret: keys.auth });
}

const about = async (endpoint) => (await fetch(`/notifications?${new URLSearchParams({ endpoint })}`)).json();
const send = (fields) => fetch("/notifications", { method: "POST", body: new URLSearchParams({ ...fields, csrf: body.dataset.csrf }) });

watch();
lookAgain();
offerNotifications();
