// Reads from an expression what it asks for: selectors with their matchers, and what it groups by. Not a parser of PromQL:
// just enough for the expressions of this project, and it refuses nothing.

export interface Selector {
  readonly name: string;
  readonly matchers: readonly { readonly label: string; readonly values: readonly string[] }[];
}

export interface Asked {
  readonly selectors: readonly Selector[];
  readonly groupedBy: readonly string[];
}

const GROUPING = /\b(?:by|on|group_left|group_right)\s*\(([^)]*)\)/g;
const SELECTOR = /(?<![\w$])([a-zA-Z_:][\w:]*)\s*(\{(?:[^}"]|"(?:[^"\\]|\\.)*")*\})?/g;
const MATCHER = /(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;
const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'ignoring', 'without', 'inf', 'nan']);

export function selectorsOf(expression: string): Asked {
  const groupedBy: string[] = [];
  const rest = expression
    .replaceAll(GROUPING, (_all, labels: string) => {
      groupedBy.push(...labels.split(',').map((label) => label.trim()));
      return ' ';
    })
    .replaceAll(/\[[^\]]*\]/g, ' ');
  const selectors: Selector[] = [];
  for (const found of rest.matchAll(SELECTOR)) {
    const [all, name = '', matchers = ''] = found;
    const next = rest.slice(found.index + all.length).trimStart();
    if (matchers === '' && (next.startsWith('(') || WORDS.has(name.toLowerCase()))) continue;
    selectors.push({
      name,
      matchers: [...matchers.matchAll(MATCHER)].map(([, label = '', operator = '', value = '']) => ({
        label,
        values: operator.endsWith('~') ? value.split('|') : [value],
      })),
    });
  }
  return { selectors, groupedBy: groupedBy.filter((label) => label !== '') };
}
