// Five stars, and a word on them.
import { el } from "./dom.js";

const NAMES = ["terrible", "poor", "fine", "good", "excellent"];

/** Lets a form take a rating; `submit` is called with stars and comment, again where they change. */
export function rate(form, submit) {
  const { comment } = form.elements;
  const thanks = form.querySelector("[role=status]");
  const send = async () => {
    const stars = Number(new FormData(form).get("stars"));
    if (!stars) return;
    form.dataset.stars = stars;
    comment.hidden = false;
    try {
      await submit(stars, comment.value.trim());
      thanks.textContent = comment.value ? "Thank you, noted." : "Thank you!";
    } catch (problem) {
      thanks.textContent = problem.message;
    }
  };
  form.querySelector("fieldset").append(...NAMES.map((name, place) => star(name, place + 1, send)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
}

function star(name, stars, chosen) {
  const said = `${stars} of 5: ${name}`;
  return el(
    "label",
    { title: said },
    el("input", { type: "radio", name: "stars", value: stars, ariaLabel: said, onchange: chosen }),
    el("span", { ariaHidden: "true", data: { stars } }, "★"),
  );
}
