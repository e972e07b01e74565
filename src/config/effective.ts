// The effective config: every value that is in force and where it comes from. The text is itself a config, in the form
// of the file, which reads back to the same values; each value has a line of its own and its origin as a comment.

import type { Config } from './config.ts';
import { formatAddress } from './address.ts';
import { escapeControls } from './issue.ts';
import type { AnySection } from './key.ts';
import { printText } from './kinds.ts';
import type { Loaded } from './load.ts';
import type { Path } from './origins.ts';
import { sections } from './schema.ts';

interface Line {
  readonly text: string;
  readonly comment?: string;
}

/** Comments begin here, unless the value is longer. */
const COMMENT_COLUMN = 48;

export function effectiveConfig(loaded: Loaded): string {
  const { config, form } = loaded;
  const lines = form === 'flat' ? flatLines(loaded, config) : fullLines(loaded, config);
  const head = `# ${escapeControls(config.file)}: all values in force; 'default' is what nobody set\n`;
  return (
    head +
    lines
      .map(({ text, comment }) =>
        comment === undefined ? text : `${text.padEnd(COMMENT_COLUMN - 1)} # ${comment}`,
      )
      .join('\n') +
    '\n'
  );
}

function flatLines(loaded: Loaded, config: Config): readonly Line[] {
  const [listener] = config.listeners;
  const [pool] = config.pools;
  if (!listener || !pool) return [];
  const { connection_settings: _both, ...poolKeys } = sections.pool.keys; // the listener's has all of them
  return [
    listenLine(loaded, '', listener.listen, ['listeners', 0, 'listen']),
    ...settings(loaded, sections.process, config, [], ''),
    ...settings(loaded, sections.listener, listener, ['listeners', 0], ''),
    ...settings(loaded, { ...sections.pool, keys: poolKeys }, pool, ['pools', 0], ''),
    ...backendLines(loaded, pool.backends, ['pools', 0, 'backends'], ''),
  ];
}

function fullLines(loaded: Loaded, config: Config): readonly Line[] {
  const lines: Line[] = [...settings(loaded, sections.process, config, [], ''), { text: 'listeners:' }];
  for (const [index, listener] of config.listeners.entries()) {
    const path = ['listeners', index];
    lines.push(
      { text: `  ${printText(listener.name)}:` },
      listenLine(loaded, '    ', listener.listen, [...path, 'listen']),
      { text: `    pool: ${printText(listener.pool)}`, comment: origin(loaded, [...path, 'pool']) },
      ...settings(loaded, sections.listener, listener, path, '    '),
    );
  }
  lines.push({ text: 'pools:' });
  for (const [index, pool] of config.pools.entries()) {
    const path = ['pools', index];
    lines.push(
      { text: `  ${printText(pool.name)}:` },
      ...settings(loaded, sections.pool, pool, path, '    '),
      ...backendLines(loaded, pool.backends, [...path, 'backends'], '    '),
    );
  }
  return lines;
}

function settings(
  loaded: Loaded,
  section: AnySection,
  values: object,
  path: Path,
  indent: string,
): readonly Line[] {
  const all = values as Readonly<Record<string, unknown>>;
  return Object.entries(section.keys).flatMap(([name, part]): readonly Line[] => {
    const [value, at] = [all[name], [...path, name]];
    if (part.is === 'section')
      return [{ text: `${indent}${name}:` }, ...settings(loaded, part, value as object, at, `${indent}  `)];
    return [{ text: `${indent}${name}: ${part.kind.print(value)}`, comment: origin(loaded, at) }];
  });
}

function listenLine(
  loaded: Loaded,
  indent: string,
  listen: Config['listeners'][number]['listen'],
  path: Path,
): Line {
  const addresses = listen.map((address) => printText(formatAddress(address)));
  const text = addresses.length === 1 ? addresses[0] : `[${addresses.join(', ')}]`;
  return { text: `${indent}listen: ${text ?? ''}`, comment: origin(loaded, path) };
}

function backendLines(
  loaded: Loaded,
  backends: Config['pools'][number]['backends'],
  path: Path,
  indent: string,
): readonly Line[] {
  const lines = backends.flatMap((backend, index) => {
    const own = settings(loaded, sections.backend, backend, [...path, index], `${indent}    `);
    return own.map((line, at) =>
      at === 0 ? { ...line, text: `${indent}  - ${line.text.trimStart()}` } : line,
    );
  });
  return [{ text: `${indent}backends:` }, ...lines];
}

function origin({ origins, source, config }: Loaded, path: Path): string {
  const found = origins.of(path);
  if (!found) return 'default';
  const { line, column } = source.place(found.start);
  return `${found.inherited ? 'from top level ' : ''}${escapeControls(config.file)}:${line}:${column}`;
}
