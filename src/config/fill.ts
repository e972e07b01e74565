// Completing a section: each key from the first place that sets it, else its default, with the origin noted down.
// Knows neither the forms of a file nor any key of the product.

import { presetOf, type AnyPart, type AnySection, type Key } from './key.ts';
import type { Span } from './issue.ts';
import type { Origins, Path } from './origins.ts';
import type { Written } from './schema.ts';
import type { Located } from './yaml.ts';

/** One place that may set keys of a section. */
export interface Layer {
  readonly value: Written;
  readonly node: Located;
  /** Whether its keys are defaults for what is below rather than this thing's own. */
  readonly inherited: boolean;
}

export interface Filler {
  /** Earlier layers win, key by key, in nested sections too. */
  fill(section: AnySection, layers: readonly Layer[], path: Path): Record<string, unknown>;
  /** Keys in `node` that nothing has taken from it. */
  untaken(keys: AnySection['keys'], node: Located): readonly Unused[];
}

export interface Unused {
  readonly path: Path;
  readonly span: Span;
}

export function createFiller(origins: Origins): Filler {
  const presets = new Map<Key<unknown>, unknown>();
  const taken = new Set<Located>();

  function preset(part: Key<unknown>): unknown {
    if (!presets.has(part)) presets.set(part, presetOf(part));
    return presets.get(part);
  }

  function fillKey(name: string, part: Key<unknown>, layers: readonly Layer[], path: Path): unknown {
    const layer = layers.find((each) => each.value[name] !== undefined);
    if (!layer) return preset(part);
    const node = layer.node.entries.get(name)?.node ?? layer.node;
    taken.add(node);
    origins.set(path, { start: node.start, end: node.end, inherited: layer.inherited });
    return layer.value[name];
  }

  function fill(section: AnySection, layers: readonly Layer[], path: Path): Record<string, unknown> {
    const filled = Object.entries(section.keys).map(([name, part]): [string, unknown] => {
      const at = [...path, name];
      return [
        name,
        part.is === 'key' ? fillKey(name, part, layers, at) : fill(part, below(layers, name), at),
      ];
    });
    return Object.fromEntries(filled);
  }

  function untaken(keys: AnySection['keys'], node: Located): readonly Unused[] {
    return Object.entries(keys).flatMap(([name, part]: [string, AnyPart]): readonly Unused[] => {
      const entry = node.entries.get(name);
      if (!entry) return [];
      if (part.is === 'section')
        return untaken(part.keys, entry.node).map(({ path, span }) => ({ path: [name, ...path], span }));
      return taken.has(entry.node) ? [] : [{ path: [name], span: entry.key }];
    });
  }

  return { fill, untaken };
}

/** The layers of a nested section: those places that have it at all. */
function below(layers: readonly Layer[], name: string): readonly Layer[] {
  return layers.flatMap(({ value, node, inherited }): readonly Layer[] => {
    const entry = node.entries.get(name);
    const inner = value[name];
    return entry && typeof inner === 'object' && inner !== null
      ? [{ value: inner as Written, node: entry.node, inherited }]
      : [];
  });
}
