// Lint rules for everything that runs in Node. TypeScript is checked with its types, as strictly as typescript-eslint
// goes. What is set otherwise below is so for the whole tree and says why; the layers at the end are the exception, since
// each part of src may know different others.

import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const everywhere = {
  // Promises that nobody awaits are bugs, but for the ones of the test runner, which keeps them itself.
  '@typescript-eslint/no-floating-promises': [
    'error',
    {
      allowForKnownSafeCalls: [
        {
          from: 'package',
          package: 'node:test',
          name: ['after', 'before', 'describe', 'it', 'suite', 'test'],
        },
      ],
    },
  ],
  // `() => socket.destroy()` reads better than the same in braces, and `return stop(reason)` says that it is the end.
  '@typescript-eslint/no-confusing-void-expression': [
    'error',
    { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
  ],
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
  // A text that is spread is meant to fall apart into its characters.
  '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
  // An underscore says that something is there to be skipped; the compiler goes by the same mark.
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
  '@typescript-eslint/switch-exhaustiveness-check': [
    'error',
    {
      allowDefaultCaseForExhaustiveSwitch: true,
      considerDefaultExhaustiveForUnions: false,
      requireDefaultForNonUnion: true,
    },
  ],
  // Functions are made over a closure and have no `this` (see below), so nothing is lost by handing one on by its name.
  '@typescript-eslint/unbound-method': 'off',
  // What a callback changes while a function awaits looks constant to it, and every orchestrator has such variables.
  '@typescript-eslint/no-unnecessary-condition': 'off',
  'no-restricted-syntax': [
    'error',
    {
      selector: 'ThisExpression:not(ClassBody ThisExpression)',
      message: 'Objects are made by functions over a closure; classes are for errors.',
    },
    { selector: 'ExportDefaultDeclaration', message: 'Things are imported by their names.' },
  ],
  eqeqeq: 'error',
};

/** Where an import out of a part of src may lead. What is not named here is the business of src/*.ts, which knows all. */
const layers = [
  layer('src/access-log/*.ts', '../', [
    'config/config',
    'engine/engine',
    'errors',
    'log-writer',
    'metrics/reasons',
    'opened',
  ]),
  // Both run in a browser: what is there of Node is not there for them.
  layer('src/api/*.ts', '../', []),
  layer('src/dashboard/*.ts', '../', ['api/[\\w-]+']),
  layer('src/balance/*.ts', '../', ['engine/engine']),
  layer('src/config/*.ts', '../', []),
  layer('src/discovery/*.ts', '../', []),
  layer('src/engine/*.ts', '../', []),
  layer('src/health/*.ts', '../', []),
  layer('src/explain/*.ts', '../', [
    'balance/[\\w-]+',
    'config/[\\w-]+',
    'engine/engine',
    'output',
    'snapshot/build',
  ]),
  layer('src/metrics/*.ts', '../', ['config/config', 'engine/engine', 'errors', 'listen', 'log']),
  layer('src/service/*.ts', '../', ['engine/binding', 'errors']),
  layer('src/upgrade/*.ts', '../', ['engine/binding', 'errors', 'listen', 'opened']),
  layer('src/snapshot/*.ts', '../', ['balance/compile', 'config/config', 'engine/engine']),
  layer('src/top/*.ts', '../', ['admin/client', 'admin/where', 'api/[\\w-]+', 'errors', 'output']),
  layer('src/doctor/*.ts', '../', ['config/config', 'snapshot/build']),
  layer('src/doctor/checks/*.ts', '../../', ['config/config']),
];

function layer(files, out, known) {
  const path = out.replaceAll('.', '\\.');
  const regex = known.length === 0 ? `^${path}` : `^${path}(?!(${known.join('|')})\\.ts$)`;
  const message = 'This part does not know that one: see "Who knows whom" in ARCHITECTURE.md.';
  return {
    files: [files],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ regex, message }] }] },
  };
}

export default defineConfig(
  { ignores: ['dist/', 'build/', '.build/', 'bench/results/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: [
          './src/tsconfig.json',
          './src/api/tsconfig.json',
          './src/dashboard/tsconfig.json',
          './test/tsconfig.json',
          './bench/tsconfig.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: everywhere,
  },
  layers,
  {
    // Plain JavaScript has no types to check with.
    files: ['**/*.js'],
    extends: [tseslint.configs.strict],
    rules: { eqeqeq: 'error' },
  },
);
