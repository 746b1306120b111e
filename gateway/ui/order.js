// Carts and orders as people read them.
import { el, money } from "./dom.js";

/** The statuses of an order in the order it passes through them. */
export const STATUSES = ["placed", "accepted", "preparing", "ready", "completed", "cancelled", "refunded"];

/** `ORDER_STATUS_READY` and `ready` alike as `ready`. */
export const statusOf = (order) => order.status.replace("ORDER_STATUS_", "").toLowerCase();

/** Lines with what was chosen for each, defaults unsaid; prices where a currency is given. */
export function lines(of, currency) {
  return el("ul.lines", {}, ...(of.lines ?? []).map((line) => lineOf(line, currency)), ...choices(of));
}

/** A short number people can call out. */
export const shortNumber = (order) => order.order_id.slice(-6).toUpperCase();

/** What the guest asks for beside the lines. */
export const noteOf = (order) => (order.note ? el("p.note", {}, `“${order.note}”`) : null);

/** What is known of an order's payment, for the staff. */
export function paymentOf(order) {
  const reference = order.payment?.payment_reference || order.payment_reference;
  if (!reference) return null;
  return el("p.payment", {}, order.payment ? `Paid: ${reference}` : `Payment expected: ${reference}`);
}

/** What promotions take off, taxes and the total to pay of a cart or an order, empty where nothing has a price. */
export function total(of) {
  if (!of.currency_code || Number(of.total_minor ?? 0) + Number(of.subtotal_minor ?? 0) === 0) return null;
  const isChanged = of.discounts?.length || of.taxes?.length;
  const toPay = isChanged ? (of.payable_minor ?? of.total_minor) : of.total_minor;
  return el(
    "div.total",
    {},
    ...discounts(of).map(({ name, minor, why }) => sum(name, -minor, of, why)),
    ...(of.taxes ?? []).map((tax) => sum(taxName(tax), Number(tax.tax_minor ?? 0), of)),
    sum("Total", toPay, of),
  );
}

function taxName({ rate_basis_points, included }) {
  return `${rate_basis_points / 100} % tax${included ? ", included" : ""}`;
}

/** What each promotion takes off, over all lines it is about. */
function discounts(of) {
  const found = new Map();
  for (const { promotion_id, display_name, amount_minor, reason } of of.discounts ?? []) {
    const one = found.get(promotion_id) ?? { name: display_name, minor: 0, why: "" };
    one.minor += Number(amount_minor);
    one.why = [one.why, reason].filter(Boolean).join(" ");
    found.set(promotion_id, one);
  }
  return [...found.values()];
}

function sum(label, minor, of, why = "") {
  return el(
    `p${why ? ".discount" : ""}`,
    {},
    el("span", {}, label, why ? el("small", {}, why) : null),
    el("strong", {}, money(minor, of.currency_code)),
  );
}

function lineOf(line, currency) {
  const chosen = (line.options ?? []).filter((option) => !option.is_default);
  const details = [
    ...chosen.map((option) => counted(option.option_name, option.quantity)),
    ...(line.add_ons ?? []).map((addOn) => counted(addOn.add_on_name, addOn.quantity)),
  ];
  return el(
    "li",
    {},
    el("span.count", {}, `${line.quantity}×`),
    el(
      "span.what",
      {},
      line.product_name,
      details.length ? el("small", {}, details.join(", ")) : null,
      line.note ? el("small.note", {}, `“${line.note}”`) : null,
    ),
    currency && Number(line.total_minor ?? 0) ? el("span.price", {}, money(line.total_minor, currency)) : null,
  );
}

function counted(name, quantity = 1) {
  if (quantity === 0) return `no ${name}`;
  return quantity > 1 ? `${quantity}× ${name}` : name;
}

function choices(of) {
  return (of.order_choices ?? [])
    .filter((choice) => !choice.is_default)
    .map((choice) => el("li.choice", {}, choice.option_name));
}
