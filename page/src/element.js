// Making parts of the page. Whatever a bundle or a policy says gets in as text alone.

/** An element with a class, and inside it texts and elements; nothing for null. */
export function element(name, className, ...inside) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...inside.flat().filter((one) => one !== null));
  return made;
}

export const code = (text) => element("code", "", text);
export const paragraph = (...inside) => element("p", "", ...inside);
export const bulleted = (items) => element("ul", "list", items.map((item) => element("li", "", ...[item].flat())));

/** Pairs of a name and what it is, as a list of facts. */
export function facts(pairs) {
  const shown = pairs.filter((pair) => pair !== null);
  return element(
    "dl",
    "facts",
    shown.flatMap(([name, ...what]) => [element("dt", "", name), element("dd", "", ...what)]),
  );
}

export const callout = (tone, ...paragraphs) => element("div", `callout ${tone}`, paragraphs.map((one) => paragraph(one)));
