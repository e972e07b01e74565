// The schema for other readers: as JSON Schema for editors, and as a config file in which every key has its default.
// Nothing is written to disk here; scripts/generate.js does that.

import { z } from 'zod';

import type { AnyPart, AnySection } from './key.ts';
import { fileSchema, listenSchema, sections } from './schema.ts';

/** Draft 2020-12. Describes what may be written, in either form; what one key asks of another is beyond it. */
export function jsonSchema(): Record<string, unknown> {
  const generated = convert(fileSchema);
  return {
    $schema: generated['$schema'],
    title: 'ultrabalancer-l4 config',
    ...generated,
    oneOf: [{ required: ['listen', 'backends'] }, { required: ['listeners', 'pools'] }],
  };
}

function convert(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema: json }) => {
      const part: unknown = zodSchema;
      const meta = z.globalRegistry.get(part as z.ZodType);
      // The converter leaves defaults out where reading changes the value, as it does for times and sizes.
      if (meta?.['default'] !== undefined) Object.assign(json, { default: meta['default'] });
      if (part instanceof z.ZodMap) {
        const { $schema: _draft, ...items } = convert(part.valueType as z.ZodType);
        Object.assign(json, { type: 'object', minProperties: 1, additionalProperties: items });
      }
      if (part === listenSchema) {
        for (const key of ['type', 'items', 'minItems', 'maxItems'] as const)
          Reflect.deleteProperty(json, key);
      }
    },
  });
}

/** A flat config that says what would hold without it, each key with its sentence. */
export function defaultFile(): string {
  const { connection_settings: _both, ...poolKeys } = sections.pool.keys; // the listener's has all of them
  const lines = [
    'listen: 127.0.0.1:8080',
    'backends:',
    '  - host: 127.0.0.1',
    '    port: 9001',
    ...presets(
      { weight: part('weight'), max_connections: part('max_connections'), backup: part('backup') },
      '    ',
    ),
    ...presets(sections.listener.keys, ''),
    ...presets(poolKeys, ''),
    ...presets(sections.process.keys, ''),
  ];
  return `${lines.join('\n')}\n`;
}

function part(name: string): AnyPart {
  const found = sections.backend.keys[name];
  if (!found) throw new Error(`no key ${name}`);
  return found;
}

function presets(keys: AnySection['keys'], indent: string): readonly string[] {
  return Object.entries(keys).flatMap(([name, each]): readonly string[] => {
    const about = wrap(each.about, 118 - indent.length).map((line) => `${indent}# ${line}`);
    const before = indent === '' ? [''] : [];
    if (each.is === 'section')
      return [...before, ...about, `${indent}${name}:`, ...presets(each.keys, `${indent}  `)];
    return [
      ...before,
      ...about,
      `${indent}${name}: ${JSON.stringify(each.preset).replace(/^"([a-z_]+)"$/, '$1')}`,
    ];
  });
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
