// The guest's page: a chat beside the guest's own live orders.
import { AWAY, Problem, all, connect, follow, frames, insist, slug } from "./api.js";
import { el } from "./dom.js";
import { lines, noteOf, shortNumber, statusOf, total } from "./order.js";
import { rate } from "./rating.js";

const tenant = slug();
const client = connect(`guest-${tenant}`);
const view = Object.fromEntries(
  ["tenant", "live", "messages", "hints", "composer", "text", "cart", "orders", "rating"].map((id) => [
    id,
    document.getElementById(id),
  ]),
);
const orders = new Map();
const sessionKey = () => `maitred-session-${tenant}`;
let session = "";
let busy = false;

start().catch((problem) => {
  view.live.textContent = "offline";
  say("problem", problem.message);
});

async function start() {
  const arrival = { method: "POST", body: { tenant } };
  const guest = await insist(() => connect("").json("/auth/guest", arrival));
  view.tenant.textContent = guest.tenant.display_name;
  document.title = `${guest.tenant.display_name} – order`;
  const resumed = await resume();
  view.composer.addEventListener("submit", submitted);
  view.text.focus();
  rate(view.rating, (rating, comment) =>
    client.json("/feedback/submit", { method: "POST", body: { session_id: session, rating, comment } }),
  );
  view.rating.hidden = !resumed;
  if (!resumed) hint();
  // Where the guest's time is over, a new one begins.
  follow(client, view.live, { changed, reread, signedOut: () => location.reload() });
}

/** Goes on with the conversation this browser had, or begins one; whether there was one. */
async function resume() {
  session = localStorage.getItem(sessionKey()) ?? "";
  if (session) {
    try {
      const { cart } = await client.json(`/sessions/${session}`);
      for (const turn of await all(client, `/sessions/${session}/messages`, "turns")) {
        say("guest", turn.user_text);
        if (turn.text) cite(say("agent", turn.text), turn.citations ?? []);
      }
      showCart(cart);
      return true;
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 404) throw problem;
    }
  }
  session = (await client.json("/sessions", { method: "POST", body: {} })).session_id;
  localStorage.setItem(sessionKey(), session);
  showCart({});
  say("agent", "Hello! What can I get you?");
  return false;
}

async function hint() {
  const { products = [] } = await client.json("/catalog");
  const names = products.filter((product) => !product.unavailable).map((product) => product.name);
  const pick = names.length > 6 ? `A ${names[1]} and a ${names[names.length - 3]}, please` : "";
  for (const text of ["What do you have?", pick].filter(Boolean))
    view.hints.append(el("button.hint", { type: "button", onclick: () => ask(text) }, text));
}

function submitted(event) {
  event.preventDefault();
  const text = view.text.value.trim();
  if (text) ask(text);
}

async function ask(text) {
  if (busy) return;
  setBusy(true);
  view.text.value = "";
  view.hints.replaceChildren();
  say("guest", text);
  const answer = say("agent", "");
  answer.classList.add("waiting");
  const request = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  try {
    // Under one key a message is answered once, however often it is sent.
    await insist(() => answerTo(text, request, answer));
  } catch (problem) {
    answer.className = "problem";
    answer.textContent = `${problem.message} Please try again.`;
  } finally {
    answer.classList.remove("waiting");
    setBusy(false);
  }
}

async function answerTo(text, request, answer) {
  answer.textContent = "";
  const citations = [];
  const response = await client.send(`/sessions/${session}/messages`, {
    method: "POST",
    body: { text, request_id: request },
    headers: { accept: "text/event-stream" },
  });
  for await (const { event, data } of frames(response)) {
    if (event === "token") append(answer, data.text);
    if (event === "cart") showCart(data);
    if (event === "order") keep(data);
    if (event === "citation") citations.push(data);
    if (event === "error") throw new Problem(data.status, data);
    if (event === "done") {
      cite(answer, citations);
      view.rating.hidden = false;
      return;
    }
  }
  throw new TypeError("The answer broke off.");
}

/** An event says which order moved; the order itself is read again. */
async function changed({ order_id }) {
  keep(await insist(() => client.json(`/orders/${order_id}`)));
}

async function reread() {
  for (const order of await insist(() => all(client, "/orders", "orders"))) keep(order);
  showOrders();
}

function keep(order) {
  const known = orders.get(order.order_id);
  if (known && Number(known.version) > Number(order.version)) return;
  orders.set(order.order_id, order);
  showOrders();
}

function showOrders() {
  const newest = [...orders.values()].sort((a, b) => (a.create_time < b.create_time ? 1 : -1));
  view.orders.replaceChildren(
    ...(newest.length ? newest.map(card) : [el("p.empty", {}, "Nothing ordered yet.")]),
  );
  showLatest();
}

function card(order) {
  const status = statusOf(order);
  const left = status === "placed" ? Date.parse(order.cancel_expire_time ?? "") - Date.now() : 0;
  // Offered no longer than it is possible.
  if (left > 0) setTimeout(() => cancel.remove(), left);
  const cancel = el("footer", {}, cancelButton(order));
  return el(
    "article.order",
    { data: { status } },
    el("header", {}, el("strong", {}, `#${shortNumber(order)}`), el("span.status", { data: { status } }, status)),
    lines(order, order.currency_code),
    noteOf(order),
    total(order),
    left > 0 ? cancel : null,
  );
}

function cancelButton(order) {
  const ariaLabel = `Cancel #${shortNumber(order)}`;
  return el("button.quiet", { type: "button", ariaLabel, onclick: (event) => callOff(event.target, order) }, "Cancel");
}

/** Calls an order off. */
async function callOff(button, order) {
  button.disabled = true;
  const path = `/orders/${order.order_id}`;
  const body = { status: "ORDER_STATUS_CANCELLED", version: String(order.version) };
  try {
    keep(await insist(() => client.json(`${path}:transition`, { method: "POST", body }), AWAY));
  } catch (problem) {
    await insist(() => client.json(path)).then(keep, () => {});
    if (statusOf(orders.get(order.order_id)) !== "cancelled") say("problem", problem.message);
  } finally {
    showOrders();
  }
}

function showCart(cart) {
  view.cart.replaceChildren(
    ...((cart?.lines ?? []).length
      ? [lines(cart, cart.currency_code), total(cart)].filter(Boolean)
      : [el("p.empty", {}, "Empty. Just say what you would like.")]),
  );
  showLatest();
}

/** What is beside the chat grows and shrinks, so the last message has to be found again. */
function showLatest() {
  view.messages.scrollTop = view.messages.scrollHeight;
}

function say(who, text) {
  const message = el(`li.${who}`, {}, text);
  view.messages.append(message);
  showLatest();
  return message;
}

/** Puts below an answer where its facts stand. */
function cite(message, citations) {
  if (!citations.length) return;
  const source = ({ title, headings = [], quote }) =>
    el("li", {}, el("cite", {}, [title, ...headings.filter((each) => each !== title)].join(" › ")), el("q", {}, quote));
  message.append(
    el(
      "details.sources",
      { ontoggle: showLatest },
      el("summary", {}, citations.length > 1 ? `${citations.length} sources` : "Source"),
      el("ol", {}, ...citations.map(source)),
    ),
  );
  showLatest();
}

function append(message, text) {
  message.classList.remove("waiting");
  message.append(text);
  showLatest();
}

function setBusy(state) {
  busy = state;
  view.composer.querySelector("button").disabled = state;
  if (!state) view.text.focus();
}
