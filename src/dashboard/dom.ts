// The only way that this page makes elements. Texts are texts: there is no function here that takes markup, and names
// out of a config may hold any character.

export interface Features {
  readonly class?: string;
  readonly text?: string;
  readonly attrs?: Readonly<Record<string, string>>;
  readonly on?: Readonly<Record<string, (event: Event) => void>>;
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  features: Features = {},
  ...children: readonly Node[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (features.class !== undefined) made.className = features.class;
  if (features.text !== undefined) made.textContent = features.text;
  for (const [name, value] of Object.entries(features.attrs ?? {})) made.setAttribute(name, value);
  for (const [name, run] of Object.entries(features.on ?? {})) made.addEventListener(name, run);
  made.append(...children);
  return made;
}

/** An element that the page has from the start. */
export function need(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** Writes only what differs: nothing is laid out anew, and a selection stays. */
export function setText(node: Node, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Rows by key: those that stay are kept as they are, with what has the focus inside, those that are gone are removed.
 */
export function keyed<T>(
  parent: HTMLElement,
  items: readonly T[],
  keyOf: (item: T) => string,
  make: (item: T) => HTMLElement,
  update: (row: HTMLElement, item: T) => void,
): void {
  const there = new Map<string, HTMLElement>();
  for (const child of parent.children) {
    if (child instanceof HTMLElement) there.set(child.dataset['key'] ?? '', child);
  }
  let at: Element | null = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let row = there.get(key);
    there.delete(key);
    if (row === undefined) {
      row = make(item);
      row.dataset['key'] = key;
    }
    update(row, item);
    if (row === at) at = at.nextElementSibling;
    else parent.insertBefore(row, at);
  }
  for (const gone of there.values()) gone.remove();
}
