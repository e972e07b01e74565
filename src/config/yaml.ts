// Text to values that know where they stand. YAML 1.2 core, so JSON too, and `on` and `off` are words. Refuses what a
// config never needs: control characters, several documents, tags of one's own, keys that come twice, keys that are not
// text, aliases to what is not there yet. Aliases share one value instead of being copied, and what they would unfold
// to is bounded. Knows no key of the product.

import { isAlias, isMap, isScalar, isSeq, type Document, type Node } from 'yaml';

import { composeYaml } from './compose.ts';
import { createSource, quote, type ConfigIssue, type Problem, type Source, type Span } from './issue.ts';

/** A value of the file, with the places of it and of all that is in it. */
export interface Located extends Span {
  /** Plain: maps are objects without a prototype, in which `__proto__` is a key like others. */
  readonly value: unknown;
  /** Of a map or a list; in the order of the file. */
  readonly entries: ReadonlyMap<string | number, Entry>;
  /** Values in it, itself included, aliases unfolded. */
  readonly weight: number;
}

export interface Entry {
  /** Where the key stands; in a list where the item does. */
  readonly key: Span;
  readonly node: Located;
}

export type ParseResult =
  | { readonly ok: true; readonly root: Located; readonly source: Source }
  | { readonly ok: false; readonly issues: readonly ConfigIssue[] };

/** Aliases unfolded; ten thousand backends are some 60,000. */
const MOST_VALUES = 400_000;
const NOTHING: ReadonlyMap<string | number, Entry> = new Map();
/** What YAML does not allow in a file, and the C1 controls. */
const UNPRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u{fffe}\u{ffff}]/u;

export function parseYaml(file: string, text: string): ParseResult {
  const source = createSource(file, text);
  const fail = (problems: readonly Problem[]): ParseResult => ({
    ok: false,
    issues: source.issues(problems),
  });
  const control = UNPRINTABLE.exec(text);
  if (control) {
    const code = (control[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    const message = `control characters (here U+${code}) have no place in a config`;
    return fail([{ span: span(control.index, control.index + 1), message }]);
  }
  const composed = composeYaml(text);
  if (!composed.ok) return fail(composed.problems);
  const { document } = composed;
  const version = document.directives.yaml;
  if (version.explicit === true && version.version !== '1.2') {
    return fail([
      {
        span: span(0, 0),
        message: `this file says that it is YAML ${version.version}; a config is YAML 1.2`,
      },
    ]);
  }
  const converted = convert(source, document);
  return converted.problems.length > 0
    ? fail(converted.problems)
    : { ok: true, root: converted.root, source };
}

/** Nodes to values. Each node is visited once, whatever aliases there are. */
function convert(
  source: Source,
  document: Document.Parsed,
): { readonly root: Located; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const anchors = new Map<string, Located | 'open'>();

  function located(node: Node | null | undefined, near: Span): Located {
    if (isAlias(node)) return aliased(node.source, spanOf(node, near));
    if (node === null || node === undefined) return { value: null, entries: NOTHING, weight: 1, ...near };
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) anchors.set(anchor, 'open');
    const result = plain(node, spanOf(node, near));
    if (anchor !== undefined) anchors.set(anchor, result);
    return result;
  }

  function plain(node: Node, place: Span): Located {
    if (isMap(node)) return mapped(node.items as readonly { key: Node | null; value: Node | null }[], place);
    if (isSeq(node)) return listed(node.items as readonly Node[], place);
    return { value: isScalar(node) ? node.value : null, entries: NOTHING, weight: 1, ...place };
  }

  function mapped(items: readonly { key: Node | null; value: Node | null }[], place: Span): Located {
    const value = Object.create(null) as Record<string, unknown>;
    const entries = new Map<string, Entry>();
    let weight = 1;
    for (const item of items) {
      const at = spanOf(item.key, place);
      const name = isScalar(item.key) && typeof item.key.value === 'string' ? item.key.value : undefined;
      if (name === undefined) {
        problems.push({ span: at, message: 'a key has to be plain text' });
        continue;
      }
      const node = located(item.value, at);
      weight += node.weight;
      const first = entries.get(name);
      if (first) {
        const message = (): string =>
          `the key ${quote(name)} comes twice; first in line ${source.line(first.key.start)}`;
        problems.push({ span: at, message });
        continue;
      }
      entries.set(name, { key: at, node });
      value[name] = node.value;
    }
    return { value, entries, weight, ...place };
  }

  function listed(items: readonly Node[], place: Span): Located {
    const entries = new Map<number, Entry>();
    let weight = 1;
    for (const [index, item] of items.entries()) {
      const node = located(item, place);
      weight += node.weight;
      entries.set(index, { key: node, node });
    }
    return { value: [...entries.values()].map((entry) => entry.node.value), entries, weight, ...place };
  }

  function aliased(name: string, place: Span): Located {
    const target = anchors.get(name);
    if (target !== undefined && target !== 'open') return target;
    const problem = target === 'open' ? 'is part of what it names' : 'names nothing before it';
    problems.push({ span: place, message: `the alias ${quote(`*${name}`)} ${problem}` });
    return { value: null, entries: NOTHING, weight: 1, ...place };
  }

  const root = located(document.contents, span(0, 0));
  if (problems.length === 0 && root.weight > MOST_VALUES) {
    problems.push({
      span: root,
      message: `this file has too many values: more than ${MOST_VALUES}, aliases unfolded`,
    });
  }
  return { root, problems };
}

function spanOf(node: Node | null | undefined, near: Span): Span {
  const range = node?.range;
  return range ? span(range[0], range[1]) : span(near.start, near.end);
}

function span(start: number, end: number): Span {
  return { start, end };
}
