// The staff's board: all of the tenant's orders by status, live.
import { AWAY, all, connect, follow, insist, slug } from "./api.js";
import { el } from "./dom.js";
import { STATUSES, lines, noteOf, paymentOf, shortNumber, statusOf, total } from "./order.js";
import { signIn, staffPage } from "./staff.js";

// What moving an order to a status is called; the server says which moves are whose.
const ACTIONS = {
  accepted: "Accept",
  preparing: "Start",
  ready: "Ready",
  completed: "Hand over",
  cancelled: "Cancel",
  refunded: "Refund",
};
const QUIET = ["cancelled", "refunded"];
const FINAL = ["completed", "cancelled", "refunded"];
const FINAL_SHOWN = 12;

const tenant = slug();
const client = connect(`staff-${tenant}`);
const view = Object.fromEntries(
  ["tenant", "live", "notice", "columns"].map((id) => [id, document.getElementById(id)]),
);
const page = staffPage(view);
const orders = new Map();
// Final statuses of which there are more orders than are kept here.
const more = new Set();

start().catch(page.failed);

async function start() {
  const signedIn = await signIn();
  if (signedIn) view.tenant.textContent = `${signedIn.tenant.display_name} – board`;
  follow(client, view.live, { changed, reread, signedOut: page.signedOut, kinds: ["order", "payment"] });
}

/** An event says which order changed; with what may now be made of it, it is read again. */
async function changed({ order_id }) {
  keep(await insist(() => client.json(`/orders/${order_id}`)));
  show();
}

/** All orders that somebody waits for, and the latest of the others. */
async function reread() {
  for (const found of await Promise.all(STATUSES.map((status) => insist(() => read(status)))))
    found.forEach(keep);
  show();
}

async function read(status) {
  const path = `/orders?status=ORDER_STATUS_${status.toUpperCase()}`;
  if (!FINAL.includes(status)) return all(client, path, "orders");
  const first = await client.json(`${path}&page_size=${FINAL_SHOWN}`);
  if (first.next_page_token) more.add(status);
  return first.orders;
}

function keep(order) {
  const known = orders.get(order.order_id);
  if (!known || Number(known.version) <= Number(order.version)) orders.set(order.order_id, order);
}

/** Draws all anew. The focus stays on the button that does the same, or else on the order's card. */
function show({ order, way } = document.activeElement?.dataset ?? {}) {
  view.columns.replaceChildren(...STATUSES.map(column));
  if (!order) return;
  const card = view.columns.querySelector(`article[data-order="${order}"]`);
  (card?.querySelector(`button[data-way="${way}"]`) ?? card)?.focus({ preventScroll: true });
}

function column(status) {
  const of = [...orders.values()].filter((order) => statusOf(order) === status);
  const final = FINAL.includes(status);
  of.sort((a, b) => (a.create_time < b.create_time ? -1 : 1) * (final ? -1 : 1));
  const shown = final ? of.slice(0, FINAL_SHOWN) : of;
  const count = `${of.length}${more.has(status) ? "+" : ""}`;
  return el(
    "section.column",
    { data: { status }, ariaLabel: status },
    el("h2", {}, status, el("span.badge", {}, count)),
    ...shown.map((order) => card(order, status)),
    of.length > shown.length || more.has(status) ? el("p.empty", {}, "and earlier ones") : null,
  );
}

function card(order, status) {
  const ways = (order.allowed_transitions ?? []).map((one) => one.replace("ORDER_STATUS_", "").toLowerCase());
  const placed = new Date(order.create_time);
  return el(
    "article.order",
    { data: { status, order: order.order_id }, tabIndex: -1, ariaLabel: `Order #${shortNumber(order)}, ${status}` },
    el(
      "header",
      {},
      el("strong", {}, `#${shortNumber(order)}`),
      el("time", { dateTime: order.create_time }, placed.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })),
    ),
    lines(order),
    noteOf(order),
    total(order),
    paymentOf(order),
    ways.length
      ? el("footer", {}, ...ways.map((way) => mover(order, way, ACTIONS[way], QUIET.includes(way) ? "quiet" : "primary")))
      : null,
  );
}

function mover(order, status, label, kind) {
  const data = { order: order.order_id, way: status };
  const ariaLabel = `${label} #${shortNumber(order)}`;
  return el(
    `button.${kind}`,
    { type: "button", data, ariaLabel, onclick: (event) => move(event.target, order, status) },
    label,
  );
}

async function move(button, order, status) {
  const reason = status === "refunded" ? prompt("Why is it refunded? The guest will read it.") : "";
  if (reason === null) return;
  button.disabled = true;
  const path = `/orders/${order.order_id}`;
  const body = { status: `ORDER_STATUS_${status.toUpperCase()}`, version: String(order.version), reason };
  try {
    // A version is moved on from once, however often it is asked for.
    keep(await insist(() => client.json(`${path}:transition`, { method: "POST", body }), AWAY));
    page.say("");
  } catch (problem) {
    await insist(() => client.json(path)).then(keep, () => {});
    page.say(statusOf(orders.get(order.order_id)) === status ? "" : problem.message);
  }
  show({ order: order.order_id, way: status });
}
