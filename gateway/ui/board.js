// The staff's board: all of the tenant's orders by status, live.
import { Problem, all, connect, showLive, slug } from "./api.js";
import { el } from "./dom.js";
import { STATUSES, lines, shortNumber, statusOf, total } from "./order.js";

const NEXT = {
  placed: ["accepted", "Accept"],
  accepted: ["preparing", "Start"],
  preparing: ["ready", "Ready"],
  ready: ["completed", "Hand over"],
};
const CANCELLABLE = ["placed", "accepted", "preparing"];
const FINAL_SHOWN = 12;

const tenant = slug();
const client = connect(`staff-${tenant}`);
const view = Object.fromEntries(
  ["tenant", "live", "notice", "columns"].map((id) => [id, document.getElementById(id)]),
);
const orders = new Map();

start().catch((problem) =>
  notice(
    problem instanceof Problem && problem.status === 401
      ? "Open this page with the staff link that start-up printed."
      : problem.message,
  ),
);

async function start() {
  const signedIn = await signIn();
  if (signedIn) view.tenant.textContent = `${signedIn.tenant.display_name} – board`;
  const known = all(client, "/orders", "orders");
  follow();
  for (const order of await known) keep(order);
  show();
}

/** Trades the key in the link's fragment for a cookie; the fragment never reaches a server. */
async function signIn() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return null;
  history.replaceState(null, "", location.pathname);
  return connect("").json("/auth/session", {
    method: "POST",
    headers: { authorization: `Bearer ${key}` },
  });
}

function follow() {
  const source = client.events();
  showLive(view.live, source);
  source.addEventListener("order", async (event) => {
    const { data } = JSON.parse(event.data);
    const known = orders.get(data.order_id);
    if (known) keep({ ...known, status: data.status, version: data.version });
    else keep(await client.json(`/orders/${data.order_id}`));
    show();
  });
  source.addEventListener("reset", async () => {
    for (const order of await all(client, "/orders", "orders")) keep(order);
    show();
  });
}

function keep(order) {
  const known = orders.get(order.order_id);
  if (!known || Number(known.version) <= Number(order.version)) orders.set(order.order_id, order);
}

function show() {
  view.columns.replaceChildren(...STATUSES.map(column));
}

function column(status) {
  const of = [...orders.values()].filter((order) => statusOf(order) === status);
  const final = status === "completed" || status === "cancelled";
  of.sort((a, b) => (a.create_time < b.create_time ? -1 : 1) * (final ? -1 : 1));
  const shown = final ? of.slice(0, FINAL_SHOWN) : of;
  return el(
    "section.column",
    { data: { status } },
    el("h2", {}, status, el("span.badge", {}, String(of.length))),
    ...shown.map((order) => card(order, status)),
    of.length > shown.length ? el("p.empty", {}, `and ${of.length - shown.length} earlier`) : null,
  );
}

function card(order, status) {
  const placed = new Date(order.create_time);
  return el(
    "article.order",
    { data: { status } },
    el(
      "header",
      {},
      el("strong", {}, `#${shortNumber(order)}`),
      el("time", { dateTime: order.create_time }, placed.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })),
    ),
    lines(order),
    total(order),
    status in NEXT || CANCELLABLE.includes(status)
      ? el(
          "footer",
          {},
          status in NEXT ? mover(order, NEXT[status][0], NEXT[status][1], "primary") : null,
          CANCELLABLE.includes(status) ? mover(order, "cancelled", "Cancel", "quiet") : null,
        )
      : null,
  );
}

function mover(order, status, label, kind) {
  return el(`button.${kind}`, { type: "button", onclick: (event) => move(event.target, order, status) }, label);
}

async function move(button, order, status) {
  button.disabled = true;
  try {
    const moved = await client.json(`/orders/${order.order_id}:transition`, {
      method: "POST",
      body: { status: `ORDER_STATUS_${status.toUpperCase()}`, version: String(order.version) },
    });
    keep(moved);
    notice("");
  } catch (problem) {
    notice(problem.message);
    keep(await client.json(`/orders/${order.order_id}`));
  }
  show();
}

function notice(text) {
  view.notice.textContent = text;
  view.notice.hidden = !text;
}
