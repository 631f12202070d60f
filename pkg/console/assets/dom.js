// Builds and updates elements. Data becomes text nodes and attributes, never HTML.

const handlers = ['onclick', 'onchange', 'oninput', 'onsubmit', 'onkeydown', 'onpointermove', 'onfocus'];

function build(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'key') node.key = value;
    else if (typeof value === 'function') node[name] = value;
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...nodes(children));
  return node;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== undefined && child !== null && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/** Makes an HTML element. */
export const h = (name, props, ...children) => build(document.createElement(name), props, children);

/** Makes an SVG element. */
export const s = (name, props, ...children) =>
  build(document.createElementNS('http://www.w3.org/2000/svg', name), props, children);

const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.key === b.key;

/**
 * Makes the children of an element like the given ones, and keeps what is there where
 * it can: the focus, the selection, the scroll position and open details stay.
 */
export function patch(parent, ...children) {
  let at = parent.firstChild;
  for (const wanted of nodes(children)) {
    let found = at;
    while (found && !alike(found, wanted)) found = found.nextSibling;
    if (!found) {
      parent.insertBefore(wanted, at);
      continue;
    }
    if (found === at) at = at.nextSibling;
    else parent.insertBefore(found, at);
    update(found, wanted);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function update(node, wanted) {
  if (node === wanted) return; // it looks after itself
  if (node.nodeType !== Node.ELEMENT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  for (const { name } of [...node.attributes]) {
    if (!wanted.hasAttribute(name) && name !== 'open') node.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  for (const name of handlers) if (node[name] !== wanted[name]) node[name] = wanted[name];
  patch(node, [...wanted.childNodes]);
}

/** Tells those who cannot see it. */
export function say(text) {
  document.getElementById('said').textContent = text;
}
